package postgres

import (
	"encoding/json"
	"errors"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

var (
	errNoArray  = errors.New("the value is no list")
	errNoBase64 = errors.New("the value is not base64")
)

// argument gives a cell's value as a statement's argument: text that the
// server reads by the column's own type, nil for NULL.
func (c *column) argument(value json.RawMessage) ([]byte, error) {
	if value == nil || string(value) == "null" {
		return nil, nil
	}
	text, isText := models.Text(value)
	switch c.family() {
	case familyJSON:
		return value, nil
	case familyArray:
		return arrayLiteral(c.element, value)
	case familyBytes:
		if !isText {
			return nil, errNoBase64
		}
		return bytesText(text)
	default:
		if !isText {
			return value, nil // a truth value, or a number; what it cannot be the server says
		}
		return nonNil([]byte(text)), nil
	}
}

// keyArgument gives one text of a record's id as a statement's argument.
func (c *column) keyArgument(text string) ([]byte, error) {
	switch c.family() {
	case familyBytes:
		return bytesText(text)
	case familyArray:
		return arrayLiteral(c.element, json.RawMessage(text))
	default:
		return nonNil([]byte(text)), nil
	}
}

// nonNil: an empty text is no NULL.
func nonNil(text []byte) []byte {
	if text == nil {
		return []byte{}
	}
	return text
}

// cellError is the refusal of one cell before anything was sent.
func cellError(table, column, code string, err error) *connectors.Error {
	hint := valueHint
	if errors.Is(err, errNoBase64) {
		hint = "Write the bytes as base64."
	}
	return &connectors.Error{
		Kind: connectors.KindInvalid, Service: Service, Tried: "prepare the values", Table: table, Column: column, Code: code,
		Reason: err.Error(), Hint: hint,
	}
}
