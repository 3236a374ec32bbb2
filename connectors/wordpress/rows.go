package wordpress

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// convert turns one value of the wire into the canonical value of its column.
type convert func(dst []byte, raw jsontext.Value) ([]byte, error)

// rowPlan reads rows of one table from the wire straight into the canonical
// record object, without a map in between: a page is parsed once, into one
// buffer.
type rowPlan struct {
	fields []planField         // sorted by column id, as canonical objects are
	index  map[string]planStep // quoted wire name → what to do with its value
	meta   map[string]int      // quoted meta key → field
	marker int                 // field of modified_gmt, or -1
	wire   string              // the _fields parameter
}

type planField struct {
	column string
	prefix []byte // "column":
	conv   convert
}

// planStep: a plain value, the raw member of a rich text, or the meta object.
type planStep struct {
	field int
	raw   bool
	meta  bool
	id    bool
	state bool
}

// planRows prepares for a schema. ids alone asks for nothing but ids.
func planRows(schema connectors.Schema, idsAlone bool) *rowPlan {
	p := &rowPlan{index: map[string]planStep{`"id"`: {id: true}}, meta: map[string]int{}, marker: -1}
	wire := []string{"id"}
	columns := slices.Clone(schema.Columns)
	slices.SortFunc(columns, func(a, b models.Column) int { return cmp.Compare(a.ID, b.ID) })
	posts := kindOf(schema) == kindPosts
	for _, c := range columns {
		if idsAlone || c.Local || c.Removed {
			continue
		}
		n := len(p.fields)
		p.fields = append(p.fields, planField{column: c.ID, prefix: append(strconv.AppendQuote(nil, c.ID), ':'), conv: converter(c)})
		switch {
		case isMeta(c.ID):
			p.meta[strconv.Quote(strings.TrimPrefix(c.ID, metaPrefix))] = n
			p.index[`"meta"`] = planStep{meta: true}
			if !slices.Contains(wire, "meta") {
				wire = append(wire, "meta")
			}
		case posts && rich(c.ID):
			p.index[strconv.Quote(c.ID)] = planStep{field: n, raw: true}
			wire = append(wire, c.ID+".raw")
		default:
			p.index[strconv.Quote(c.ID)] = planStep{field: n}
			wire = append(wire, c.ID)
		}
		if c.ID == "modified_gmt" {
			p.marker = n
		}
	}
	if _, ok := p.index[`"status"`]; !ok && posts {
		p.index[`"status"`] = planStep{state: true}
		if idsAlone {
			wire = append(wire, "status")
		}
	}
	p.wire = strings.Join(wire, ",")
	return p
}

// rich names the fields that come as {"raw":…,"rendered":…}. Only raw is ever
// taken: rendered text has filters applied and must not be written back.
func rich(id string) bool {
	switch id {
	case "title", "content", "excerpt", "caption", "description":
		return true
	}
	return false
}

var errForm = errors.New("a value has another form than WordPress documents")

func converter(c models.Column) convert {
	switch c.Kind {
	case models.ColumnReference:
		return reference
	case models.ColumnReferences:
		return references
	case models.ColumnInteger, models.ColumnNumber:
		return number
	case models.ColumnDateTime:
		return instant
	case models.ColumnJSON, models.ColumnBoolean:
		return anything
	default:
		return text
	}
}

func anything(dst []byte, raw jsontext.Value) ([]byte, error) {
	return models.AppendCanonical(dst, raw)
}

func text(dst []byte, raw jsontext.Value) ([]byte, error) {
	switch raw.Kind() {
	case '"', 'n':
		if plain(raw) {
			return append(dst, raw...), nil
		}
		return models.AppendCanonical(dst, raw)
	case 'f': // PHP's false for "none"
		return append(dst, `""`...), nil
	case '0': // a number where a plugin forgot to make it a text
		return append(append(append(dst, '"'), raw...), '"'), nil
	default:
		return dst, errForm
	}
}

// plain tells that a value is canonical as it stands, as most short texts are.
func plain(raw []byte) bool {
	for _, c := range raw {
		if c == '\\' || c < 0x20 || c >= 0x7f {
			return false
		}
	}
	return true
}

// number keeps digits as text, so that none is lost.
func number(dst []byte, raw jsontext.Value) ([]byte, error) {
	switch raw.Kind() {
	case '0':
		return append(append(append(dst, '"'), raw...), '"'), nil
	case '"', 'n':
		return models.AppendCanonical(dst, raw)
	default:
		return dst, errForm
	}
}

// reference reads an id; 0 is none.
func reference(dst []byte, raw jsontext.Value) ([]byte, error) {
	switch {
	case raw.Kind() == 'n' || raw.Kind() == 'f' || string(raw) == "0":
		return append(dst, "null"...), nil
	case raw.Kind() == '0':
		return append(append(append(dst, '"'), raw...), '"'), nil
	}
	return dst, errForm
}

// references reads a list of ids. Their order means nothing to WordPress and
// may change, so it is made the same each time.
func references(dst []byte, raw jsontext.Value) ([]byte, error) {
	if raw.Kind() != '[' {
		if raw.Kind() == 'n' || raw.Kind() == 'f' {
			return append(dst, "[]"...), nil
		}
		return dst, errForm
	}
	var ids [16]int64
	list := ids[:0]
	for item := range bytes.SplitSeq(raw[1:len(raw)-1], []byte{','}) {
		item = bytes.TrimSpace(item)
		if len(item) == 0 {
			continue
		}
		n, err := strconv.ParseInt(string(item), 10, 64)
		if err != nil {
			return dst, errForm
		}
		list = append(list, n)
	}
	slices.Sort(list)
	dst = append(dst, '[')
	for i, n := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(strconv.AppendInt(append(dst, '"'), n, 10), '"')
	}
	return append(dst, ']'), nil
}

// instant reads a …_gmt date, which is UTC without saying so. A zero date is
// none.
func instant(dst []byte, raw jsontext.Value) ([]byte, error) {
	if raw.Kind() != '"' || len(raw) < 21 || bytes.HasPrefix(raw, []byte(`"0000`)) {
		return append(dst, "null"...), nil
	}
	body := raw[1 : len(raw)-1]
	dst = append(append(dst, '"'), body...)
	if last := body[len(body)-1]; last >= '0' && last <= '9' && len(body) == len("2006-01-02T15:04:05") {
		dst = append(dst, 'Z')
	}
	return append(dst, '"'), nil
}
