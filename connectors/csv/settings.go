package csv

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/scratch-platform/scratch/connectors"
)

// settings are a table's own choices, as Definition's schema describes them.
type settings struct {
	Identity  []string `json:"identity,omitempty"`
	Delimiter string   `json:"delimiter,omitempty"`
	Encoding  string   `json:"encoding,omitempty"`
	Header    *bool    `json:"header,omitempty"`
}

var (
	delimiters = []string{",", ";", "\t", "|"}
	encodings  = []string{utf8Name, utf16LE, utf16BE, windows1252, latin1}
)

func readSettings(raw json.RawMessage) (settings, error) {
	var s settings
	if len(raw) == 0 || string(raw) == "null" {
		return s, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		return s, badSetting("the table's settings are not of the form this connector takes")
	}
	switch {
	case s.Delimiter != "" && !slices.Contains(delimiters, s.Delimiter):
		return s, badSetting("delimiter is none of comma, semicolon, tab and bar")
	case s.Encoding != "" && !slices.Contains(encodings, s.Encoding):
		return s, badSetting("the encoding is not one that is read")
	}
	return s, nil
}

func badSetting(reason string) error {
	e := fault(connectors.KindInvalid, "settings_invalid", reason, "See GET /api/v1/connectors for the settings of CSV tables.")
	e.Tried = "read the table's settings"
	return e
}
