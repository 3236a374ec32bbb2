package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Example writes a commented .env file: every setting with its meaning and
// default.
func Example(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Settings of Scratch, with their defaults. Generated from internal/config by `go generate ./internal/config`.\n" +
		"# Nothing here needs to be set for `scratch dev`. Secrets can be given as files: NAME_FILE holds the path.\n")
	writeFields(&b, fields())
	b.WriteString("\n# --- For docker-compose.temporal.yml, beside the settings above (docs/deploy.md): copy this file to\n" +
		"# .env and set what is required here and SCRATCH_VAULT_KEYSET. Compose fills in the addresses itself.\n")
	writeFields(&b, fieldsOf(reflect.TypeFor[Compose]()))
	_, err := io.WriteString(w, b.String())
	return err
}

func writeFields(b *strings.Builder, fields []field) {
	for _, f := range fields {
		b.WriteString("\n")
		for _, line := range wrap(f.doc, 98) {
			b.WriteString("# " + line + "\n")
		}
		fmt.Fprintf(b, "#%s=%s\n", f.name, f.def)
	}
}

// wrap breaks text at spaces into lines of at most width bytes.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
