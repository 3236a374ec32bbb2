package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// MaxOperations bounds one write request; a client sends more in chunks under
// one Scratch-Operation.
const MaxOperations = 1000

// Record is one row: fields is what is shown, base overlaid by edits.
type Record struct {
	ID        string                `json:"id"`
	RemoteID  string                `json:"remote_id,omitempty"`
	State     string                `json:"state" enum:"live,new,deleted,remote_deleted"`
	Version   int64                 `json:"version"`
	Fields    json.RawMessage       `json:"fields" doc:"Values by column id, as shown."`
	Base      json.RawMessage       `json:"base,omitempty" doc:"What the service last said; only where it differs from fields."`
	Edits     models.Fields         `json:"edits,omitempty"`
	EditBases models.Fields         `json:"edit_bases,omitempty"`
	Conflicts []models.CellConflict `json:"conflicts,omitempty"`
	UpdatedAt time.Time             `json:"updated_at"`
}

// RecordsPage is a run of records of one view of a table.
type RecordsPage struct {
	Items       []Record `json:"items" nullable:"false"`
	NextCursor  string   `json:"next_cursor,omitempty"`
	At          *int64   `json:"at,omitempty" doc:"Ordinal of the first item, when the page was asked for by ordinal."`
	Total       int64    `json:"total"`
	TotalExact  bool     `json:"total_is_exact" doc:"False: at least this many."`
	ViewVersion string   `json:"view_version" doc:"Changes when rows may have moved."`
	Stale       bool     `json:"stale,omitempty" doc:"Rows moved since the ordinals were laid out."`
	Preparing   bool     `json:"preparing,omitempty" doc:"An index for this sort is being built; until then it is slower."`
}

type recordsInput struct {
	TablePath
	Paging
	Filter string `query:"filter" maxLength:"100000" doc:"A filter as JSON, such as {\"op\":\"contains\",\"column\":\"title\",\"value\":\"2023\"}."`
	Sort   string `query:"sort" maxLength:"2000" doc:"Sorts as JSON, such as [{\"column\":\"title\",\"descending\":true}]."`
	View   string `query:"view" maxLength:"64" doc:"A view's id; filter and sort given here replace the view's."`
	At     int64  `query:"at" minimum:"-1" default:"-1" doc:"Ordinal of the first record, instead of a cursor."`
}

// RecordPath names a record of a table. Embedded, so exported: that is
// where huma looks.
type RecordPath struct {
	TablePath
	RID string `path:"rid" maxLength:"20" pattern:"^[0-9]+$"`
}

type historyInput struct {
	RecordPath
	Paging
}

// Change is one entry of a record's history.
type Change struct {
	By     string           `json:"by"`
	UserID string           `json:"user_id"`
	Op     models.Operation `json:"op"`
	Column string           `json:"column,omitempty"`
	From   json.RawMessage  `json:"from,omitempty"`
	To     json.RawMessage  `json:"to,omitempty"`
	At     time.Time        `json:"at"`
}

// Operation is one change of a write request.
type Operation struct {
	Op     models.Operation `json:"op" enum:"create,update,delete,restore,revert"`
	ID     string           `json:"id,omitempty" maxLength:"20" doc:"The record; absent for create."`
	Fields models.Fields    `json:"fields,omitempty" doc:"Values by column id; null clears a cell."`
	Seen   models.Fields    `json:"seen,omitempty" doc:"Per cell, the value you replace; a cell that changed meanwhile is refused with both values."`
	Cells  []string         `json:"cells,omitempty" doc:"revert: which cells; none is all."`
}

type writeInput struct {
	TablePath
	Operation string `header:"Scratch-Operation" maxLength:"64" doc:"Groups chunks into one undo and makes each chunk idempotent."`
	Body      struct {
		Operations []Operation `json:"operations" minItems:"1" maxItems:"1000"`
	}
}

// WriteResult answers a write: one result for each operation, in order.
type WriteResult struct {
	OperationID string           `json:"operation_id"`
	Results     []OperationState `json:"results" nullable:"false"`
}

// OperationState is what became of one operation.
type OperationState struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
}

func (s *server) recordRoutes(engine *gin.Engine) {
	serve(s, route{method: http.MethodGet, path: tablePath + "/records", id: "list-records", summary: "A page of records, by cursor or ordinal"}, s.listRecords)
	serve(s, route{method: http.MethodPatch, path: tablePath + "/records", id: "write-records", summary: "Create, update, delete, restore or revert records here; nothing leaves for the service", maxBody: 64 << 20}, s.writeRecords)
	serve(s, route{method: http.MethodGet, path: tablePath + "/records/{rid}", id: "get-record", summary: "One record"}, s.getRecord)
	serve(s, route{method: http.MethodGet, path: tablePath + "/records/{rid}/history", id: "list-history", summary: "Who changed what, from what, when"}, s.listHistory)
	s.bulkRoutes()
	s.stream(engine, route{method: http.MethodGet, path: "/api/v1/snapshots/{id}/tables/{tid}/export.csv", id: "export-table", summary: "The records as they are shown here, as CSV"}, describeExport, s.exportCSV)
}

func (s *server) listRecords(ctx context.Context, in *recordsInput) (*body[RecordsPage], error) {
	t, err := s.table(ctx, in.TablePath)
	if err != nil {
		return nil, err
	}
	query, err := s.queryOf(ctx, t, in.View, in.Filter, in.Sort)
	if err != nil {
		return nil, err
	}
	page, err := s.org(ctx).ReadRecords(ctx, t.ID, store.ReadOptions{Query: query, Cursor: in.Cursor, At: in.At, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	shown := RecordsPage{
		Items: make([]Record, 0, len(page.Records)), NextCursor: page.NextCursor, Total: page.Total,
		TotalExact: page.TotalExact, ViewVersion: page.ViewVersion, Stale: page.Stale, Preparing: page.Preparing,
	}
	if in.At >= 0 {
		shown.At = &in.At
	}
	for _, r := range page.Records {
		shown.Items = append(shown.Items, showRecord(t, r))
	}
	return answer(shown), nil
}

// queryOf reads filter and sort from the request, or from a saved view.
func (s *server) queryOf(ctx context.Context, t models.Table, view, filter, sort string) (models.Query, error) {
	query, err := models.ParseQuery(filter, sort, t.Columns)
	if err != nil || view == "" {
		return query, err
	}
	saved, err := s.org(ctx).View(ctx, t.ID, view)
	if err != nil {
		return query, err
	}
	if filter == "" {
		query.Filter = saved.Query.Filter
	}
	if sort == "" {
		query.Sort = saved.Query.Sort
	}
	return query, models.CheckQuery(&query, t.Columns)
}

func showRecord(t models.Table, r models.Record) Record {
	shown := Record{
		ID: formatID(r.ID), RemoteID: r.RemoteID, State: r.State.String(), Version: r.Version,
		Fields: models.Overlay(r.Base, r.Edits), Edits: r.Edits, EditBases: r.EditBases,
		Conflicts: models.ConflictsOf(t.Columns, &r), UpdatedAt: r.UpdatedAt,
	}
	if len(r.Edits) > 0 {
		shown.Base = r.Base
	}
	return shown
}

func (s *server) getRecord(ctx context.Context, in *RecordPath) (*body[Record], error) {
	t, err := s.table(ctx, in.TablePath)
	if err != nil {
		return nil, err
	}
	id, err := recordID(in.RID)
	if err != nil {
		return nil, err
	}
	r, err := s.org(ctx).Record(ctx, t.ID, id)
	if err != nil {
		return nil, err
	}
	return answer(showRecord(t, r)), nil
}

func recordID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, models.NewProblem(models.KindNotFound, "record.not_found", "There is no such record in this table.", "Record ids are whole numbers, as the records list gives them.")
	}
	return id, nil
}

func (s *server) listHistory(ctx context.Context, in *historyInput) (*body[list[Change]], error) {
	if _, err := s.table(ctx, in.TablePath); err != nil {
		return nil, err
	}
	id, err := recordID(in.RID)
	if err != nil {
		return nil, err
	}
	changes, next, err := s.org(ctx).History(ctx, in.TID, id, in.page())
	if err != nil {
		return nil, err
	}
	return listOf(changes, next, func(c models.Change) Change {
		return Change{By: c.Actor.Name, UserID: c.Actor.UserID, Op: c.Op, Column: c.Column, From: c.From, To: c.To, At: c.At}
	}), nil
}

func (s *server) writeRecords(ctx context.Context, in *writeInput) (*body[WriteResult], error) {
	writes := make([]models.RecordWrite, 0, len(in.Body.Operations))
	for i, o := range in.Body.Operations {
		w := models.RecordWrite{Op: o.Op, Fields: o.Fields, Seen: o.Seen, Cells: o.Cells}
		if o.Op != models.OpCreate {
			var err error
			if w.ID, err = recordID(o.ID); err != nil {
				return nil, models.NewProblem(models.KindInvalid, "records.invalid_operation", "An operation names no record.", "Give the id of the record it changes.").
					WithFields(models.FieldProblem{Field: "operations[" + strconv.Itoa(i) + "].id", Detail: "not a record id"})
			}
		}
		writes = append(writes, w)
	}
	operation := operationOr(in.Operation)
	outcome, err := s.org(ctx).In(in.ID).WriteRecords(ctx, in.TID, actorOf(ctx), operation, writes)
	if err != nil {
		return nil, err
	}
	result := WriteResult{OperationID: operation, Results: make([]OperationState, 0, len(outcome.Results))}
	for _, r := range outcome.Results {
		result.Results = append(result.Results, OperationState{ID: strconv.FormatInt(r.ID, 10), Version: r.Version})
	}
	return answer(result), nil
}
