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
	"gorm.io/gorm/clause"

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

// relayLock is the PostgreSQL advisory lock under which events are numbered.
const relayLock = 0x5c8a7c4e

// Relay moves at most limit events from the outbox to the log, numbering them
// per topic, and says how many it moved. An event gets its number only after
// its transaction has committed, and under a lock that one process holds: so
// numbers follow commits, without gaps, and a transaction that commits late is
// numbered late instead of being overtaken by readers (a reader that has seen n
// never misses a smaller number).
func (y *System) Relay(ctx context.Context, limit int) (n int, err error) {
	// Asked often and mostly for nothing: look before taking the writer.
	var some int64
	if err := y.rows(ctx, &outboxRow{}).Select("seq").Limit(1).Count(&some).Error; err != nil || some == 0 {
		return 0, y.s.explain(ctx, err)
	}
	err = y.tx(ctx, func(tx *Tx) error {
		n = 0
		if tx.s.dialect.name() == "postgres" {
			// Promise 7: numbers follow commits, so no reader misses an event.
			// Another process that numbers right now may have looked before our
			// commit: waiting for it takes milliseconds, leaving the rest to it
			// would make our events late.
			if _, err := tx.sql.ExecContext(tx.ctx, "SELECT pg_advisory_xact_lock($1)", relayLock); err != nil {
				return err
			}
		}
		var waiting []outboxRow
		if err := tx.db.Order("seq").Limit(limit).Find(&waiting).Error; err != nil || len(waiting) == 0 {
			return err
		}
		n = len(waiting)
		return tx.number(waiting)
	})
	return n, err
}

func (tx *Tx) number(waiting []outboxRow) error {
	topics, err := tx.topicsOf(waiting)
	if err != nil {
		return err
	}
	events := make([]eventRow, len(waiting))
	seqs := make([]int64, len(waiting))
	for i, w := range waiting {
		topic := topics[w.Topic]
		topic.Last++ // Promise 7: numbers follow commits, not the order in which events were written
		events[i] = eventRow{Topic: w.Topic, N: topic.Last, OrganizationID: w.OrganizationID, Type: w.Type, Origin: w.Origin, Data: w.Data, At: w.At}
		seqs[i] = w.Seq
	}
	if err := tx.db.CreateInBatches(&events, 500).Error; err != nil {
		return err
	}
	changed := make([]topicRow, 0, len(topics))
	for _, topic := range topics {
		topic.UpdatedAt = tx.now
		changed = append(changed, *topic)
	}
	if err := tx.db.Clauses(clause.OnConflict{UpdateAll: true}).CreateInBatches(&changed, 500).Error; err != nil {
		return err
	}
	for start := 0; start < len(seqs); start += 500 {
		if err := tx.db.Where("seq IN ?", seqs[start:min(start+500, len(seqs))]).Delete(&outboxRow{}).Error; err != nil {
			return err
		}
	}
	return nil
}

// topicsOf reads the counters of the events' topics; a new topic gets a fresh
// epoch.
func (tx *Tx) topicsOf(waiting []outboxRow) (map[string]*topicRow, error) {
	topics := map[string]*topicRow{}
	var names []string
	for _, w := range waiting {
		if topics[w.Topic] == nil {
			topics[w.Topic] = &topicRow{Topic: w.Topic, OrganizationID: w.OrganizationID}
			names = append(names, w.Topic)
		}
	}
	for start := 0; start < len(names); start += 500 {
		var known []topicRow
		if err := tx.db.Where("topic IN ?", names[start:min(start+500, len(names))]).Find(&known).Error; err != nil {
			return nil, err
		}
		for _, k := range known {
			topics[k.Topic] = &k
		}
	}
	for _, topic := range topics {
		if topic.Epoch == "" {
			var random [6]byte
			if _, err := rand.Read(random[:]); err != nil {
				return nil, err
			}
			topic.Epoch = hex.EncodeToString(random[:])
		}
	}
	return topics, nil
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
