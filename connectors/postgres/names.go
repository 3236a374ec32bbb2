package postgres

import (
	"encoding/json"
	"strings"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// tableName is a table by its schema and its name, as they are.
type tableName struct{ schema, name string }

// String is the remote id: schema.name, each in double quotes where the
// database would need them.
func (n tableName) String() string { return quoteIfOdd(n.schema) + "." + quoteIfOdd(n.name) }

// sql is the name as it stands in a statement: always quoted, so that no name
// can be anything but a name.
func (n tableName) sql() string { return quote(n.schema) + "." + quote(n.name) }

// quote writes an identifier. Its length and characters are the server's to
// judge; U+0000, which ends a text on the wire, is in no name.
func quote(name string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(name, "\x00", ""), `"`, `""`) + `"`
}

func quoteIfOdd(name string) string {
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || name[0] >= '0' && name[0] <= '9' {
		return quote(name)
	}
	return name
}

// parseTable reads a remote id. A name alone is one of the schema public.
func parseTable(remoteID string) (tableName, error) {
	first, rest, ok := cutName(remoteID)
	if !ok {
		return tableName{}, noTable(remoteID)
	}
	if rest == "" {
		return tableName{"public", first}, nil
	}
	second, rest, ok := cutName(strings.TrimPrefix(rest, "."))
	if !ok || rest != "" {
		return tableName{}, noTable(remoteID)
	}
	return tableName{first, second}, nil
}

// cutName takes a name, quoted or not, off the front of a text.
func cutName(text string) (name, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, `."`)
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], end > 0
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		if text[i] != '"' {
			b.WriteByte(text[i])
			continue
		}
		if i+1 < len(text) && text[i+1] == '"' {
			b.WriteByte('"')
			i++
			continue
		}
		return b.String(), text[i+1:], b.Len() > 0
	}
	return "", "", false
}

func noTable(remoteID string) error {
	return &connectors.Error{
		Kind: connectors.KindNotFound, Service: Service, Tried: "find the table", Table: models.Bound(remoteID, 300), Code: "no_table",
		Reason: "no table has this id", Hint: `Ids are written schema.table, such as public.orders or "My schema"."My table".`,
	}
}

// recordID is a record's id at the service: its key's text, or, of several
// columns, a JSON array of texts. A text that is empty, which no id may be, or
// begins with a quote is written as JSON.
func recordID(key []string) string {
	if len(key) == 1 {
		if key[0] == "" || key[0][0] == '"' {
			return string(models.AppendJSONString(nil, key[0]))
		}
		return key[0]
	}
	out := []byte{'['}
	for i, part := range key {
		if i > 0 {
			out = append(out, ',')
		}
		out = models.AppendJSONString(out, part)
	}
	return string(append(out, ']'))
}

// keyOf takes a record's id apart; ok is false when it is no id of a key of so
// many columns.
func keyOf(id string, columns int) (key []string, ok bool) {
	if columns == 1 {
		if !strings.HasPrefix(id, `"`) {
			return []string{id}, id != ""
		}
		text, ok := models.Text(json.RawMessage(id))
		return []string{text}, ok && json.Valid([]byte(id))
	}
	if json.Unmarshal([]byte(id), &key) != nil || len(key) != columns {
		return nil, false
	}
	return key, true
}
