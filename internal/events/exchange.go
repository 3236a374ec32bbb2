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

// Exchange tells the other processes that the log has grown, and passes on what
// is not kept: presence and an agent's words as they come. Nothing depends on
// it: hubs look at the log by themselves, and a passing event that is lost is
// made up for by the next.
type Exchange struct {
	messages Messages
	process  string
	log      *slog.Logger
}

// passing is an event on the wire. From is the process it comes from, which has
// shown it already.
type passing struct {
	From         string          `json:"from"`
	Organization string          `json:"org"`
	Topic        string          `json:"topic"`
	Type         string          `json:"type"`
	Origin       string          `json:"origin,omitempty"`
	Data         json.RawMessage `json:"data"`
	At           time.Time       `json:"at"`
}

// NewExchange makes an exchange for this process.
func NewExchange(messages Messages, log *slog.Logger) *Exchange {
	return &Exchange{messages: messages, process: models.NewID("prc"), log: log}
}

// Announce says that events were numbered here.
func (x *Exchange) Announce() { x.messages.Send(channelGrown, x.process) }

// OnGrown has wake called when another process numbered events, and when word
// of that may have been lost. It must not block.
func (x *Exchange) OnGrown(wake func()) {
	x.messages.Hear(channelGrown, func(from string) {
		if from != x.process {
			wake()
		}
	})
	x.messages.OnAgain(wake)
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
		show(models.Event{OrganizationID: p.Organization, Topic: p.Topic, Type: p.Type, Origin: p.Origin, Data: p.Data, At: p.At})
	})
}
