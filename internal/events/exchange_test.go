package events_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/events"
	"github.com/scratch-platform/scratch/models"
)

// wire carries messages between exchanges at once, and takes none above a limit.
type wire struct {
	heard map[string][]func(string)
	again []func()
	limit int
	sent  []string
}

func (w *wire) Send(channel, payload string) bool {
	if len(payload) > w.limit {
		return false
	}
	w.sent = append(w.sent, payload)
	for _, f := range w.heard[channel] {
		f(payload)
	}
	return true
}

func (w *wire) Hear(channel string, f func(string)) { w.heard[channel] = append(w.heard[channel], f) }
func (w *wire) OnAgain(f func())                    { w.again = append(w.again, f) }

// Breaks when the word that the log has grown does not reach the others, comes
// back to its sender, or brings events that are not the log's.
func TestEventsTravelWithTheWordOfThem(t *testing.T) {
	w := &wire{heard: map[string][]func(string){}, limit: 64 << 10}
	log := slog.New(slog.DiscardHandler)
	here, there := events.NewExchange(w, log), events.NewExchange(w, log)
	var told [][]models.Event
	itself := 0
	here.OnGrown(func([]models.Event) { itself++ })
	there.OnGrown(func(e []models.Event) { told = append(told, e) })
	event := models.Event{
		OrganizationID: "org_1", Topic: "job:1", ID: "cafe-7", Type: models.EventJobChanged, Origin: "tab", Data: json.RawMessage(`{"state":"running"}`),
		At: time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC),
	}
	here.Announce([]models.Event{event})
	require.Equal(t, [][]models.Event{{event}}, told)

	large := event
	large.Data = json.RawMessage(`"` + strings.Repeat("x", 20<<10) + `"`)
	for what, many := range map[string][]models.Event{
		"none":                         nil,
		"more than a message takes":    {event, large},
		"one that is no JSON":          {{Data: json.RawMessage(`{`)}},
		"small ones with long origins": {{Origin: strings.Repeat("x", 65<<10), Data: json.RawMessage(`{}`)}},
	} {
		told = nil
		here.Announce(many)
		require.Len(t, told, 1, what)
		require.Empty(t, told[0], "%s: the log is looked at", what)
	}
	require.Zero(t, itself, "a process tells itself")
	told = nil
	w.Send("events.grown", "prc_of_another_version")
	require.Len(t, told, 1)
	require.Empty(t, told[0])
	w.again[1]()
	require.Len(t, told, 2, "what was missed while nothing could be heard is looked for")
}
