package postgres

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// rowPlan says how a row of the wire becomes a record: its columns in the order
// of their JSON keys, so that the canonical object is written in one pass.
type rowPlan struct {
	relation *relation
	cells    []planned
	key      []int  // places in cells of the key's columns
	marker   bool   // a column with the row's version follows
	version  string // the last one
	texts    []string
	large    bool // a column that says whether a cell is too large follows
	hashed   bool // two columns that make up an id follow: a row's digest, and its number among equal ones
}

type planned struct {
	column column
	prefix []byte // "name":
	format int16
	write  appendCell
}

// errColumnGone is for a column the schema names and the table does not have.
var errColumnGone = errors.New("a column is gone")

// planRows prepares for the columns of a schema, and those of the key.
func (r *relation) planRows(schema connectors.Schema) (*rowPlan, error) {
	p := &rowPlan{relation: r, marker: r.versioned() && len(r.key) > 0, hashed: len(r.key) == 0}
	for _, wanted := range schema.Columns {
		if wanted.Local || wanted.Removed {
			continue
		}
		c, ok := r.column(wanted.ID)
		if !ok {
			return nil, &connectors.Error{
				Kind: connectors.KindInvalid, Service: Service, Table: schema.RemoteID, Column: wanted.ID, Code: "column_gone",
				Tried: "read the table's columns", Reason: fmt.Sprintf("the table no longer has a column %q", models.Bound(wanted.ID, 100)),
				Hint: "Download the table again: its columns are read anew.", Cause: errColumnGone,
			}
		}
		format, write := c.cellOf()
		p.cells = append(p.cells, planned{column: c, prefix: append(models.AppendJSONString(nil, c.name), ':'), format: format, write: write})
	}
	slices.SortFunc(p.cells, func(a, b planned) int { return bytes.Compare(a.prefix[:len(a.prefix)-2], b.prefix[:len(b.prefix)-2]) })
	for _, name := range r.key {
		at := slices.IndexFunc(p.cells, func(c planned) bool { return c.column.name == name })
		if at < 0 {
			return nil, &connectors.Error{
				Kind: connectors.KindPermission, Service: Service, Table: schema.RemoteID, Column: name, Code: "key_unreadable",
				Tried: "read the table's columns", Reason: fmt.Sprintf("the key's column %q is not among those that are read", name),
				Hint: "Grant the role SELECT on the key's columns, or download the table again.",
			}
		}
		p.key = append(p.key, at)
	}
	return p, nil
}

// columns is the select list. from is what the columns belong to.
func (p *rowPlan) columns(from string) string {
	list := make([]string, 0, len(p.cells)+3)
	for _, c := range p.cells {
		name := from + quote(c.column.name)
		if p.large && c.column.unbounded() {
			// A cell that is no record's stays where it is.
			name = fmt.Sprintf("CASE WHEN %s OPERATOR(pg_catalog.>) %d THEN NULL ELSE %s END", c.column.weight(name), models.MaxRecordBytes, name)
		}
		list = append(list, name)
	}
	if p.marker {
		list = append(list, from+"xmin")
	}
	if p.large {
		list = append(list, p.tooLarge(from))
	}
	return strings.Join(list, ", ")
}

// tooLarge is the condition that a cell of a row is larger than a record may be.
func (p *rowPlan) tooLarge(from string) string {
	var over []string
	for _, c := range p.cells {
		if c.column.unbounded() {
			over = append(over, fmt.Sprintf("%s OPERATOR(pg_catalog.>) %d", c.column.weight(from+quote(c.column.name)), models.MaxRecordBytes))
		}
	}
	if len(over) == 0 {
		return "false"
	}
	return "coalesce(" + strings.Join(over, " OR ") + ", false)"
}

// unbounded reports whether a value may be of any size.
func (c *column) unbounded() bool {
	switch c.family() {
	case familyText:
		const small = 100_000
		return c.base != oidUUID && c.base != oidName && c.base != oidChar && (c.length() == 0 || c.length() > small)
	case familyBytes, familyJSON, familyArray, familyOther:
		return true
	default:
		return false
	}
}

// weight is a value's size, found without fetching it. Of what is not plain text
// or bytes it is the stored, compressed size; those that unfold to more than a
// record holds are noticed when they come.
func (c *column) weight(name string) string {
	switch c.base {
	case oidText, oidVarchar, oidBpchar, oidBytea:
		return "pg_catalog.octet_length(" + name + ")"
	default:
		return "pg_catalog.pg_column_size(" + name + ")"
	}
}

// formats are those of the select list.
func (p *rowPlan) formats() []int16 {
	formats := make([]int16, 0, len(p.cells)+3)
	for _, c := range p.cells {
		formats = append(formats, c.format)
	}
	if p.marker {
		formats = append(formats, asText)
	}
	if p.large {
		formats = append(formats, asText)
	}
	if p.hashed {
		formats = append(formats, asText, asText)
	}
	return formats
}

// width is how many columns the select list has.
func (p *rowPlan) width() int {
	n := len(p.cells) + p.markers()
	if p.large {
		n++
	}
	if p.hashed {
		n += 2
	}
	return n
}

// holds reports whether a result has the columns that were planned for: a table
// may be altered between the look into the catalogue and the query.
func (p *rowPlan) holds(fields []pgconn.FieldDescription) bool {
	if len(fields) != p.width() {
		return false
	}
	for i, c := range p.cells {
		if fields[i].DataTypeOID != c.column.base {
			return false
		}
	}
	return true
}

// row is what a row of the wire gave besides its fields.
type row struct {
	id     string
	marker string
	digest string // of a table without a key
	number string
	// left says why the row makes no record; its id is known.
	left *models.Problem
}

// read writes a row's canonical object to dst. Of a row that makes no record
// dst stays as it was.
func (p *rowPlan) read(dst []byte, wire [][]byte, spans [][2]int) ([]byte, row, error) {
	var out row
	start := len(dst)
	large := p.large && isTrue(wire[len(p.cells)+p.markers()])
	weight := 0
	for _, value := range wire[:len(p.cells)] {
		weight += len(value)
	}
	large = large || weight > models.MaxRecordBytes
	dst = append(dst, '{')
	for i := range p.cells {
		if i > 0 {
			dst = append(dst, ',')
		}
		c := &p.cells[i]
		dst = append(dst, c.prefix...)
		from := len(dst)
		switch {
		case wire[i] == nil, large && !slices.Contains(p.key, i):
			dst = append(dst, "null"...)
		default:
			var err error
			if dst, err = c.write(dst, wire[i]); err != nil {
				dst, out.left = append(dst[:from], "null"...), p.malformed(i, wire[i], err)
			}
		}
		spans[i] = [2]int{from, len(dst)}
	}
	dst = append(dst, '}')
	if err := p.identify(dst, wire, spans, &out); err != nil {
		return dst[:start], out, err
	}
	if large || len(dst)-start > models.MaxRecordBytes {
		out.left = models.NewProblem(models.KindTooLarge, "records.too_large",
			fmt.Sprintf("Row %s of %s was left out: it is larger than a record may be, %d MB.", models.Bound(out.id, 100), p.relation, models.MaxRecordBytes>>20),
			"Shorten the row, or leave its large column out with a view.")
	}
	if out.left != nil {
		return dst[:start], out, nil
	}
	return dst, out, nil
}

func (p *rowPlan) markers() int {
	if p.marker {
		return 1
	}
	return 0
}

// identify makes a row's id of its key.
func (p *rowPlan) identify(dst []byte, wire [][]byte, spans [][2]int, out *row) error {
	if p.marker {
		// Rows written together have one version.
		if version := wire[len(p.cells)]; string(version) != p.version {
			p.version = string(version)
		}
		out.marker = p.version
	}
	if p.hashed {
		out.digest, out.number = string(wire[len(wire)-2]), string(wire[len(wire)-1])
		if out.id = out.digest; out.number != "1" {
			out.id += "-" + out.number
		}
		return nil
	}
	if p.texts == nil {
		p.texts = make([]string, len(p.key))
	}
	for i, at := range p.key {
		if wire[at] == nil {
			return &connectors.Error{
				Kind: connectors.KindInvalid, Service: Service, Tried: "read a row", Table: p.relation.String(), Column: p.cells[at].column.name,
				Code: "identity_empty", Reason: "an identity column of a row has no value", Hint: "Choose identity columns that every row has, or fill them in at the database.",
			}
		}
		p.texts[i] = textOf(dst[spans[at][0]:spans[at][1]])
	}
	out.id = recordID(p.texts)
	return nil
}

func (p *rowPlan) malformed(i int, value []byte, err error) *models.Problem {
	c := &p.cells[i].column
	return models.NewProblem(models.KindInvalid, "records.unreadable",
		fmt.Sprintf("A row of %s was left out: its value in column %q (%s, %d bytes) could not be read: %v.",
			p.relation, models.Bound(c.name, 100), c.declared, len(value), err),
		"Correct the value, or leave the column out with a view.")
}

// order is the key's columns as ORDER BY has them.
func (p *rowPlan) order() string {
	names := make([]string, len(p.relation.key))
	for i, name := range p.relation.key {
		names[i] = "t." + quote(name)
	}
	return strings.Join(names, ", ")
}
