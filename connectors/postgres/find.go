package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/zeebo/xxh3"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// lock is the number of the advisory lock on creates in a table.
func (r *relation) lock() []byte {
	return fmt.Appendf(nil, "%d", int64(xxh3.HashString("scratch creates rows in "+r.sql()))) //nolint:gosec // any number will do
}

// FindCreated looks for rows by the keys they were created with.
//
// It first waits for every transaction of ours that may still be creating rows
// in the table: what is not there after that was not made. Where one does not
// end in time the answer is not settled.
func (c *Connector) FindCreated(ctx context.Context, schema connectors.Schema, items []connectors.FindItem) ([]connectors.FindResult, error) {
	results := make([]connectors.FindResult, len(items))
	if len(items) == 0 {
		return results, nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	const tried = "find created rows"
	settled, err := c.settle(ctx, schema)
	if err != nil {
		return nil, c.fault(ctx, tried, schema.RemoteID, err)
	}
	for i, item := range items {
		results[i].Key = item.Key
		var reserved reservation
		if json.Unmarshal([]byte(item.Marker), &reserved) != nil || len(reserved.Key) == 0 {
			continue // never settled: a person decides
		}
		row, there, err := c.findOne(ctx, schema, recordID(reserved.Key))
		if err != nil {
			return nil, c.fault(ctx, tried, schema.RemoteID, err)
		}
		results[i].Exact = reserved.Ours
		results[i].Settled = settled && (row != nil || !there)
		if row != nil && (reserved.Ours || agree(schema, item.Values, *row)) {
			results[i].Candidates = []connectors.Record{*row}
		}
	}
	return results, nil
}

// findOne looks one row up by a key, in whatever way that is written: 5 is the
// key of the row 5.00. there says that a row has it, or that this cannot be
// told, though it makes no record.
func (c *Connector) findOne(ctx context.Context, schema connectors.Schema, id string) (row *connectors.Record, there bool, err error) {
	r, err := c.describe(ctx, schema.RemoteID, schema.Settings)
	if err != nil {
		return nil, false, err
	}
	now := found{known: map[string]bool{}}
	if now.plan, err = r.planRows(schema); err != nil {
		return nil, false, err
	}
	now.plan.large = r.toast
	if err := c.findAll(ctx, &now, []string{id}); err != nil {
		return nil, false, err
	}
	if len(now.records) == 1 {
		row = &now.records[0]
	}
	return row, r.hides || len(now.known) > 0, nil // what row security hides may be there
}

// agree holds a row that has a key people chose against what was to be created.
// With other values it is another's; then the create is sent again, and the key
// itself keeps it from becoming a second row.
func agree(schema connectors.Schema, values models.Fields, r connectors.Record) bool {
	for _, column := range schema.Columns {
		if value, planned := values[column.ID]; planned && !column.Compare.Equal(value, models.CellOf(r.Fields, column.ID)) {
			return false
		}
	}
	return true
}

// settle waits until no transaction of ours is creating rows in the table.
func (c *Connector) settle(ctx context.Context, schema connectors.Schema) (settled bool, err error) {
	name, err := parseTable(schema.RemoteID)
	if err != nil {
		return false, err
	}
	r := relation{tableName: name}
	err = c.within(ctx, settling, statement{sql: "SELECT pg_catalog.pg_advisory_xact_lock($1::pg_catalog.int8)", args: [][]byte{r.lock()}})
	var said *pgconn.PgError
	if errors.As(err, &said) && said.Code == codeLocked {
		return false, nil
	}
	return err == nil, err
}

// codeLocked is what the server says when lock_timeout is over.
const codeLocked = "55P03"
