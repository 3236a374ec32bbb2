package eventdoc

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// Files gives the generated files' contents by their path below the
// repository's root, which root names.
func Files(root string) (map[string]string, error) {
	s, err := readSource(root + "/models")
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"docs/events.md":                     s.markdown(),
		"web/src/live/protocol.generated.ts": s.typescript(),
	}, nil
}

const preface = `<!-- Generated from the Go types of package models by 'go generate ./internal/eventdoc'. Do not edit. -->
# Events

What happens is told as events, over the WebSocket (` + "`GET /api/v1/ws`" + `) and, for one job, as server-sent events (` + "`GET /api/v1/jobs/{id}/events`" + `, for curl and the command line). Events are small: ids, states and counts, never tables. What they point at is read over the API.

**The WebSocket.** One connection carries all topics. It is opened with a ticket from ` + "`POST /api/v1/ws-tickets`" + ` (good once, for 30 seconds): ` + "`/api/v1/ws?ticket=…`" + `. The client sends

    {"op":"subscribe","topic":"job:<id>","after":"<event id>"}
    {"op":"unsubscribe","topic":"job:<id>"}
    {"op":"presence","topic":"snapshot:<id>","data":{…}}

and the server

    {"op":"event","topic":…,"id":…,"type":…,"origin":…,"data":{…},"at":…}
    {"op":"subscribed","topic":…,"id":…}
    {"op":"reset","topic":…,"id":…}
    {"op":"error","topic":…,"code":…,"detail":…,"hint":…}

**Nothing is missed.** Events are numbered per topic in the order their changes were committed; an id is opaque. A client that comes back subscribes with ` + "`after`" + ` and gets what it missed, also when a process died in between. ` + "`reset`" + ` says that the log no longer reaches back that far: read again what you show, and go on from the id it names. ` + "`origin`" + ` is the tab that caused the event (the ` + "`Scratch-Tab`" + ` header of its request). A client that cannot keep up is closed with code 1013, one whose server stops with 1001; both come back the same way.

**Server-sent events.** The stream begins with the job's first event, or behind ` + "`Last-Event-ID`" + `; the event's name is its type, its data the payload below. It ends when the job has ended.

    curl -N -H "Authorization: Bearer $(cat .scratch/api-token)" http://localhost:3010/api/v1/jobs/<id>/events

`

func (s *source) markdown() string {
	var b strings.Builder
	b.WriteString(preface)
	b.WriteString("## Types\n\n| type | topics | what it says | data |\n|---|---|---|---|\n")
	for _, e := range models.EventTypes() {
		says := e.Says
		if e.Passing {
			says += " Not kept: it has no id."
		}
		data := reflect.TypeOf(e.Payload).Name()
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | [%s](#%s) |\n", e.Name, strings.Join(e.Topics, "`, `"), says, data, strings.ToLower(data))
	}
	b.WriteString("\n## Data\n")
	for _, t := range s.named() {
		if t.Kind() == reflect.Struct {
			s.writeStruct(&b, t)
		}
	}
	return b.String()
}

func (s *source) writeStruct(b *strings.Builder, t reflect.Type) {
	fmt.Fprintf(b, "\n### %s\n\n%s\n\n| field | JSON | |\n|---|---|---|\n", t.Name(), s.about[t.Name()])
	for _, m := range s.members(t) {
		about := m.about
		if m.optional {
			about = strings.TrimSpace(strings.TrimSuffix(about, ".")) + "; absent when empty"
			about = strings.TrimPrefix(about, "; ")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", m.name, s.inWords(m), strings.ReplaceAll(about, "|", `\|`))
	}
}

// inWords is a field's JSON type for people.
func (s *source) inWords(m member) string {
	t := m.goType
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		return "any"
	case t == reflect.TypeFor[time.Time]():
		return "time"
	case t.Kind() == reflect.Slice:
		return "array of " + s.inWords(member{goType: t.Elem()})
	case t.Kind() == reflect.Struct:
		return fmt.Sprintf("[%s](#%s)", t.Name(), strings.ToLower(t.Name()))
	case len(s.values[t.Name()]) > 0:
		return "`" + strings.Join(s.values[t.Name()], "`, `") + "`"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "text"
	case m.asText:
		return "whole number as text"
	default:
		return "whole number"
	}
}

const header = `// Generated from the Go types of package models by 'go generate ./internal/eventdoc'. Do not edit.
/* eslint-disable */

`

func (s *source) typescript() string {
	var b strings.Builder
	b.WriteString(header)
	for _, t := range s.named() {
		if about := s.about[t.Name()]; about != "" {
			fmt.Fprintf(&b, "/** %s */\n", strings.ReplaceAll(about, "*/", "* /"))
		}
		if t.Kind() != reflect.Struct {
			fmt.Fprintf(&b, "export type %s = %s\n\n", t.Name(), s.union(t))
			continue
		}
		fmt.Fprintf(&b, "export interface %s {\n", t.Name())
		for _, m := range s.members(t) {
			if m.about != "" {
				fmt.Fprintf(&b, "  /** %s */\n", m.about)
			}
			mark := ""
			if m.optional {
				mark = "?"
			}
			fmt.Fprintf(&b, "  readonly %s%s: %s\n", m.name, mark, s.inTypeScript(m))
		}
		b.WriteString("}\n\n")
	}
	b.WriteString("/** The data of each type of event. */\nexport interface EventData {\n")
	for _, e := range models.EventTypes() {
		fmt.Fprintf(&b, "  /** %s */\n  readonly '%s': %s\n", e.Says, e.Name, reflect.TypeOf(e.Payload).Name())
	}
	b.WriteString("}\n\nexport type EventType = keyof EventData\n\n")
	b.WriteString("export const eventTypes: readonly EventType[] = [\n")
	for _, e := range models.EventTypes() {
		fmt.Fprintf(&b, "  '%s',\n", e.Name)
	}
	b.WriteString("]\n")
	return b.String()
}

func (s *source) union(t reflect.Type) string {
	values := s.values[t.Name()]
	if len(values) == 0 {
		return "string"
	}
	return "'" + strings.Join(values, "' | '") + "'"
}

func (s *source) inTypeScript(m member) string {
	t := m.goType
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		return "unknown"
	case t == reflect.TypeFor[time.Time]():
		return "string"
	case t.Kind() == reflect.Slice:
		list := "readonly " + s.inTypeScript(member{goType: t.Elem()}) + "[]"
		if !m.optional {
			list += " | null" // a nil slice is null in JSON
		}
		return list
	case t.PkgPath() == modelsPath:
		return t.Name()
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.String, m.asText:
		return "string"
	default:
		return "number"
	}
}
