package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/scratch-platform/scratch/models"
)

// operationRow is one thing a user did in one tab: what undo takes back as a
// whole. Requests that carry the same operation id are parts of it.
type operationRow struct {
	OrganizationID string `gorm:"primaryKey"`
	ID             string `gorm:"primaryKey"`
	N              int64
	SnapshotID     string
	UserID         string
	Tab            string
	State          string
	Kind           string
	At             int64
}

func (operationRow) TableName() string { return "operations" }

// The states of an operation: it can be undone; it was, and can be redone; it
// was, and something else was done since.
const (
	operationDone    = "done"
	operationUndone  = "undone"
	operationDropped = "dropped"
)

// The kinds of operations.
const (
	operationWrite  = "write"
	operationAccept = "accept"
	operationReject = "reject"
)

type operationAnswerRow struct {
	OrganizationID string `gorm:"primaryKey"`
	OperationID    string `gorm:"primaryKey"`
	Request        string `gorm:"primaryKey"`
	Answer         string
	At             int64
}

func (operationAnswerRow) TableName() string { return "operation_answers" }

// maxOperationID bounds an operation's id from outside.
const maxOperationID = 64

// recordWriter collects what one request of an operation does to a table's
// records, and writes it in one go.
type recordWriter struct {
	c         *recordChanges
	actor     models.Actor
	operation string
	kind      string

	before   map[int64]models.Record // as they were read
	now      map[int64]models.Record // as they will be; missing when taken out
	order    []int64                 // of first touch
	inserted map[int64]bool
	sending  map[int64]bool // nil until asked for
	history  []historyRow
}

func newRecordWriter(c *recordChanges, actor models.Actor, operation, kind string) *recordWriter {
	return &recordWriter{
		c: c, actor: actor, operation: operation, kind: kind,
		before: map[int64]models.Record{}, now: map[int64]models.Record{}, inserted: map[int64]bool{},
	}
}

// operate runs one request of an operation. A request that was answered before
// is not carried out again: its answer is read into answer, which the caller
// gives as a pointer to what work fills.
func (o *Org) operate(ctx context.Context, tableID string, actor models.Actor, operationID, kind string, request, answer any, work func(w *recordWriter) error) error {
	if operationID == "" || len(operationID) > maxOperationID || strings.ContainsRune(operationID, 0) {
		return models.NewProblem(models.KindInvalid, "operation.bad_id", "an operation's id has 1 to 64 characters",
			"leave the id out, or make up one such as opn_1")
	}
	digest, err := requestDigest(tableID, kind, request)
	if err != nil {
		return err
	}
	group, _, _ := strings.Cut(operationID, "/") // a part may be numbered: "opn_1/2"
	return o.tx(WithActor(ctx, actor), func(tx *Tx) error {
		c, err := tx.changeRecords(tableID)
		if err != nil {
			return err
		}
		if known, err := tx.answered(operationID, digest, answer); err != nil || known {
			return err
		}
		w := newRecordWriter(c, actor, group, kind)
		if err := work(w); err != nil {
			return err
		}
		if err := w.flush(); err != nil {
			return err
		}
		if err := c.finish(); err != nil {
			return err
		}
		return w.remember(operationID, digest, answer)
	})
}

// requestDigest tells the requests of one operation apart.
func requestDigest(tableID, kind string, request any) (string, error) {
	text, err := encodeJSON(request)
	if err != nil {
		return "", err
	}
	hash := models.HashOf([]byte(tableID + "\x00" + kind + "\x00" + text))
	return hex.EncodeToString(hash[:]), nil
}

func (tx *Tx) answered(operationID, digest string, answer any) (bool, error) {
	var text string
	err := tx.sql.QueryRowContext(tx.ctx, tx.s.dialect.bind("SELECT answer FROM operation_answers WHERE organization_id = ? AND operation_id = ? AND request = ?"),
		tx.org, operationID, digest).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, json.Unmarshal([]byte(text), answer)
}

// remember puts the operation on its user's stack and keeps the answer.
func (w *recordWriter) remember(operationID, digest string, answer any) error {
	tx := w.c.tx
	if err := tx.pushOperation(w); err != nil {
		return err
	}
	text, err := encodeJSON(answer)
	if err != nil {
		return err
	}
	return tx.queue("INSERT INTO operation_answers (organization_id, operation_id, request, answer, at) VALUES (?, ?, ?, ?, ?)",
		tx.org, operationID, digest, text, micros(tx.now))
}

// pushOperation puts an operation on top of what its user did in this tab; what
// was undone before can then no more be redone.
func (tx *Tx) pushOperation(w *recordWriter) error {
	const mine = " WHERE organization_id = ? AND snapshot_id = ? AND user_id = ? AND tab = ?"
	stack := []any{tx.org, w.c.row.SnapshotID, w.actor.UserID, w.actor.Tab}
	added := func(rows int64) error {
		if rows == 0 {
			return tx.sameOperation(w)
		}
		return nil
	}
	err := tx.queueThen(added, `INSERT INTO operations (organization_id, id, n, snapshot_id, user_id, tab, state, kind, at)
		SELECT ?, ?, coalesce(max(n), 0) + 1, ?, ?, ?, ?, ?, ? FROM operations`+mine+" ON CONFLICT DO NOTHING",
		append([]any{tx.org, w.operation, w.c.row.SnapshotID, w.actor.UserID, w.actor.Tab, operationDone, w.kind, micros(tx.now)}, stack...)...)
	if err != nil {
		return err
	}
	return tx.queue("UPDATE operations SET state = ?"+mine+" AND state = ?",
		append(append([]any{operationDropped}, stack...), operationUndone)...)
}

// sameOperation refuses a further part under an id that is another's, or was
// undone meanwhile.
func (tx *Tx) sameOperation(w *recordWriter) error {
	var row operationRow
	if err := tx.rows(&row).Where("id = ?", w.operation).Take(&row).Error; err != nil {
		return err
	}
	if row.UserID == w.actor.UserID && row.Tab == w.actor.Tab && row.SnapshotID == w.c.row.SnapshotID && row.Kind == w.kind && row.State == operationDone {
		return nil
	}
	return models.NewProblem(models.KindConflict, "operation.ended", "this operation's id belongs to another operation, or to one that was undone",
		"use a new operation id")
}

// load reads records that are not at hand yet.
func (w *recordWriter) load(ids []int64) error {
	var missing []int64
	for _, id := range ids {
		if _, ok := w.before[id]; !ok && !w.inserted[id] {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	found, err := w.c.byID(missing)
	if err != nil {
		return err
	}
	for id, r := range found {
		w.before[id], w.now[id] = r, r
	}
	return nil
}

// put replaces a record by a changed one.
func (w *recordWriter) put(r models.Record) {
	w.touch(r.ID)
	w.now[r.ID] = r
}

// add adds a record under the id it carries.
func (w *recordWriter) add(r models.Record) {
	w.touch(r.ID)
	w.inserted[r.ID] = true
	w.now[r.ID] = r
}

// take takes a record out.
func (w *recordWriter) take(id int64) {
	w.touch(id)
	delete(w.now, id)
}

func (w *recordWriter) touch(id int64) { w.order = append(w.order, id) }

// isSending reports whether a request for the record may be on its way; all
// records at hand are looked up at once.
func (w *recordWriter) isSending(id int64) (bool, error) {
	if w.sending == nil {
		ids := make([]int64, 0, len(w.before))
		for id := range w.before {
			ids = append(ids, id)
		}
		var err error
		if w.sending, err = w.c.sending(ids); err != nil {
			return false, err
		}
	}
	return w.sending[id], nil
}

// flush writes what was collected, with history and events, and forgets it.
func (w *recordWriter) flush() error {
	var inserts, updates []models.Record
	var removes []int64
	var created, changed, deleted []models.RecordChanged
	columns := w.columnsTouched()
	done := map[int64]bool{}
	for _, id := range w.order {
		if done[id] {
			continue
		}
		done[id] = true
		before, was := w.before[id]
		after, is := w.now[id]
		switch {
		case was && is:
			if !sameRecord(&before, &after) {
				w.c.countEdited(&before, &after)
				updates = append(updates, after)
				changed = append(changed, models.RecordChanged{ID: id, Version: before.Version + 1, Columns: columns[id]})
			}
		case is:
			w.c.countEdited(nil, &after)
			inserts = append(inserts, after)
			created = append(created, models.RecordChanged{ID: id, Version: 1})
		case was:
			w.c.countEdited(&before, nil)
			removes = append(removes, id)
			deleted = append(deleted, models.RecordChanged{ID: id, Version: before.Version})
		}
	}
	if err := errors.Join(w.c.insert(inserts), w.c.saveEdits(updates), w.c.remove(removes), w.saveHistory(),
		w.c.tx.rejectSuggestions(w.c.row.ID, removes)); err != nil {
		return err
	}
	if err := errors.Join(w.c.tell(models.EventRecordsCreated, created), w.c.tell(models.EventRecordsChanged, changed),
		w.c.tell(models.EventRecordsDeleted, deleted)); err != nil {
		return err
	}
	w.before, w.now, w.inserted = map[int64]models.Record{}, map[int64]models.Record{}, map[int64]bool{}
	w.order, w.history, w.sending = nil, nil, nil
	return nil
}

func (w *recordWriter) columnsTouched() map[int64][]string {
	columns := map[int64][]string{}
	for _, h := range w.history {
		if h.ColumnID != "" && !slices.Contains(columns[h.RecordID], h.ColumnID) {
			columns[h.RecordID] = append(columns[h.RecordID], h.ColumnID)
		}
	}
	return columns
}

// sameRecord reports whether a person's changes came to nothing.
func sameRecord(a, b *models.Record) bool {
	return a.State == b.State && sameFields(a.Edits, b.Edits) && sameFields(a.EditBases, b.EditBases)
}

func sameFields(a, b models.Fields) bool {
	if len(a) != len(b) {
		return false
	}
	for column, value := range a {
		other, ok := b[column]
		if !ok || string(value) != string(other) {
			return false
		}
	}
	return true
}

// historyColumns are the columns of record_history that are written.
var historyColumns = []string{
	"organization_id", "table_id", "record_id", "operation_id", "op", "column_id", "was", "was_base", "became", "became_base",
	"user_id", "user_name", "tab", "at",
}

func (w *recordWriter) saveHistory() error {
	if len(w.history) == 0 {
		return nil
	}
	tx := w.c.tx
	values := func(i int) []any {
		h := &w.history[i]
		operation := h.OperationID
		if operation == "" {
			operation = w.operation
		}
		return []any{
			tx.org, w.c.row.ID, h.RecordID, operation, string(h.Op), h.ColumnID, h.Was, h.WasBase, h.Became, h.BecameBase,
			w.actor.UserID, w.actor.Name, w.actor.Tab, micros(tx.now),
		}
	}
	if tx.s.dialect.name() == "postgres" && len(w.history) > 20 {
		return tx.pgx(func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.CopyFrom(ctx, pgx.Identifier{"record_history"}, historyColumns,
				pgx.CopyFromSlice(len(w.history), func(i int) ([]any, error) { return values(i), nil }))
			return err
		})
	}
	query := "INSERT INTO record_history (" + strings.Join(historyColumns, ", ") + ") VALUES "
	one := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(historyColumns)), ", ") + ")"
	if tx.s.dialect.name() != "postgres" {
		return w.c.eachRow(query+one, len(w.history), values)
	}
	for i := range w.history {
		if err := tx.queue(query+one, values(i)...); err != nil {
			return err
		}
	}
	return nil
}
