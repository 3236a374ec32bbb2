package events

import (
	"encoding/json"
	"log/slog"
	"time"

	"github.com/scratch-platform/scratch/models"
)

const (
	channelGrown   = "events.grown"
	channelPassing = "events.passing"

	// maxCopied bounds the data of events that travel with the word of them,
	// in bytes: far more than a change makes, far less than a message may be.
	maxCopied = 16 << 10
)

// Messages carries words between the processes of one installation. It may lose
// any of them.
type Messages interface {
	// Send queues a message for all processes, this one too, and never blocks.
	// It reports whether it was queued.
	Send(channel, payload string) bool
	// Hear has f called with every message of a channel.
	Hear(channel string, f func(payload string))
	// OnAgain has f called when messages can be heard again.
	OnAgain(f func())
}

// Exchange tells the other processes that the log has grown, with copies of the
// events where they are small, and passes on what is not kept: presence and an
// agent's words as they come. Nothing depends on it: hubs hold the numbers
// together and look at the log by themselves, and a passing event that is lost is
// made up for by the next.
type Exchange struct {
	messages Messages
	process  string
	log      *slog.Logger
}

// grown is the word that the log has grown. From is the process that numbered
// the events; without events the log is looked at.
type grown struct {
	From   string     `json:"from"`
	Events []numbered `json:"events,omitempty"`
}

// numbered is an event of the log on the wire.
type numbered struct {
	ID string `json:"id"`
	passing
}

// passing is an event on the wire. From is the process it comes from, which has
// shown it already.
type passing struct {
	From         string          `json:"from,omitempty"`
	Organization string          `json:"org"`
	Topic        string          `json:"topic"`
	Type         string          `json:"type"`
	Origin       string          `json:"origin,omitempty"`
	Data         json.RawMessage `json:"data"`
	At           time.Time       `json:"at"`
}

func (p passing) event() models.Event {
	return models.Event{OrganizationID: p.Organization, Topic: p.Topic, Type: p.Type, Origin: p.Origin, Data: p.Data, At: p.At}
}

// NewExchange makes an exchange for this process.
func NewExchange(messages Messages, log *slog.Logger) *Exchange {
	return &Exchange{messages: messages, process: models.NewID("prc"), log: log}
}

// Announce says that events were numbered here. Copies of them go along where
// they are small together: who gets them has nothing to read.
func (x *Exchange) Announce(events []models.Event) {
	word, size := grown{From: x.process}, 0
	for _, e := range events {
		if size += len(e.Data); size > maxCopied {
			word.Events = nil
			break
		}
		word.Events = append(word.Events, numbered{ID: e.ID, passing: passing{
			Organization: e.OrganizationID, Topic: e.Topic, Type: e.Type, Origin: e.Origin, Data: e.Data, At: e.At,
		}})
	}
	if text, err := json.Marshal(word); err == nil && x.messages.Send(channelGrown, string(text)) {
		return
	}
	word.Events = nil // too large all the same, or one that is no JSON
	if text, err := json.Marshal(word); err == nil {
		x.messages.Send(channelGrown, string(text))
	}
}

// OnGrown has take called with the events another process numbered, in no
// certain order, and with none when the log is to be looked at: when they were
// many or large, and when word of some may have been lost. It must not block.
func (x *Exchange) OnGrown(take func([]models.Event)) {
	x.messages.Hear(channelGrown, func(text string) {
		var word grown
		if err := json.Unmarshal([]byte(text), &word); err != nil {
			word = grown{From: text} // another version's: its process alone
		}
		if word.From == x.process {
			return
		}
		events := make([]models.Event, len(word.Events))
		for i, n := range word.Events {
			events[i] = n.event()
			events[i].ID = n.ID
		}
		take(events)
	})
	x.messages.OnAgain(func() { take(nil) })
}

// Pass sends an event that is not kept to the other processes. It reports
// whether it is on its way: one is dropped when there is no way, when too many
// wait, or when it is too large for a message.
func (x *Exchange) Pass(e models.Event) bool {
	text, err := json.Marshal(passing{
		From: x.process, Organization: e.OrganizationID, Topic: e.Topic, Type: e.Type, Origin: e.Origin, Data: e.Data, At: e.At,
	})
	return err == nil && x.messages.Send(channelPassing, string(text))
}

// OnPassing has show called with every event another process passed on. It must
// not block.
func (x *Exchange) OnPassing(show func(models.Event)) {
	x.messages.Hear(channelPassing, func(text string) {
		var p passing
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			x.log.Warn("a message of another process could not be read; is it of another version?", "error", err)
			return
		}
		if p.From == x.process {
			return
		}
		show(p.event())
	})
}
