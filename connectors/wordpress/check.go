package wordpress

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// Check says, without asking the site, what it would refuse.
func (c *Connector) Check(op models.Operation, schema connectors.Schema, item connectors.WriteItem) []*connectors.Error {
	if op == models.OpDelete {
		return nil
	}
	var found []*connectors.Error
	add := func(column string, kind connectors.Kind, code, reason, hint string) {
		e := cellError(schema, column, kind, code, reason)
		e.Record, e.Hint = item.RemoteID, hint
		found = append(found, e)
	}
	for _, id := range slices.Sorted(maps.Keys(item.Values)) {
		value := item.Values[id]
		column, ok := columnByID(schema, id)
		if !ok || column.ReadOnly {
			add(id, connectors.KindInvalid, "not_writable", "the site has no such field to write", "Undo this edit.")
			continue
		}
		if text, isText := models.Text(value); isText {
			checkText(column, text, add)
		}
		// A reference to a record that is still to be created has no id yet.
		if !strings.Contains(string(value), `"local:`) {
			if _, err := parameter(schema, column, value); err != nil {
				err.Record = item.RemoteID
				found = append(found, err)
			}
		}
	}
	if op == models.OpCreate {
		found = append(found, checkCreate(schema, item)...)
	}
	return found
}

func checkText(column models.Column, text string, add func(column string, kind connectors.Kind, code, reason, hint string)) {
	switch {
	case column.MaxLength == maxTextBytes && len(text) > maxTextBytes:
		add(column.ID, connectors.KindTooLarge, "too_long", "the site stores at most 65,535 bytes here", "Shorten it.")
	case column.MaxLength > 0 && column.MaxLength != maxTextBytes && utf8.RuneCountInString(text) > column.MaxLength:
		add(column.ID, connectors.KindTooLarge, "too_long", "the site stores at most 200 characters here", "Shorten it.")
	case strings.ContainsRune(text, 0):
		add(column.ID, connectors.KindInvalid, "character_not_taken", "the value holds the character U+0000", "Take it out.")
	case column.Kind == models.ColumnSelect && !slices.ContainsFunc(column.Options, func(o models.Option) bool { return o.ID == text }):
		add(column.ID, connectors.KindInvalid, "not_an_option", "WordPress does not know this choice", "Choose one of the column's options.")
	}
}

// checkCreate holds a new row against what WordPress insists on.
func checkCreate(schema connectors.Schema, item connectors.WriteItem) []*connectors.Error {
	empty := func(id string) bool {
		text, _ := models.Text(item.Values[id])
		return strings.TrimSpace(text) == ""
	}
	if kindOf(schema) == kindTerms {
		if empty("name") {
			return []*connectors.Error{cellError(schema, "name", connectors.KindInvalid, "required", "a term needs a name")}
		}
		return nil
	}
	if empty("title") && empty("content") && empty("excerpt") {
		return []*connectors.Error{cellError(schema, "title", connectors.KindInvalid, "empty_content", "a new post needs a title, content or an excerpt")}
	}
	return nil
}

// noteOn says in words what the site stored otherwise than it was asked to:
// a slug made unique, HTML taken out, a key it does not know.
func noteOn(schema connectors.Schema, sent models.Fields, stored json.RawMessage) (note string, differing int) {
	var notes []string
	for _, id := range slices.Sorted(maps.Keys(sent)) {
		column, ok := columnByID(schema, id)
		if !ok {
			continue
		}
		have := models.CellOf(stored, id)
		if sameValue(column, sent[id], have) {
			continue
		}
		differing++
		switch {
		case have == nil && isMeta(id):
			notes = append(notes, "the site did not keep "+column.Name+": it has no such field registered")
		case id == "slug" || id == "status":
			text, _ := models.Text(have)
			notes = append(notes, "the site stored "+column.Name+" as \""+text+"\"")
		default:
			notes = append(notes, "the site stored "+column.Name+" otherwise than it was sent")
		}
	}
	return models.Bound(strings.Join(notes, "; "), models.MaxProblemText), differing
}

// sameValue compares as the column does; what clears a cell is what the site
// shows for an empty one.
func sameValue(column models.Column, sent, have json.RawMessage) bool {
	if column.Compare.Equal(sent, have) {
		return true
	}
	return blank(sent) && blank(have)
}

func blank(v json.RawMessage) bool {
	switch string(v) {
	case "", "null", `""`, "[]", "false", `"0"`:
		return true
	}
	return false
}
