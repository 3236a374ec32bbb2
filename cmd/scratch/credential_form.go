package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/scratch-platform/scratch/api"
)

// credential takes a credential from what was given, or asks a person for it
// by the service's own form.
func (s *session) credential(definition api.Connector, given string) (json.RawMessage, error) {
	if given != "" {
		return s.givenCredential(given)
	}
	form, err := readForm(definition.Credential)
	if err != nil {
		return nil, fmt.Errorf("read the form of %s: %w", definition.Service, err)
	}
	if len(form) == 0 {
		return json.RawMessage("{}"), nil
	}
	keyboard, ok := s.in.(*os.File)
	if !ok || !onTerminal(s.in) || s.json {
		return nil, badInput("connection.no_credential", "No credential is given.",
			"Give --credential @file or --credential - with a JSON object of: "+strings.Join(form.names(), ", ")+".")
	}
	return form.fill(s.err, bufio.NewReader(keyboard), func() (string, error) {
		secret, err := term.ReadPassword(int(keyboard.Fd()))
		fmt.Fprintln(s.err)
		return string(secret), err
	})
}

func (s *session) givenCredential(given string) (json.RawMessage, error) {
	content, found, err := readArgument(given, s.in)
	if err != nil {
		return nil, err
	}
	if !found {
		content = []byte(given)
	}
	content = bytes.TrimSpace(content)
	if !json.Valid(content) {
		return nil, badInput("connection.credential_invalid", "The credential is not JSON.", "Write an object with the fields that 'scratch connectors' shows.")
	}
	return content, nil
}

// form is a credential's fields in the order to ask them.
type form []field

type field struct {
	name        string
	title       string
	description string
	required    bool
	secret      bool
	kind        string
}

// readForm reads the fields off a JSON Schema: those required first, each group
// in the order the schema gives them.
func readForm(schema json.RawMessage) (form, error) {
	var document struct {
		Required   []string        `json:"required"`
		Properties json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(schema, &document); err != nil {
		return nil, err
	}
	names, err := keysInOrder(document.Properties)
	if err != nil {
		return nil, err
	}
	var properties map[string]struct {
		Title       string `json:"title"`
		Description string `json:"description"`
		Type        any    `json:"type"`
		WriteOnly   bool   `json:"writeOnly"`
	}
	if len(document.Properties) > 0 {
		if err := json.Unmarshal(document.Properties, &properties); err != nil {
			return nil, err
		}
	}
	fields := make(form, 0, len(names))
	for _, name := range names {
		p := properties[name]
		kind, _ := p.Type.(string)
		fields = append(fields, field{name: name, title: p.Title, description: p.Description, kind: kind, secret: p.WriteOnly, required: slices.Contains(document.Required, name)})
	}
	slices.SortStableFunc(fields, func(a, b field) int {
		switch {
		case a.required == b.required:
			return 0
		case a.required:
			return -1
		default:
			return 1
		}
	})
	return fields, nil
}

// keysInOrder gives an object's keys as they stand in the text.
func keysInOrder(object json.RawMessage) ([]string, error) {
	if len(object) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	var keys []string
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, errors.New("not an object")
		}
		keys = append(keys, name)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func (f form) names() []string {
	names := make([]string, 0, len(f))
	for _, one := range f {
		name := one.name
		if !one.required {
			name += " (optional)"
		}
		names = append(names, name)
	}
	return names
}

// fill asks for each field; a secret one is not shown while it is typed.
func (f form) fill(w io.Writer, lines *bufio.Reader, hidden func() (string, error)) (json.RawMessage, error) {
	values := map[string]any{}
	for _, one := range f {
		label := one.title
		if label == "" {
			label = one.name
		}
		if one.description != "" {
			fmt.Fprintln(w, "  "+plain(one.description))
		}
		if !one.required {
			label += " (empty to leave out)"
		}
		fmt.Fprint(w, plain(label)+": ")
		text, err := one.read(lines, hidden)
		if err != nil {
			return nil, withExit(exitBadInput, fmt.Errorf("read %s: %w", one.name, err))
		}
		if text == "" && !one.required {
			continue
		}
		values[one.name] = one.value(text)
	}
	return json.Marshal(values)
}

func (f field) read(lines *bufio.Reader, hidden func() (string, error)) (string, error) {
	if f.secret {
		return hidden()
	}
	line, err := lines.ReadString('\n')
	if err != nil && line == "" {
		return "", err
	}
	return strings.TrimSpace(line), nil
}

// value gives typed text the JSON type its field has; what does not fit stays
// text, and the server says what is wrong with it.
func (f field) value(text string) any {
	var parsed any
	switch f.kind {
	case "boolean", "integer", "number", "object", "array":
		if json.Unmarshal([]byte(text), &parsed) == nil {
			return parsed
		}
	}
	return text
}
