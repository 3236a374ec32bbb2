package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/scratch-platform/scratch/models"
)

type topicRow struct {
	Topic          string `gorm:"primaryKey"`
	OrganizationID string
	Epoch          string
	Last           int64 // number of the newest event
	Trimmed        int64 // number of the newest event that is no longer kept
	UpdatedAt      time.Time
}

func (topicRow) TableName() string { return "topics" }

type eventRow struct {
	Topic          string `gorm:"primaryKey"`
	N              int64  `gorm:"primaryKey;autoIncrement:false"`
	OrganizationID string
	Type           string
	Origin         string
	Data           jsonOf[json.RawMessage]
	At             time.Time
}

func (eventRow) TableName() string { return "events" }

// Relay moves at most limit events from the outbox to the log, numbering them
// per topic, and gives them as they stand there. An event gets its number only
// after its transaction has committed, and under a lock that one process holds:
// so numbers follow commits, without gaps, and a transaction that commits late is
// numbered late instead of being overtaken by readers (a reader that has seen n
// never misses a smaller number).
func (y *System) Relay(ctx context.Context, limit int) ([]models.Event, error) {
	if y.s.dialect.name() == "postgres" {
		return y.s.relayAtOnce(ctx, limit)
	}
	return y.relayInSteps(ctx, limit)
}

// relayInSteps is for a database within the process, where a statement costs no
// way there and back; its one writer is the lock.
func (y *System) relayInSteps(ctx context.Context, limit int) (numbered []models.Event, err error) {
	// Asked often and mostly for nothing: look before taking the writer.
	var some int64
	if err := y.rows(ctx, &outboxRow{}).Select("seq").Limit(1).Count(&some).Error; err != nil || some == 0 {
		return nil, y.s.explain(ctx, err)
	}
	err = y.tx(ctx, func(tx *Tx) error {
		var waiting []waitingRow
		err := tx.db.Table("outbox AS o").Select("o.*, t.epoch, t.last").Joins("LEFT JOIN topics AS t ON t.topic = o.topic").
			Order("o.seq").Limit(limit).Scan(&waiting).Error
		if err != nil {
			return err
		}
		numbered, err = tx.number(waiting)
		return err
	})
	if err != nil {
		return nil, err
	}
	return numbered, nil
}

// waitingRow is an event of the outbox with where its topic stands; a topic
// without events has neither epoch nor last.
type waitingRow struct {
	Event outboxRow `gorm:"embedded"`
	Epoch *string
	Last  *int64
}

// number moves events to the log.
func (tx *Tx) number(waiting []waitingRow) ([]models.Event, error) {
	type place struct {
		org, epoch string
		last       int64
	}
	places := map[string]*place{}
	var topics []string // in the order they came
	events := make([]models.Event, 0, len(waiting))
	for _, row := range waiting {
		w := row.Event
		at := places[w.Topic]
		if at == nil {
			at = &place{org: w.OrganizationID}
			if row.Epoch != nil && row.Last != nil {
				at.epoch, at.last = *row.Epoch, *row.Last
			} else {
				var err error
				if at.epoch, err = newEpoch(); err != nil {
					return nil, err
				}
			}
			places[w.Topic], topics = at, append(topics, w.Topic)
		}
		at.last++ // Promise 7: numbers follow commits, not the order in which events were written
		events = append(events, models.Event{
			OrganizationID: w.OrganizationID, Topic: w.Topic, ID: eventID(at.epoch, at.last), Type: w.Type, Origin: w.Origin, Data: w.Data.V, At: w.At,
		})
		if _, err := tx.exec("INSERT INTO events (topic, n, organization_id, type, origin, data, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
			w.Topic, at.last, w.OrganizationID, w.Type, w.Origin, w.Data, w.At); err != nil {
			return nil, err
		}
		if _, err := tx.exec("DELETE FROM outbox WHERE seq = ?", w.Seq); err != nil {
			return nil, err
		}
	}
	for _, topic := range topics {
		at := places[topic]
		_, err := tx.exec(`INSERT INTO topics (topic, organization_id, epoch, last, trimmed, updated_at) VALUES (?, ?, ?, ?, 0, ?)
			ON CONFLICT (topic) DO UPDATE SET last = excluded.last, updated_at = excluded.updated_at`,
			topic, at.org, at.epoch, at.last, tx.now)
		if err != nil {
			return nil, err
		}
	}
	return events, nil
}

// newEpoch tells a topic's numbers from those of one of the same name that was
// forgotten.
func newEpoch() (string, error) {
	var random [6]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", err
	}
	return hex.EncodeToString(random[:]), nil
}

func eventID(epoch string, n int64) string { return epoch + "-" + strconv.FormatInt(n, 10) }

// Events gives a topic's events after an id, oldest first, at most limit. An
// empty id is the topic's beginning. reset says that the id is of another epoch,
// ahead of the log, or so old that events after it are gone: the caller reads
// again what it shows, and goes on from LatestEventID.
func (o *Org) Events(ctx context.Context, topic, afterID string, limit int) (events []models.Event, reset bool, err error) {
	var t topicRow
	err = o.rows(ctx, &topicRow{}).Where("topic = ?", topic).Take(&t).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, afterID != "", nil
	}
	if err != nil {
		return nil, false, o.s.explain(ctx, err)
	}
	after, ok := numberAfter(&t, afterID)
	if !ok {
		return nil, true, nil
	}
	var rows []eventRow
	err = o.rows(ctx, &eventRow{}).Where("topic = ? AND n > ?", topic, after).Order("n").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, false, o.s.explain(ctx, err)
	}
	if len(rows) > 0 && rows[0].N != after+1 {
		return nil, true, nil // trimmed between the two reads
	}
	events = make([]models.Event, len(rows))
	for i, r := range rows {
		events[i] = models.Event{
			OrganizationID: r.OrganizationID, Topic: r.Topic, ID: eventID(t.Epoch, r.N), Type: r.Type, Origin: r.Origin, Data: r.Data.V, At: r.At,
		}
	}
	return events, false, nil
}

// numberAfter reads an event id against the topic's log.
func numberAfter(t *topicRow, afterID string) (after int64, ok bool) {
	if afterID == "" {
		return 0, t.Trimmed == 0
	}
	epoch, number, found := strings.Cut(afterID, "-")
	n, err := strconv.ParseInt(number, 10, 64)
	ok = found && err == nil && epoch == t.Epoch && n >= t.Trimmed && n <= t.Last
	return n, ok
}

// LatestEventID gives the id of a topic's newest event, "" when it has none.
func (o *Org) LatestEventID(ctx context.Context, topic string) (string, error) {
	var rows []topicRow
	if err := o.rows(ctx, &topicRow{}).Where("topic = ?", topic).Limit(1).Find(&rows).Error; err != nil {
		return "", o.s.explain(ctx, err)
	}
	if len(rows) == 0 {
		return "", nil
	}
	return eventID(rows[0].Epoch, rows[0].Last), nil
}

// Moved gives those of the topics whose newest event is not the one named: what
// a hub asks once for all topics it serves.
func (y *System) Moved(ctx context.Context, known map[string]string) ([]string, error) {
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	var moved []string
	for start := 0; start < len(names); start += 500 {
		var rows []topicRow
		if err := y.rows(ctx, &topicRow{}).Where("topic IN ?", names[start:min(start+500, len(names))]).Find(&rows).Error; err != nil {
			return nil, y.s.explain(ctx, err)
		}
		for _, r := range rows {
			if known[r.Topic] != eventID(r.Epoch, r.Last) {
				moved = append(moved, r.Topic)
			}
		}
	}
	return moved, nil
}

// CanRead reports whether an actor may follow a topic: their own, and those of
// snapshots and jobs of their organization (Promise 11).
func (o *Org) CanRead(ctx context.Context, userID, topic string) (bool, error) {
	kind, id, _ := strings.Cut(topic, ":")
	var err error
	switch kind {
	case "user":
		return id == userID, nil
	case "snapshot":
		_, err = o.Snapshot(ctx, id)
	case "job":
		_, err = o.Job(ctx, id)
	default:
		return false, nil
	}
	if p, ok := models.AsProblem(err); ok && p.Kind == models.KindNotFound {
		return false, nil
	}
	return err == nil, err
}

// TrimEvents forgets events older than before, at most limit of them, and the
// counters of topics that have been silent as long; it says how many events
// went. Clients that come back for what is gone are told to read again.
func (y *System) TrimEvents(ctx context.Context, before time.Time, limit int) (n int64, err error) {
	err = y.tx(ctx, func(tx *Tx) error {
		type old struct {
			Topic string
			N     int64
		}
		var olds []old
		err := tx.db.Model(&eventRow{}).Select("topic", "n").Where("at < ?", stored(before)).Order("at").Limit(limit).Find(&olds).Error
		if err != nil {
			return err
		}
		last := map[string]int64{}
		for _, e := range olds {
			last[e.Topic] = max(last[e.Topic], e.N)
		}
		n = 0
		for topic, number := range last {
			if err := tx.db.Model(&topicRow{}).Where("topic = ? AND trimmed < ?", topic, number).UpdateColumn("trimmed", number).Error; err != nil {
				return err
			}
			// All up to the number: what is kept has no holes.
			result := tx.db.Where("topic = ? AND n <= ?", topic, number).Delete(&eventRow{})
			if result.Error != nil {
				return result.Error
			}
			n += result.RowsAffected
		}
		return tx.db.Where("updated_at < ? AND trimmed = last", stored(before)).Delete(&topicRow{}).Error
	})
	return n, err
}
