package postgres

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/scratch-platform/scratch/connectors"
)

// settings are a table's own choices, as Definition's schema describes them.
type settings struct {
	Identity []string `json:"identity,omitempty"`
	Changed  string   `json:"changed_column,omitempty"`
	Overlap  *int64   `json:"overlap,omitempty"`
}

// How far an incremental read reaches back where nobody chose.
const (
	overlapTime  = 10 * time.Minute
	overlapUnits = 1000
)

func readSettings(raw json.RawMessage) (settings, error) {
	var s settings
	if len(raw) == 0 || string(raw) == "null" {
		return s, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&s) != nil || s.Overlap != nil && *s.Overlap < 0 {
		return s, badSetting("the table's settings are not of the form this connector takes")
	}
	return s, nil
}

func badSetting(reason string) error {
	return &connectors.Error{
		Kind: connectors.KindInvalid, Service: Service, Tried: "read the table's settings", Code: "settings_invalid", Reason: reason,
		Hint: "See GET /api/v1/connectors for the settings of PostgreSQL tables.",
	}
}

// hold compares the settings with the table, at the moment they are chosen.
func (s settings) hold(r *relation) error {
	for _, name := range append([]string{s.Changed}, s.Identity...) {
		if _, ok := r.column(name); name != "" && !ok {
			return badSetting(fmt.Sprintf("the table has no column %q", name))
		}
	}
	if s.Changed != "" {
		if c, _ := r.column(s.Changed); !c.grows() {
			return badSetting(fmt.Sprintf("column %q is of type %s; a date, a time with a date, or a whole number can tell what changed", s.Changed, c.declared))
		}
	}
	return nil
}

// goneHint is for a column of changes that is none any more.
const goneHint = "Everything is downloaded; what changed cannot be told. Add the column again at the database, or the table again here with another one."

// changed is the column of changes, where the table still has it as one.
func (s settings) changed(r *relation) (column, bool) {
	c, ok := r.column(s.Changed)
	return c, ok && c.grows() && c.selects
}

// choose takes the identity over.
func (s settings) choose(r *relation) error {
	for _, name := range s.Identity {
		if _, ok := r.column(name); !ok {
			return badSetting(fmt.Sprintf("the table has no column %q", name))
		}
	}
	// A key that the database holds to be one goes before a choice.
	if len(s.Identity) > 0 && (len(r.key) == 0 || r.loose) {
		r.key = nil
		for _, name := range s.Identity {
			c, _ := r.column(name)
			if c.family() == familyJSON || c.family() == familyArray {
				return badSetting(fmt.Sprintf("column %q is of type %s, which cannot tell rows apart", name, c.declared))
			}
			r.key = append(r.key, name)
		}
		r.chosen, r.loose = true, true
	}
	return nil
}
