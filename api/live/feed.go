package live

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/scratch-platform/scratch/models"
)

// feed is one topic with those who follow it. last is the id of the newest
// event that was fanned out; it moves only under mu, together with the
// fan-out, so that a follower that joins at last misses nothing and gets
// nothing twice.
type feed struct {
	organizationID string
	topic          string

	mu        sync.Mutex
	last      string
	followers map[*follower]struct{}
}

// follower is one connection's subscription to one topic.
type follower struct {
	deliver func(message) bool // false: the client is too slow or gone
	drop    func()             // ends the connection
}

// take shows an event of the log to those who follow its topic here. It reports
// false when the log has to be read first.
func (h *Hub) take(e models.Event) bool {
	h.mu.Lock()
	f, ok := h.feeds[e.Topic]
	h.mu.Unlock()
	if !ok || f.organizationID != e.OrganizationID { // Promise 11
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.follows(e.ID) {
		f.fanOut(newMessage(opEvent, e))
		f.last = e.ID
		return true
	}
	return !before(f.last, e.ID) && sameEpoch(f.last, e.ID) // shown already
}

// advance reads what a topic gained and fans it out.
func (h *Hub) advance(ctx context.Context, f *feed) error {
	for {
		f.mu.Lock()
		after := f.last
		f.mu.Unlock()
		events, reset, err := h.events.Events(ctx, f.organizationID, f.topic, after, pageSize)
		if err != nil {
			return err
		}
		if reset {
			if err := h.resetFeed(ctx, f); err != nil {
				return err
			}
			continue
		}
		f.mu.Lock()
		for _, e := range events {
			if f.follows(e.ID) { // else it was shown while we read
				f.fanOut(newMessage(opEvent, e))
				f.last = e.ID
			}
		}
		f.mu.Unlock()
		if len(events) < pageSize {
			return nil
		}
	}
}

// resetFeed tells every follower to read again: the log was trimmed past us or
// began a new epoch.
func (h *Hub) resetFeed(ctx context.Context, f *feed) error {
	latest, err := h.events.Latest(ctx, f.organizationID, f.topic)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = latest
	f.fanOut(newMessage(opReset, models.Event{Topic: f.topic, ID: latest}))
	return nil
}

// follows reports whether the event is the next one. It needs mu held.
func (f *feed) follows(id string) bool {
	_, n := splitID(id)
	if f.last == "" {
		return n == 1
	}
	_, last := splitID(f.last)
	return sameEpoch(f.last, id) && n == last+1 // Promise 7: nothing between the two is left out
}

// fanOut needs mu held.
func (f *feed) fanOut(m message) {
	for w := range f.followers {
		if !w.deliver(m) {
			delete(f.followers, w)
			w.drop()
		}
	}
}

// join catches a follower up from an event id and makes it live. With no id it
// starts at the newest event. It returns the id it is live from.
func (h *Hub) join(ctx context.Context, organizationID, topic, after string, fromStart bool, w *follower) (*feed, string, error) {
	f, err := h.feed(ctx, organizationID, topic)
	if err != nil {
		return nil, "", err
	}
	if after == "" && !fromStart {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.followers[w] = struct{}{}
		return f, f.last, nil
	}
	for {
		events, reset, err := h.events.Events(ctx, organizationID, topic, after, pageSize)
		if err != nil {
			return nil, "", err
		}
		if reset {
			f.mu.Lock()
			after = f.last
			f.mu.Unlock()
			if !w.deliver(newMessage(opReset, models.Event{Topic: topic, ID: after})) {
				return nil, "", errTooSlow
			}
			continue
		}
		for _, e := range events {
			if !w.deliver(newMessage(opEvent, e)) {
				return nil, "", errTooSlow
			}
			after = e.ID
		}
		if len(events) == pageSize {
			continue
		}
		f.mu.Lock()
		if !before(after, f.last) {
			// We may have read further than the feed has: the rest of the
			// followers need those events too, so the feed stays where it is and
			// this follower skips what it has had.
			inner, seen := w.deliver, after
			w.deliver = func(m message) bool {
				if m.op == opEvent && !before(seen, m.event.ID) {
					return true
				}
				return inner(m)
			}
			f.followers[w] = struct{}{}
			f.mu.Unlock()
			return f, after, nil
		}
		f.mu.Unlock()
	}
}

// feed finds a topic's feed or begins one at the newest event.
func (h *Hub) feed(ctx context.Context, organizationID, topic string) (*feed, error) {
	h.mu.Lock()
	f, ok := h.feeds[topic]
	h.mu.Unlock()
	if ok {
		return f, nil
	}
	latest, err := h.events.Latest(ctx, organizationID, topic)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if f, ok := h.feeds[topic]; ok {
		return f, nil
	}
	f = &feed{
		organizationID: organizationID, topic: topic, last: latest,
		followers: map[*follower]struct{}{},
	}
	h.feeds[topic] = f
	return f, nil
}

// leave ends a subscription; a topic nobody follows is forgotten.
func (h *Hub) leave(f *feed, w *follower) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.followers, w)
	if len(f.followers) == 0 && h.feeds[f.topic] == f {
		delete(h.feeds, f.topic)
	}
}

// before reports whether event id a is older than b. Ids are "<epoch>-<n>";
// ids of two epochs are never ordered, so that a reset is not taken for an old
// event.
func before(a, b string) bool {
	epochA, nA := splitID(a)
	epochB, nB := splitID(b)
	if a == "" {
		return b != ""
	}
	return epochA == epochB && nA < nB
}

func sameEpoch(a, b string) bool {
	epochA, _ := splitID(a)
	epochB, _ := splitID(b)
	return epochA != "" && epochA == epochB
}

func splitID(id string) (epoch string, n uint64) {
	cut := strings.LastIndexByte(id, '-')
	if cut < 0 {
		return "", 0
	}
	n, err := strconv.ParseUint(id[cut+1:], 10, 64)
	if err != nil {
		return "", 0
	}
	return id[:cut], n
}
