package connectors

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// capabilityWords puts the capabilities into words, in the order of their
// fields.
var capabilityWords = map[string]string{
	"Validate":    "checks its credential in named steps",
	"ListTables":  "lists tables",
	"Describe":    "describes columns",
	"ReadAll":     "reads every record",
	"ReadSince":   "reads what changed since the last download",
	"ReadByIDs":   "reads records by id",
	"ListIDs":     "lists ids alone",
	"Check":       "finds values the service would refuse before anything is sent",
	"Prepare":     "reserves what makes a create certain",
	"Create":      "creates records",
	"Update":      "updates records",
	"Delete":      "deletes records",
	"Steps":       "writes in several steps",
	"FindCreated": "finds what a create with a lost answer made",
}

// Docs is docs/connectors.md: what the registry knows of each service.
func Docs(definitions []Definition) string {
	var b strings.Builder
	b.WriteString(`<!-- Generated from the connector registry by 'go generate ./connectors/catalog'. Do not edit. -->
# Connectors

What Scratch can do at each service it reaches, and within which limits. The same facts are answered by ` + "`GET /api/v1/connectors`" + ` and ` + "`scratch connectors`" + `. Every connector passes one suite of tests, ` + "`connectors/conformance`" + `, against a fake of its service that can fail in all the ways the suite knows.

`)
	matrix(&b, definitions)
	for _, d := range definitions {
		service(&b, d)
	}
	return b.String()
}

func matrix(b *strings.Builder, definitions []Definition) {
	b.WriteString("| |")
	for _, d := range definitions {
		fmt.Fprintf(b, " %s |", d.Title)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(definitions)) + "\n")
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Capabilities]()) {
		fmt.Fprintf(b, "| %s |", capabilityWords[field.Name])
		for _, d := range definitions {
			mark := "–"
			if reflect.ValueOf(d.Capabilities).FieldByIndex(field.Index).Bool() {
				mark = "yes"
			}
			fmt.Fprintf(b, " %s |", mark)
		}
		b.WriteByte('\n')
	}
}

func service(b *strings.Builder, d Definition) {
	fmt.Fprintf(b, "\n## %s\n\n`%s` · %s\n\n", d.Title, d.Service, d.About)
	if d.HostChosenByUser {
		b.WriteString("Its address is the user's choice: private addresses are refused unless the operator allows them.\n\n")
	}
	form(b, "Credential", d.Credential)
	if d.OAuth != nil {
		fmt.Fprintf(b, "Access can be granted by OAuth (%s).\n\n", d.OAuth.Grant)
	}
	form(b, "Settings of a table", d.Settings)
	limitLines(b, d.Limits)
	if len(d.Cannot) > 0 {
		b.WriteString("\n**What it cannot do:**\n\n")
		for _, line := range d.Cannot {
			fmt.Fprintf(b, "- %s\n", line)
		}
	}
}

// form lists the fields of a JSON schema: the required ones first, then by name.
func form(b *strings.Builder, title string, schema json.RawMessage) {
	var s struct {
		Required   []string `json:"required"`
		Properties map[string]struct {
			Title       string `json:"title"`
			Description string `json:"description"`
			WriteOnly   bool   `json:"writeOnly"`
			Enum        []any  `json:"enum"`
			Minimum     *float64
			Maximum     *float64
		} `json:"properties"`
	}
	if json.Unmarshal(schema, &s) != nil || len(s.Properties) == 0 {
		return
	}
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	optional := func(name string) int {
		if i := slices.Index(s.Required, name); i >= 0 {
			return i
		}
		return len(s.Required)
	}
	slices.SortFunc(names, func(x, y string) int {
		if order := optional(x) - optional(y); order != 0 {
			return order
		}
		return strings.Compare(x, y)
	})
	fmt.Fprintf(b, "**%s:**\n\n", title)
	for _, name := range names {
		p := s.Properties[name]
		fmt.Fprintf(b, "- `%s`", name)
		var notes []string
		if !slices.Contains(s.Required, name) {
			notes = append(notes, "optional")
		}
		if p.WriteOnly {
			notes = append(notes, "secret")
		}
		if len(p.Enum) > 0 {
			values := make([]string, len(p.Enum))
			for i, v := range p.Enum {
				values[i] = fmt.Sprintf("%q", v)
			}
			notes = append(notes, "one of "+strings.Join(values, ", "))
		}
		if p.Minimum != nil && p.Maximum != nil {
			notes = append(notes, fmt.Sprintf("%.12g to %.12g", *p.Minimum, *p.Maximum))
		}
		if len(notes) > 0 {
			fmt.Fprintf(b, " (%s)", strings.Join(notes, "; "))
		}
		fmt.Fprintf(b, ": %s\n", strings.TrimSpace(strings.TrimSuffix(p.Title, ".")+". "+p.Description))
	}
	b.WriteByte('\n')
}

func limitLines(b *strings.Builder, l Limits) {
	b.WriteString("**Limits:**\n\n| | |\n|---|---|\n")
	row := func(word, value string) {
		if value != "0" && value != "0s" {
			fmt.Fprintf(b, "| %s | %s |\n", word, value)
		}
	}
	row("requests a second", strconv.FormatFloat(l.RequestsPerSecond, 'g', -1, 64))
	row("burst", strconv.Itoa(l.Burst))
	row("requests side by side", strconv.Itoa(l.InFlight))
	row("records a page", strconv.Itoa(l.PageSize))
	row("pages side by side", strconv.Itoa(l.PagesAhead))
	row("ids a call", strconv.Itoa(l.ReadByIDs))
	row("creates a batch", strconv.Itoa(l.CreateBatch))
	row("updates a batch", strconv.Itoa(l.UpdateBatch))
	row("deletes a batch", strconv.Itoa(l.DeleteBatch))
	row("time for a request", short(l.RequestTimeout))
	row("its lookups may trail its writes by", short(l.LookupLag))
}

func short(d time.Duration) string {
	text := d.String()
	if trimmed, ok := strings.CutSuffix(text, "m0s"); ok {
		return trimmed + "m"
	}
	return text
}
