package store

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/scratch-platform/scratch/models"
)

// relayLock is the advisory lock under which events are numbered.
const relayLock = 0x5c8a7c4e

// numberAll moves events from the outbox to the log, oldest first, and gives them
// as they stand there: $1 is how many at most, $2 the epoch of topics that have no
// events yet, $3 the time.
//
// Promise 7: numbers follow commits, not the order in which events were written,
// and count on from the topic's last.
const numberAll = `WITH moved AS (
	DELETE FROM outbox WHERE seq = ANY(ARRAY(SELECT seq FROM outbox ORDER BY seq LIMIT $1)) RETURNING *
), numbered AS (
	SELECT m.*, coalesce(t.epoch, $2) AS epoch, coalesce(t.last, 0) + row_number() OVER (PARTITION BY m.topic ORDER BY m.seq) AS n
	FROM moved m LEFT JOIN topics t ON t.topic = m.topic
), logged AS (
	INSERT INTO events (topic, n, organization_id, type, origin, data, at)
	SELECT topic, n, organization_id, type, origin, data, at FROM numbered
), counted AS (
	INSERT INTO topics (topic, organization_id, epoch, last, trimmed, updated_at)
	SELECT topic, min(organization_id), min(epoch), max(n), 0, $3 FROM numbered GROUP BY topic ORDER BY topic
	ON CONFLICT (topic) DO UPDATE SET last = excluded.last, updated_at = excluded.updated_at
)
SELECT organization_id, topic, epoch, n, type, origin, data, at FROM numbered ORDER BY seq`

// relayAtOnce numbers events in one way there and back, which is most of the time
// from a commit to its readers: the statements travel together, and are one
// transaction because nothing between them ends it.
func (s *Store) relayAtOnce(ctx context.Context, limit int) (numbered []models.Event, err error) {
	epoch, err := newEpoch()
	if err != nil {
		return nil, err
	}
	pool, err := s.write.DB()
	if err != nil {
		return nil, err
	}
	err = s.again(ctx, func(int) error {
		conn, err := pool.Conn(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }() // gives it back to the pool
		return onPgx(conn, func(c *pgx.Conn) error {
			var batch pgx.Batch
			// Promise 7: numbers follow commits, so no reader misses an event.
			// Another process that numbers right now may have looked before our
			// commit: waiting for it takes milliseconds, leaving the rest to it
			// would make our events late. A statement of its own, so that the next
			// one sees what is there when the lock is held.
			batch.Queue("SELECT pg_advisory_xact_lock($1)", relayLock)
			batch.Queue(numberAll, limit, epoch, s.now())
			numbered, err = readNumbered(c.SendBatch(ctx, &batch))
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return numbered, nil
}

func readNumbered(answers pgx.BatchResults) (numbered []models.Event, err error) {
	defer func() { err = errors.Join(err, answers.Close()) }() // which says whether it is committed
	if _, err := answers.Exec(); err != nil {
		return nil, err
	}
	rows, err := answers.Query()
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (models.Event, error) {
		var e models.Event
		var epoch string
		var n int64
		var data []byte // nil: NULL
		err := row.Scan(&e.OrganizationID, &e.Topic, &epoch, &n, &e.Type, &e.Origin, &data, &e.At)
		e.ID, e.Data = eventID(epoch, n), json.RawMessage(data)
		return e, err
	})
}
