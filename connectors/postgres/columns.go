package postgres

import (
	"slices"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// OIDs of the types this package knows, from pg_type.dat; they never change.
const (
	oidBool        = 16
	oidBytea       = 17
	oidChar        = 18
	oidName        = 19
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidOID         = 26
	oidJSON        = 114
	oidFloat4      = 700
	oidFloat8      = 701
	oidBpchar      = 1042
	oidVarchar     = 1043
	oidDate        = 1082
	oidTime        = 1083
	oidTimestamp   = 1114
	oidTimestamptz = 1184
	oidNumeric     = 1700
	oidUUID        = 2950
	oidJSONB       = 3802
)

// family is how values of a type are written as JSON.
type family int

const (
	familyOther family = iota // the type's own text: interval, inet, ranges, money, composites, whatever extensions bring
	familyText
	familyBool
	familyInteger
	familyNumber
	familyDate
	familyTimestamp
	familyInstant
	familyTime
	familyBytes
	familyJSON
	familyEnum
	familyArray
)

var families = map[uint32]family{
	oidBool: familyBool, oidBytea: familyBytes, oidChar: familyText, oidName: familyText,
	oidInt8: familyInteger, oidInt2: familyInteger, oidInt4: familyInteger, oidOID: familyInteger,
	oidText: familyText, oidBpchar: familyText, oidVarchar: familyText,
	oidJSON: familyJSON, oidJSONB: familyJSON, oidFloat4: familyNumber, oidFloat8: familyNumber, oidNumeric: familyNumber,
	oidDate: familyDate, oidTime: familyTime, oidTimestamp: familyTimestamp, oidTimestamptz: familyInstant, oidUUID: familyText,
}

func (c *column) family() family {
	switch {
	case c.kind == "e":
		return familyEnum
	case c.element != 0:
		return familyArray
	default:
		return families[c.base]
	}
}

// grows reports whether the column can tell what changed since.
func (c *column) grows() bool {
	switch c.base {
	case oidInt2, oidInt4, oidInt8, oidDate, oidTimestamp, oidTimestamptz:
		return true
	default:
		return false
	}
}

// shortText is up to which declared length a text is one line.
const shortText = 500

// length is the most characters a text holds, 0 where the type says none.
func (c *column) length() int {
	const header = 4 // a type modifier of a text is its length and this
	switch {
	case c.base == oidName:
		return 63
	case (c.base == oidVarchar || c.base == oidBpchar) && c.modifier > header:
		return c.modifier - header
	default:
		return 0
	}
}

// columnOf gives a column as Scratch shows it.
func (r *relation) columnOf(c column, readOnly bool) models.Column {
	out := models.Column{ID: c.name, Name: c.name, Kind: models.ColumnText, Compare: models.CompareExact, Hint: c.hint()}
	switch c.family() {
	case familyText:
		out.MaxLength = c.length()
		if (c.base == oidText || c.base == oidVarchar) && (out.MaxLength == 0 || out.MaxLength > shortText) {
			out.Kind = models.ColumnLongText
		}
		if c.base == oidBpchar { // spaces at its end are the type's, not the value's
			out.Compare = models.CompareTrimmed
		}
	case familyBool:
		out.Kind = models.ColumnBoolean
	case familyInteger:
		out.Kind, out.Compare = models.ColumnInteger, models.CompareNumber
	case familyNumber:
		out.Kind, out.Compare = models.ColumnNumber, models.CompareNumber
	case familyDate:
		out.Kind = models.ColumnDate
	case familyTimestamp, familyInstant:
		out.Kind, out.Compare = models.ColumnDateTime, models.CompareInstant
	case familyTime:
		out.Kind = models.ColumnTime
	case familyJSON, familyArray:
		out.Kind = models.ColumnJSON
	case familyEnum:
		out.Kind = models.ColumnSelect
		for _, label := range c.labels {
			out.Options = append(out.Options, models.Option{ID: label, Name: label})
		}
	case familyOther, familyBytes:
	}
	if c.refers != "" {
		switch c.family() {
		case familyText, familyInteger:
			out.Kind, out.References, out.Compare = models.ColumnReference, c.refers, models.CompareExact
		default: // a key of another kind is no text that stands in for its record
		}
	}
	out.ReadOnly = readOnly || c.generated || !c.inserts && !c.updates || r.reserves(c)
	natural := slices.Contains(r.key, c.name) && !r.reserves(c)
	// An empty text is a value, and so is an empty array: only a kind whose empty
	// form is no value at all can be required.
	switch out.Kind {
	case models.ColumnText, models.ColumnLongText, models.ColumnJSON:
		out.Required = natural && !out.ReadOnly
	default:
		out.Required = (natural || c.notNull && c.fallback == "" && !c.identity) && !out.ReadOnly
	}
	return out
}

// reserves reports whether a new row's value of a key column comes from the
// database, asked for beforehand.
func (r *relation) reserves(c column) bool {
	return slices.Contains(r.key, c.name) && (c.identity || c.fallback != "" && !r.chosen)
}

// described is the relation as the contract has it.
func (r *relation) described(remoteID string, raw []byte) connectors.Schema {
	why := r.why()
	schema := connectors.Schema{RemoteID: remoteID, Name: r.name, ReadOnly: why != "", Why: why, Settings: raw}
	if r.schema != "public" {
		schema.Name = r.schema + "." + r.name
	}
	for _, c := range r.columns {
		if !c.selects {
			continue
		}
		column := r.columnOf(c, schema.ReadOnly)
		column.Position = len(schema.Columns)
		schema.Columns = append(schema.Columns, column)
	}
	schema.TitleColumn = r.title(schema.Columns)
	return schema
}

// titles are names that people give to the column they call a row by.
var titles = []string{"title", "name", "label", "full_name", "display_name", "subject", "headline", "slug", "email", "username", "code"}

func (r *relation) title(columns []models.Column) string {
	for _, name := range titles {
		if slices.ContainsFunc(columns, func(c models.Column) bool { return c.ID == name }) {
			return name
		}
	}
	for _, c := range columns {
		own, _ := r.column(c.ID)
		if own.family() == familyText && own.base != oidUUID && !slices.Contains(r.key, c.ID) && c.References == "" {
			return c.ID
		}
	}
	if len(r.key) > 0 {
		return r.key[0]
	}
	return ""
}
