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

// choose holds the settings against the table and takes the identity over.
func (s settings) choose(r *relation) error {
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
	// A key that the database holds to be one goes before a choice.
	if len(s.Identity) > 0 && len(r.key) == 0 {
		for _, name := range s.Identity {
			c, _ := r.column(name)
			if c.family() == familyJSON || c.family() == familyArray {
				return badSetting(fmt.Sprintf("column %q is of type %s, which cannot tell rows apart", name, c.declared))
			}
			r.key = append(r.key, name)
		}
		r.chosen = true
	}
	return nil
}
