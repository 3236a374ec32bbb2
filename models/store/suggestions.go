package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"

	"github.com/scratch-platform/scratch/models"
)

// maxReason bounds what an author may say for a suggestion.
const maxReason = 2000

type suggestionRow struct {
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	SnapshotID     string
	TableID        string
	RecordID       int64
	Op             models.Operation
	ColumnID       string
	Value          *string
	Seen           *string
	Author         string
	Reason         string
	RunID          string
	State          models.SuggestionState
	OperationID    string // that decided it
	CreatedAt      int64  `gorm:"autoCreateTime:false"`
	DecidedAt      *int64
	DecidedBy      string
}

func (suggestionRow) TableName() string { return "suggestions" }

func (r *suggestionRow) suggestion() models.Suggestion {
	s := models.Suggestion{
		ID: r.ID, OrganizationID: r.OrganizationID, SnapshotID: r.SnapshotID, TableID: r.TableID, RecordID: r.RecordID, Op: r.Op,
		Column: r.ColumnID, Value: rawOf(r.Value), Seen: rawOf(r.Seen), Author: r.Author, Reason: r.Reason, RunID: r.RunID,
		State: r.State, CreatedAt: time.UnixMicro(r.CreatedAt).UTC(), DecidedBy: r.DecidedBy,
	}
	if r.DecidedAt != nil {
		at := time.UnixMicro(*r.DecidedAt).UTC()
		s.DecidedAt = &at
	}
	return s
}

// SuggestionFilter chooses suggestions to list; zero values choose all.
type SuggestionFilter struct {
	State    models.SuggestionState
	RunID    string
	Column   string
	RecordID int64
}

// ListSuggestions lists a table's suggestions, oldest first.
func (o *Org) ListSuggestions(ctx context.Context, tableID string, filter SuggestionFilter, page Page) ([]models.Suggestion, string, error) {
	if _, err := o.Table(ctx, tableID); err != nil {
		return nil, "", err
	}
	q := o.rows(ctx, &suggestionRow{}).Where("table_id = ?", tableID)
	if filter.State != "" {
		q = q.Where("state = ?", filter.State)
	}
	if filter.RunID != "" {
		q = q.Where("run_id = ?", filter.RunID)
	}
	if filter.Column != "" {
		q = q.Where("column_id = ?", filter.Column)
	}
	if filter.RecordID != 0 {
		q = q.Where("record_id = ?", filter.RecordID)
	}
	rows, next, err := pageByID(q, page, models.PrefixSuggestion, false, func(r *suggestionRow) string { return r.ID })
	if err != nil {
		return nil, "", o.s.explain(ctx, err)
	}
	suggestions := make([]models.Suggestion, len(rows))
	for i := range rows {
		suggestions[i] = rows[i].suggestion()
	}
	return suggestions, next, nil
}

// CreateSuggestions stores proposals for a person to decide: values of cells,
// new records (Value is an object by column), deletions. A newer one for the
// same cell replaces the older. A proposal without Seen is one for the value
// that stands now. All of them are stored, or none. No record changes
// (Promise 8).
func (o *Org) CreateSuggestions(ctx context.Context, tableID string, actor models.Actor, proposed []models.Suggestion) ([]models.Suggestion, error) {
	if len(proposed) == 0 || len(proposed) > maxWrites {
		return nil, models.NewProblem(models.KindInvalid, "suggestions.count", fmt.Sprintf("%d suggestions at once", len(proposed)),
			fmt.Sprintf("send 1 to %d at a time", maxWrites))
	}
	var rows []suggestionRow
	err := o.tx(WithActor(ctx, actor), func(tx *Tx) error {
		c, err := tx.changeRecords(tableID)
		if err != nil {
			return err
		}
		p := proposing{c: c, actor: actor, latest: map[suggestedCell]int{}}
		if rows, err = p.check(proposed); err != nil {
			return err
		}
		if err := p.replaceOlder(); err != nil {
			return err
		}
		if err := tx.db.CreateInBatches(&rows, 200).Error; err != nil {
			return err
		}
		return c.tellSuggestions(models.EventSuggestionsCreated, rows)
	})
	if err != nil {
		return nil, err
	}
	stored := make([]models.Suggestion, len(rows))
	for i := range rows {
		stored[i] = rows[i].suggestion()
	}
	return stored, nil
}

// suggestedCell is what at most one open suggestion may be about.
type suggestedCell struct {
	record int64
	op     models.Operation
	column string
}

// proposing is one CreateSuggestions under way.
type proposing struct {
	c       *recordChanges
	actor   models.Actor
	records map[int64]models.Record
	latest  map[suggestedCell]int
}

func (p *proposing) check(proposed []models.Suggestion) ([]suggestionRow, error) {
	ids := make([]int64, 0, len(proposed))
	for _, s := range proposed {
		if s.Op != models.OpCreate {
			ids = append(ids, s.RecordID)
		}
	}
	var err error
	if p.records, err = p.c.byID(ids); err != nil {
		return nil, err
	}
	var rows []suggestionRow
	for i, s := range proposed {
		row, err := p.row(s)
		if err != nil {
			return nil, inSuggestion(i, err)
		}
		if row.Op != models.OpCreate {
			cell := suggestedCell{row.RecordID, row.Op, row.ColumnID}
			if earlier, twice := p.latest[cell]; twice {
				rows[earlier].State, rows[earlier].DecidedAt = models.SuggestionReplaced, &row.CreatedAt
			}
			p.latest[cell] = len(rows)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// row checks one proposal against the table and the record it is about.
func (p *proposing) row(s models.Suggestion) (suggestionRow, error) {
	tx := p.c.tx
	author := s.Author
	if author == "" {
		author = p.actor.Name
	}
	// Promise 8: it is open until a person decides.
	row := suggestionRow{
		ID: models.NewID(models.PrefixSuggestion), OrganizationID: tx.org, SnapshotID: p.c.row.SnapshotID, TableID: p.c.row.ID,
		RecordID: s.RecordID, Op: s.Op, Author: models.Bound(author, 200), Reason: models.Bound(s.Reason, maxReason), RunID: s.RunID,
		State: models.SuggestionOpen, CreatedAt: micros(tx.now),
	}
	r, known := p.records[s.RecordID]
	if s.Op != models.OpCreate && !known {
		return row, notFound("record", strconv.FormatInt(s.RecordID, 10))
	}
	switch s.Op {
	case models.OpCreate:
		row.RecordID = 0
		values, err := models.CheckFields(p.c.columns(), models.CellsOf(canonicalOrNil(s.Value)))
		if err != nil {
			return row, err
		}
		row.Value = textOf(values.Object())
	case models.OpDelete:
	case models.OpUpdate:
		c := columnOf(p.c.columns(), s.Column)
		values, err := models.CheckFields(p.c.columns(), models.Fields{s.Column: s.Value})
		if err != nil {
			return row, err
		}
		row.ColumnID, row.Value = c.ID, textOf(values[s.Column])
		row.Seen = textOf(r.Shown(c.ID))
		if s.Seen != nil {
			seen, err := models.Canonical(s.Seen)
			if err != nil {
				return row, err
			}
			row.Seen = textOf(seen)
		}
	default:
		return row, models.NewProblem(models.KindInvalid, "suggestions.unknown_operation",
			fmt.Sprintf("%q cannot be suggested", models.Bound(string(s.Op), 40)), "suggest an update, a create or a delete")
	}
	return row, nil
}

func canonicalOrNil(raw json.RawMessage) json.RawMessage {
	canonical, err := models.Canonical(raw)
	if err != nil {
		return nil
	}
	return canonical
}

func inSuggestion(i int, err error) error {
	problem, ok := models.AsProblem(err)
	if !ok {
		return err
	}
	placed := *problem
	placed.Fields = nil
	return placed.WithFields(models.FieldProblem{Field: fmt.Sprintf("suggestions[%d]", i), Code: problem.Code, Detail: models.Bound(problem.Detail, 500)})
}

// replaceOlder closes the open suggestions that newer ones are for.
func (p *proposing) replaceOlder() error {
	if len(p.latest) == 0 {
		return nil
	}
	records := make([]int64, 0, len(p.latest))
	for cell := range p.latest {
		records = append(records, cell.record)
	}
	tx := p.c.tx
	var open []suggestionRow
	err := tx.rows(&suggestionRow{}).Select("id", "record_id", "op", "column_id").
		Where("table_id = ? AND state = ?", p.c.row.ID, models.SuggestionOpen).Where("record_id IN ?", records).Find(&open).Error
	if err != nil {
		return err
	}
	var replaced []string
	for _, row := range open {
		if _, newer := p.latest[suggestedCell{row.RecordID, row.Op, row.ColumnID}]; newer {
			replaced = append(replaced, row.ID)
		}
	}
	return tx.closeSuggestions(replaced, models.SuggestionReplaced, p.actor, "")
}

// closeSuggestions decides suggestions.
func (tx *Tx) closeSuggestions(ids []string, state models.SuggestionState, actor models.Actor, operation string) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.exec("UPDATE suggestions SET state = ?, decided_at = ?, decided_by = ?, operation_id = ? WHERE organization_id = ? AND "+tx.in("id"),
		string(state), micros(tx.now), actor.UserID, operation, tx.org, listOf(tx.s.dialect, ids))
	return err
}

// tellSuggestions writes an event that names the records, bounded.
func (c *recordChanges) tellSuggestions(kind string, rows []suggestionRow) error {
	if len(rows) == 0 {
		return nil
	}
	known := map[int64]bool{}
	event := models.SuggestionsChanged{TableID: c.row.ID, Records: []string{}, Count: int64(len(rows))}
	for _, row := range rows {
		if row.RecordID == 0 || known[row.RecordID] {
			continue
		}
		known[row.RecordID] = true
		if len(event.Records) == models.MaxEventRecords {
			event.More = true
			break
		}
		event.Records = append(event.Records, strconv.FormatInt(row.RecordID, 10))
	}
	return c.tx.emit(models.SnapshotTopic(c.row.SnapshotID), kind, c.tx.origin(), event)
}

// suggestions reopens what an operation decided, or decides it again. One whose
// cell has a newer open suggestion stays decided.
func (u *undoing) suggestions(c *recordChanges) error {
	if u.operation.Kind == operationWrite {
		return nil
	}
	var rows []suggestionRow
	err := u.tx.rows(&suggestionRow{}).Where("table_id = ? AND operation_id = ?", c.row.ID, u.operation.ID).Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return err
	}
	query, args := u.reopening(c)
	if u.again {
		state := models.SuggestionAccepted
		if u.operation.Kind == operationReject {
			state = models.SuggestionRejected
		}
		query = "UPDATE suggestions SET state = ?, decided_at = ?, decided_by = ? WHERE organization_id = ? AND table_id = ? AND operation_id = ? AND state = 'open'"
		args = []any{string(state), micros(u.tx.now), u.actor.UserID, u.tx.org, c.row.ID, u.operation.ID}
	}
	n, err := u.tx.exec(query, args...)
	if err != nil {
		return err
	}
	if u.operation.Kind == operationReject {
		u.changed += n
	}
	if !u.again {
		return c.tellSuggestions(models.EventSuggestionsCreated, rows)
	}
	return c.tellSuggestions(models.EventSuggestionsDecided, rows)
}

func (u *undoing) reopening(c *recordChanges) (string, []any) {
	return `UPDATE suggestions SET state = 'open', decided_at = NULL, decided_by = '',
		record_id = CASE WHEN op = 'create' THEN 0 ELSE record_id END
		WHERE organization_id = ? AND table_id = ? AND operation_id = ? AND NOT EXISTS (SELECT 1 FROM suggestions newer WHERE newer.state = 'open'
			AND newer.table_id = suggestions.table_id AND newer.record_id = suggestions.record_id AND newer.op = suggestions.op
			AND newer.column_id = suggestions.column_id AND newer.op <> 'create')`, []any{u.tx.org, c.row.ID, u.operation.ID}
}

// openSuggestions starts a query for the table's open suggestions.
func (c *recordChanges) openSuggestions() *gorm.DB {
	return c.tx.rows(&suggestionRow{}).Where("table_id = ? AND state = ?", c.row.ID, models.SuggestionOpen)
}
