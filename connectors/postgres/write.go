package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/scratch-platform/scratch/connectors"
)

// operation is one item on its way: the statement that writes it, and what
// became of it. An item is undecided until it has an outcome.
type operation struct {
	item      connectors.WriteItem
	statement statement
	rows      int  // it wrote, as far as the server's answer says
	holds     bool // what the statement says last of the row, where it says anything
	id        string
	stored    *connectors.Record
	// judge decides from rows whether the write is one; nil takes it as it is.
	judge  func(*operation) *connectors.Error
	result *connectors.WriteResult
}

func (o *operation) refuse(err *connectors.Error) {
	err.Record = o.item.RemoteID
	result := connectors.ResultOf(o.item.Key, err)
	o.result = &result
}

// batch is one transaction of writes.
type batch struct {
	c        *Connector
	tried    string
	schema   connectors.Schema
	relation *relation
	plan     *rowPlan // of rows that are looked at
	answer   *rowPlan // of what a write answers
	creates  bool
	t        *tx
	by       time.Time // the COMMIT is sent by then, or not at all
}

// openBatch begins the transaction and looks at the table in it. An error says
// that nothing was sent.
func (c *Connector) openBatch(ctx context.Context, tried string, schema connectors.Schema, creates bool) (*batch, error) {
	b := &batch{c: c, tried: tried, schema: schema, creates: creates, by: c.deps.Now().Add(commitBy)}
	if err := b.open(ctx); err != nil {
		b.close(ctx)
		return nil, c.fault(ctx, tried, schema.RemoteID, err)
	}
	return b, nil
}

func (b *batch) open(ctx context.Context) error {
	if err := b.mayStart(ctx); err != nil {
		return err
	}
	name, err := parseTable(b.schema.RemoteID)
	if err != nil {
		return err
	}
	chosen, err := readSettings(b.schema.Settings)
	if err != nil {
		return err
	}
	b.relation = &relation{tableName: name}
	if b.t, err = b.c.begin(ctx, writing, lookup(b.relation)...); err != nil {
		var said *pgconn.PgError
		if errors.As(err, &said) && said.Code == codeNoWrites { // to BEGIN READ WRITE; nothing else in there can meet it
			return noWrites(b.tried, "the server is a replica, which takes no writes", "Connect to the primary server.")
		}
		return err
	}
	if err := b.relation.ready(chosen); err != nil {
		return err
	}
	if why := b.relation.why(); why != "" {
		return noWrites(b.tried, "the table cannot be written: "+why, "")
	}
	if b.plan, err = b.relation.planRows(b.schema); err != nil {
		return err
	}
	answer := *b.plan
	// A row that came to its partition by way of the table has no xmin in the
	// answer; it is read back.
	answer.marker = answer.marker && b.relation.kind != "p"
	b.answer = &answer
	// Promise 5: held until the transaction has ended, whatever became of us.
	// FindCreated waits for it, so that what it does not see was not made.
	if b.creates {
		_, err = b.t.run(ctx, []statement{{sql: "SELECT pg_catalog.pg_advisory_xact_lock_shared($1::pg_catalog.int8)", args: [][]byte{b.relation.lock()}}})
	}
	return err
}

// codeNoWrites is what a replica says of a transaction that is to write.
const codeNoWrites = "0A000"

func noWrites(tried, reason, hint string) error {
	return &connectors.Error{Kind: connectors.KindPermission, Service: Service, Tried: tried, Code: "read_only", Reason: reason, Hint: hint}
}

func (b *batch) close(ctx context.Context) {
	if b.t != nil {
		b.t.end(ctx)
		b.t = nil
	}
}

// mayStart asks whether anything may still be sent: not once the lease of the
// items is over or their run was cancelled (Promise 5), nor when the time of the
// batch is up.
func (b *batch) mayStart(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	stopped := b.c.deps.MayStart != nil && !b.c.deps.MayStart(ctx)
	if !stopped && b.c.deps.Now().Before(b.by) {
		return nil
	}
	e := &connectors.Error{
		Kind: connectors.KindUnavailable, Service: Service, Tried: b.tried, Table: b.schema.RemoteID, Code: "not_sent",
		Reason: "the run was stopped, or the time it may send in was over", Hint: "Nothing was written. It goes on by itself where it can.",
	}
	if !stopped {
		e.Kind, e.Reason = connectors.KindTimeout, fmt.Sprintf("the batch was not written within %s", commitBy)
	}
	return e
}

// write carries operations out in one transaction and gives a result for each.
// What the server refuses is taken out and the rest is written; where a COMMIT
// is refused for all, each is tried in a transaction of its own.
func (b *batch) write(ctx context.Context, operations []*operation) []connectors.WriteResult {
	defer b.close(ctx)
	err := b.apply(ctx, operations)
	if err == nil {
		err = b.absent(ctx, operations)
	}
	applied := undecided(operations)
	if err == nil && len(applied) > 0 {
		err = b.commit(ctx, applied)
	}
	var late *lateError
	switch {
	case errors.As(err, &late) && len(applied) > 1:
		b.close(ctx)
		b.single(ctx, applied)
	case err != nil:
		e := b.c.fault(ctx, b.tried, b.schema.RemoteID, err)
		for _, o := range applied {
			o.fail(e, late != nil || e.Kind == connectors.KindAmbiguous)
		}
	}
	results := make([]connectors.WriteResult, len(operations))
	for i, o := range operations {
		if o.result == nil {
			o.result = &connectors.WriteResult{Key: o.item.Key, Outcome: connectors.Applied, Stored: o.stored}
			if o.item.RemoteID == "" {
				o.result.RemoteID = o.id
			}
		}
		results[i] = *o.result
	}
	return results
}

// fail settles an item of a batch that did not come through: refused says that
// the error is the item's own, or that its outcome is not known; else nothing of
// it was written.
func (o *operation) fail(e *connectors.Error, refused bool) {
	own := *e
	if refused {
		o.refuse(&own)
		return
	}
	result := connectors.NotSentResults([]connectors.WriteItem{o.item}, &own)[0]
	o.result = &result
}

// single writes each operation in a transaction of its own.
func (b *batch) single(ctx context.Context, operations []*operation) {
	for i, o := range operations {
		one, err := b.c.openBatch(ctx, b.tried, b.schema, b.creates)
		if err != nil {
			e := b.c.fault(ctx, b.tried, b.schema.RemoteID, err)
			for _, rest := range operations[i:] {
				rest.fail(e, false)
			}
			return
		}
		one.by = b.by
		one.write(ctx, []*operation{o})
	}
}

// apply sends operations in runs: a savepoint, the statements one after another
// without waiting, and where one is refused, back to the savepoint and the ones
// before it again. Each statement is sent at most twice, and a refused one never
// takes others with it.
func (b *batch) apply(ctx context.Context, operations []*operation) error {
	pending := undecided(operations)
	for len(pending) > 0 {
		refused, err := b.run(ctx, pending)
		if err != nil || refused < 0 {
			return err
		}
		if err := b.back(ctx); err != nil {
			return err
		}
		again, err := b.run(ctx, pending[:refused])
		if err != nil {
			return err
		}
		if again < 0 {
			pending = pending[refused+1:]
			continue
		}
		// What went through a moment ago does not now: begin anew, without it.
		if err := b.back(ctx); err != nil {
			return err
		}
		pending = undecided(pending)
	}
	return nil
}

// back undoes the last run.
func (b *batch) back(ctx context.Context) error {
	_, err := b.t.run(ctx, []statement{{sql: "ROLLBACK TO SAVEPOINT run"}, {sql: "RELEASE SAVEPOINT run"}})
	return err
}

func undecided(operations []*operation) []*operation {
	var left []*operation
	for _, o := range operations {
		if o.result == nil {
			left = append(left, o)
		}
	}
	return left
}

func (o *operation) forget() { o.rows, o.holds, o.id, o.stored = 0, false, "", nil }

// run sends operations behind a savepoint and gives the place of the first that
// was refused, -1 for none.
func (b *batch) run(ctx context.Context, operations []*operation) (refused int, err error) {
	if len(operations) == 0 {
		return -1, nil
	}
	statements := []statement{{sql: "SAVEPOINT run"}}
	for _, o := range operations {
		o.forget()
		s := o.statement
		s.take = b.taker(o)
		statements = append(statements, s)
	}
	if err := b.mayStart(ctx); err != nil {
		return 0, err
	}
	failed, err := b.t.run(ctx, statements)
	var said *pgconn.PgError
	switch {
	case err == nil:
	case failed < 1, errors.As(err, &said) && fatal(said), said == nil && !isTaken(err), ctx.Err() != nil:
		return 0, err
	default:
		operations[failed-1].refuse(b.c.fault(ctx, b.tried, b.schema.RemoteID, err))
		return failed - 1, nil
	}
	for i, o := range operations {
		if o.judge == nil {
			continue
		}
		if e := o.judge(o); e != nil {
			o.refuse(b.c.secret.Clean(e))
			return i, nil
		}
	}
	return -1, nil
}

// isTaken reports whether an error is of our reading of an answer, and not of
// the way to the server.
func isTaken(err error) bool {
	_, typed := connectors.AsError(err)
	return typed
}

// taker reads what a statement's RETURNING gives.
func (b *batch) taker(o *operation) func([][]byte) error {
	return func(wire [][]byte) error {
		o.rows++
		if o.rows > 1 {
			return nil // judged as two
		}
		fields, one, err := b.answer.read(nil, wire, make([][2]int, len(b.answer.cells)))
		if err != nil {
			return err
		}
		o.id, o.holds = one.id, isTrue(wire[len(wire)-1])
		if one.left == nil && b.answer.marker == b.plan.marker { // else it is read back
			o.stored = &connectors.Record{RemoteID: one.id, Fields: fields, Marker: one.marker}
		}
		return nil
	}
}

// lateError is the refusal of a whole batch at its end, by a constraint that
// is checked there.
type lateError struct{ error }

func (r *lateError) Unwrap() error { return r.error }

// refusal reports whether the server refuses what was written, by whatever a
// constraint or a trigger that was deferred says, and not the moment of it.
func (b *batch) refusal(err error) bool {
	var said *pgconn.PgError
	if !errors.As(err, &said) || fatal(said) {
		return false
	}
	var e connectors.Error
	explain(&e, said)
	return connectors.ResultOf("", &e).Outcome == connectors.Failed
}

// commit checks what is deferred and commits. Without an answer to the COMMIT
// the outcome is not known (KindAmbiguous); before it, nothing is written.
func (b *batch) commit(ctx context.Context, applied []*operation) error {
	_, err := b.t.run(ctx, []statement{{sql: "SET CONSTRAINTS ALL IMMEDIATE"}})
	var said *pgconn.PgError
	if b.refusal(err) {
		return &lateError{err}
	}
	if err != nil {
		return err
	}
	// Promise 5: the last moment at which nothing has happened.
	if stop := b.mayStart(ctx); stop != nil {
		err = stop
	}
	if err != nil {
		return err
	}
	results, err := b.t.conn.Exec(ctx, "COMMIT").ReadAll()
	switch {
	case err == nil && len(results) == 1 && results[0].CommandTag.String() == "COMMIT":
		return nil
	case err == nil: // the server rolled back instead
		return &connectors.Error{
			Kind: connectors.KindUnavailable, Service: Service, Tried: b.tried, Table: b.schema.RemoteID, Code: "rolled_back",
			Reason: "the server rolled the batch back", Hint: againHint,
		}
	case b.refusal(err):
		return &lateError{err}
	case errors.As(err, &said) && !fatal(said):
		return err
	default: // Promise 5: it is looked up, never sent again on a guess
		e := b.c.fault(ctx, b.tried, b.schema.RemoteID, err)
		e.Kind, e.Wait = connectors.KindAmbiguous, 0
		e.Reason = "the answer to the COMMIT of " + fmt.Sprint(len(applied)) + " rows was lost: " + e.Reason
		e.Hint = "Scratch looks whether the database has them before anything is sent again."
		return e
	}
}
