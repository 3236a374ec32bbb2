package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/scratch-platform/scratch/models"
)

// recordChanges changes the records of one table inside a transaction. It holds
// the lock on the table's row, which every change of its records takes first:
// between reading a record and writing it back nobody else can come, and ids
// may be handed out in runs.
type recordChanges struct {
	tx      *Tx
	row     tableRow
	records string // the physical table
	added   int64  // to record_count
	edited  int64  // to edited_count
	touched bool
}

// changeRecords opens a table's records for change.
func (tx *Tx) changeRecords(tableID string) (*recordChanges, error) {
	row, err := tx.lockTable(tableID)
	if err != nil {
		return nil, err
	}
	return &recordChanges{tx: tx, row: row, records: recordTable(row.Seq)}, nil
}

// columns are the table's columns, the ones removed at the service included.
func (c *recordChanges) columns() []models.Column { return c.row.Columns.V }

// finish writes the counters. It must be called once, when all records are
// written and when at least one may have changed.
func (c *recordChanges) finish() error {
	if !c.touched && c.added == 0 && c.edited == 0 {
		return nil
	}
	err := c.tx.queue(`UPDATE tables SET record_count = record_count + ?, edited_count = edited_count + ?,
		records_version = records_version + 1 WHERE id = ? AND organization_id = ?`, c.added, c.edited, c.row.ID, c.tx.org)
	c.row.RecordCount += c.added
	c.row.EditedCount += c.edited
	c.row.RecordsVersion++
	return err
}

// newIDs hands out n ids in a row and gives the first.
func (c *recordChanges) newIDs(n int) (int64, error) {
	var last int64
	if c.tx.s.dialect.name() == "postgres" {
		sequence := c.records + "_id_seq"
		query := fmt.Sprintf("SELECT setval('%s', nextval('%s') + $1 - 1)", sequence, sequence)
		err := c.tx.sql.QueryRowContext(c.tx.ctx, query, n).Scan(&last)
		return last - int64(n) + 1, err
	}
	err := c.tx.sql.QueryRowContext(c.tx.ctx, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?", c.records).Scan(&last)
	return last + 1, err
}

// find reads the records the condition holds for, by id.
func (c *recordChanges) find(condition string, args ...any) ([]models.Record, error) {
	rows, err := c.tx.query("SELECT "+recordColumns+" FROM "+c.records+" WHERE "+condition+" ORDER BY id", args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var records []models.Record
	for rows.Next() {
		r, err := scanRecord(rows)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, rows.Err()
}

// byID reads records by id.
func (c *recordChanges) byID(ids []int64) (map[int64]models.Record, error) {
	found, err := c.find(c.tx.in("id"), listOf(c.tx.s.dialect, ids))
	if err != nil {
		return nil, err
	}
	records := make(map[int64]models.Record, len(found))
	for _, r := range found {
		records[r.ID] = r
	}
	return records, nil
}

// countEdited notes how a change of one record changes the counter of edited
// ones. before is nil for a record that did not exist, after for one that is
// gone.
func (c *recordChanges) countEdited(before, after *models.Record) {
	if before != nil && models.Edited(c.columns(), before) {
		c.edited--
	}
	if after != nil && models.Edited(c.columns(), after) {
		c.edited++
	}
}

// saveEdits writes edits, their bases and the state of records; their base
// stays. The version given is the one before and grows by one.
func (c *recordChanges) saveEdits(records []models.Record) error {
	if len(records) == 0 {
		return nil
	}
	c.touched = true
	if c.tx.s.dialect.name() != "postgres" {
		return c.eachRow(`UPDATE `+c.records+` SET edits = ?, edit_bases = ?, state = ?, row_version = row_version + 1, updated_at = ? WHERE id = ?`,
			len(records), func(i int) []any {
				r := &records[i]
				return []any{fieldsText(r.Edits), fieldsText(r.EditBases), int16(r.State), micros(c.tx.now), r.ID}
			})
	}
	ids, edits, bases, states := make([]int64, len(records)), make([]*string, len(records)), make([]*string, len(records)), make([]int16, len(records))
	for i := range records {
		r := &records[i]
		ids[i], edits[i], bases[i], states[i] = r.ID, fieldsText(r.Edits), fieldsText(r.EditBases), int16(r.State)
	}
	return c.tx.queue(`UPDATE `+c.records+` r SET edits = u.edits::jsonb, edit_bases = u.bases::jsonb, state = u.state,
		row_version = r.row_version + 1, updated_at = ?
		FROM unnest(?::bigint[], ?::text[], ?::text[], ?::smallint[]) u(id, edits, bases, state) WHERE r.id = u.id`,
		micros(c.tx.now), ids, edits, bases, states)
}

// saveBases writes what the service now says of records, with everything that
// follows from it. The marker is the record's.
func (c *recordChanges) saveBases(records []models.Record) error {
	if len(records) == 0 {
		return nil
	}
	c.touched = true
	if c.tx.s.dialect.name() != "postgres" {
		return c.eachRow(`UPDATE `+c.records+` SET base = ?, base_hash = ?, remote_id = ?, marker = ?, edits = ?, edit_bases = ?, state = ?,
			row_version = row_version + 1, updated_at = ? WHERE id = ?`, len(records), func(i int) []any {
			r := &records[i]
			hash := models.HashOf(r.Base)
			return []any{
				string(r.Base), hash[:], textOrNull(r.RemoteID), textOrNull(r.Marker), fieldsText(r.Edits),
				fieldsText(r.EditBases), int16(r.State), micros(c.tx.now), r.ID,
			}
		})
	}
	n := len(records)
	ids, states, hashes := make([]int64, n), make([]int16, n), make([][]byte, n)
	base, remote, marker, edits, bases := make([]string, n), make([]*string, n), make([]*string, n), make([]*string, n), make([]*string, n)
	for i := range records {
		r := &records[i]
		hash := models.HashOf(r.Base)
		ids[i], states[i], hashes[i], base[i] = r.ID, int16(r.State), hash[:], string(r.Base)
		remote[i], marker[i], edits[i], bases[i] = textOrNull(r.RemoteID), textOrNull(r.Marker), fieldsText(r.Edits), fieldsText(r.EditBases)
	}
	_, err := c.tx.exec(`UPDATE `+c.records+` r SET base = u.base::jsonb, base_hash = u.hash, remote_id = u.remote, marker = u.marker,
		edits = u.edits::jsonb, edit_bases = u.bases::jsonb, state = u.state, row_version = r.row_version + 1, updated_at = ?
		FROM unnest(?::bigint[], ?::text[], ?::bytea[], ?::text[], ?::text[], ?::text[], ?::text[], ?::smallint[])
			u(id, base, hash, remote, marker, edits, bases, state) WHERE r.id = u.id`,
		micros(c.tx.now), ids, base, hashes, remote, marker, edits, bases, states)
	return err
}

// insert adds records with the ids they carry.
func (c *recordChanges) insert(records []models.Record) error {
	if len(records) == 0 {
		return nil
	}
	c.added += int64(len(records))
	if c.tx.s.dialect.name() == "postgres" {
		return c.tx.pgx(func(ctx context.Context, conn *pgx.Conn) error {
			return copyRecords(ctx, conn, c.records, records, micros(c.tx.now))
		})
	}
	return c.insertRows(records)
}

// remove deletes records. The ids must be of records that exist.
func (c *recordChanges) remove(ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	n, err := c.tx.exec("DELETE FROM "+c.records+" WHERE "+c.tx.in("id"), listOf(c.tx.s.dialect, ids))
	c.added -= n
	return err
}

// eachRow runs one prepared statement per record; for SQLite, where that is the
// fast way.
func (c *recordChanges) eachRow(query string, n int, args func(i int) []any) error {
	statement, err := c.tx.sql.PrepareContext(c.tx.ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = statement.Close() }()
	for i := range n {
		if _, err := statement.ExecContext(c.tx.ctx, args(i)...); err != nil {
			return err
		}
	}
	return nil
}

// insertBatch is how many records one INSERT of SQLite carries: 11 values each,
// well under its limit of 32,766.
const insertBatch = 200

func (c *recordChanges) insertRows(records []models.Record) error {
	const head = "(id, created_at, updated_at, state, base_hash, remote_id, marker, edits, edit_bases, base) VALUES "
	const one = "(?,?,?,?,?,?,?,?,?,?)"
	now := micros(c.tx.now)
	for len(records) > 0 {
		n := min(len(records), insertBatch)
		values := make([]byte, 0, n*(len(one)+1))
		args := make([]any, 0, n*10)
		for i := range records[:n] {
			r := &records[i]
			if i > 0 {
				values = append(values, ',')
			}
			values = append(values, one...)
			args = append(args, r.ID, now, now, int16(r.State), hashOrNull(r), textOrNull(r.RemoteID), textOrNull(r.Marker),
				fieldsText(r.Edits), fieldsText(r.EditBases), string(r.Base))
		}
		if _, err := c.tx.exec("INSERT INTO "+c.records+" "+head+string(values), args...); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

// hashOrNull is the hash of a record the service knows; one made here has none.
func hashOrNull(r *models.Record) []byte {
	if r.State == models.RecordNew {
		return nil
	}
	hash := models.HashOf(r.Base)
	return hash[:]
}
