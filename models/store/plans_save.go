package store

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// newItemColumns are what a new item's row is written with; the rest is empty.
var newItemColumns = []string{
	"id", "organization_id", "plan_id", "table_id", "record_id", "ordinal", "row_version", "op", "state", "remote_id", "cells", "edit_bases",
	"marker", "label", "override", "blocked", "problem", "step", "note", "lease", "read_back", "settled_version",
}

// newItemValues are the values of a new item, in the order of newItemColumns.
func newItemValues(r *itemRow) ([]any, error) {
	values, err := r.Cells.Value()
	if err != nil {
		return nil, err
	}
	bases, err := r.EditBases.Value()
	if err != nil {
		return nil, err
	}
	problem, err := r.Problem.Value()
	if err != nil {
		return nil, err
	}
	return []any{
		r.ID, r.OrganizationID, r.PlanID, r.TableID, r.RecordID, r.Ordinal, r.RowVersion, string(r.Op), string(r.State), r.RemoteID, values, bases,
		r.Marker, r.Label, false, r.Blocked, problem, "", "", "", false, 0,
	}, nil
}

// insertItems adds new items: by COPY on PostgreSQL, by one prepared statement
// on SQLite.
func (tx *Tx) insertItems(rows []itemRow) error {
	if len(rows) == 0 {
		return nil
	}
	if tx.s.dialect.name() == "postgres" {
		return tx.pgx(func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.CopyFrom(ctx, pgx.Identifier{"items"}, newItemColumns, pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
				return newItemValues(&rows[i])
			}))
			return err
		})
	}
	statement, err := tx.sql.PrepareContext(tx.ctx, "INSERT INTO items ("+strings.Join(newItemColumns, ", ")+") VALUES (?"+strings.Repeat(", ?", len(newItemColumns)-1)+")")
	if err != nil {
		return err
	}
	defer func() { _ = statement.Close() }()
	for i := range rows {
		values, err := newItemValues(&rows[i])
		if err != nil {
			return err
		}
		if _, err := statement.ExecContext(tx.ctx, values...); err != nil {
			return err
		}
	}
	return nil
}

// saveItems writes what changes of items while they are sent and settled, in
// one statement on PostgreSQL and in a prepared one per item on SQLite: each
// the fast way there.
func (tx *Tx) saveItems(rows []itemRow) error {
	if len(rows) == 0 {
		return nil
	}
	if tx.s.dialect.name() != "postgres" {
		return tx.saveItemsOneByOne(rows)
	}
	n := len(rows)
	ids, states, remotes, markers, steps, notes, leases := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	allSteps, problems, theirs := make([]any, n), make([]any, n), make([]any, n)
	until, sent, settled, readBack, versions := make([]*time.Time, n), make([]*time.Time, n), make([]*time.Time, n), make([]bool, n), make([]int64, n)
	for i := range rows {
		r := &rows[i]
		ids[i], states[i], remotes[i], markers[i], steps[i], notes[i], leases[i] = r.ID, string(r.State), r.RemoteID, r.Marker, r.Step, r.Note, r.Lease
		until[i], sent[i], settled[i], readBack[i], versions[i] = r.LeaseUntil, r.SentAt, r.SettledAt, r.ReadBack, r.SettledVersion
		var err error
		if allSteps[i], problems[i], theirs[i], err = r.texts(); err != nil {
			return err
		}
	}
	_, err := tx.exec(`UPDATE items i SET state = u.state, remote_id = u.remote, marker = u.marker, step = u.step, note = u.note, lease = u.lease,
		steps = u.steps::jsonb, problem = u.problem::jsonb, theirs = u.theirs, lease_until = u.until, sent_at = u.sent, settled_at = u.settled,
		read_back = u.read_back, settled_version = u.version
		FROM unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[],
			?::timestamptz[], ?::timestamptz[], ?::timestamptz[], ?::boolean[], ?::bigint[])
			u(id, state, remote, marker, step, note, lease, steps, problem, theirs, until, sent, settled, read_back, version)
		WHERE i.id = u.id AND i.organization_id = ?`,
		ids, states, remotes, markers, steps, notes, leases, allSteps, problems, theirs, until, sent, settled, readBack, versions, tx.org)
	return err
}

// texts gives the JSON columns of an item as text or nil.
func (r *itemRow) texts() (steps, problem, theirs any, err error) {
	if steps, err = r.Steps.Value(); err != nil {
		return nil, nil, nil, err
	}
	if problem, err = r.Problem.Value(); err != nil {
		return nil, nil, nil, err
	}
	theirs, err = r.Theirs.Value()
	return steps, problem, theirs, err
}

func (tx *Tx) saveItemsOneByOne(rows []itemRow) error {
	statement, err := tx.sql.PrepareContext(tx.ctx, `UPDATE items SET state = ?, remote_id = ?, marker = ?, step = ?, note = ?, lease = ?, steps = ?,
		problem = ?, theirs = ?, lease_until = ?, sent_at = ?, settled_at = ?, read_back = ?, settled_version = ? WHERE id = ? AND organization_id = ?`)
	if err != nil {
		return err
	}
	defer func() { _ = statement.Close() }()
	for i := range rows {
		r := &rows[i]
		steps, problem, theirs, err := r.texts()
		if err != nil {
			return err
		}
		if _, err := statement.ExecContext(tx.ctx, string(r.State), r.RemoteID, r.Marker, r.Step, r.Note, r.Lease, steps, problem, theirs,
			r.LeaseUntil, r.SentAt, r.SettledAt, r.ReadBack, r.SettledVersion, r.ID, tx.org); err != nil {
			return err
		}
	}
	return nil
}
