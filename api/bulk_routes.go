package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/scratch-platform/scratch/connectors/csv"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

type bulkInput struct {
	TablePath
	Operation string `header:"Scratch-Operation" maxLength:"64"`
	Body      struct {
		Filter *models.Filter   `json:"filter,omitempty" doc:"Which records; none is all."`
		Op     models.Operation `json:"op" enum:"update,delete,restore,revert"`
		Fields models.Fields    `json:"fields,omitempty" doc:"update: the values to write."`
		Cells  []string         `json:"cells,omitempty" doc:"revert: which cells; none is all."`
	}
}

// BulkResult counts what a bulk change touched.
type BulkResult struct {
	OperationID string `json:"operation_id"`
	Changed     int64  `json:"changed"`
}

type replaceInput struct {
	TablePath
	Operation string `header:"Scratch-Operation" maxLength:"64"`
	Body      struct {
		Find          string         `json:"find" minLength:"1" maxLength:"10000"`
		With          string         `json:"with" maxLength:"10000"`
		Columns       []string       `json:"columns" minItems:"1" maxItems:"200"`
		Filter        *models.Filter `json:"filter,omitempty"`
		CaseSensitive bool           `json:"case_sensitive,omitempty"`
		Preview       bool           `json:"preview,omitempty" doc:"Count and show examples; change nothing."`
	}
}

// ReplaceResult says what find and replace changed, or would change.
type ReplaceResult struct {
	OperationID string           `json:"operation_id,omitempty"`
	Cells       int64            `json:"cells"`
	Records     int64            `json:"records"`
	Examples    []ReplaceExample `json:"examples" nullable:"false"`
}

// ReplaceExample is one cell before and after.
type ReplaceExample struct {
	RecordID string          `json:"record_id"`
	Column   string          `json:"column"`
	From     json.RawMessage `json:"from"`
	To       json.RawMessage `json:"to"`
}

// Cell names one cell of a table.
type Cell struct {
	RecordID string `json:"record_id" maxLength:"20"`
	Column   string `json:"column" maxLength:"200"`
}

type resolveInput struct {
	TablePath
	Operation string `header:"Scratch-Operation" maxLength:"64"`
	Body      struct {
		Cells  []Cell `json:"cells" minItems:"1" maxItems:"1000"`
		Choose string `json:"choose" enum:"mine,theirs,base" doc:"mine keeps the edit over what the service holds now; theirs drops it; base takes what the edit began from."`
	}
}

// UndoResult says what an undo or redo did.
type UndoResult struct {
	OperationID string        `json:"operation_id,omitempty"`
	Changed     int64         `json:"changed"`
	Skipped     []SkippedCell `json:"skipped" nullable:"false" doc:"Cells that someone else changed since."`
}

// SkippedCell is a cell an undo left alone.
type SkippedCell struct {
	TableID  string `json:"table_id"`
	RecordID string `json:"record_id"`
	Column   string `json:"column"`
}

func (s *server) bulkRoutes() {
	serve(s, route{method: http.MethodPost, path: tablePath + "/records/bulk", id: "bulk-write", summary: "Change every record a filter matches, as one undo"}, s.bulkWrite)
	serve(s, route{method: http.MethodPost, path: tablePath + "/records/replace", id: "replace", summary: "Find and replace in text cells, with a preview"}, s.replace)
	serve(s, route{method: http.MethodPost, path: tablePath + "/records/resolve", id: "resolve-conflicts", summary: "Settle conflicts cell by cell"}, s.resolveConflicts)
	serve(s, route{method: http.MethodPost, path: "/api/v1/snapshots/{id}/undo", id: "undo", summary: "Undo your last operation in this tab"}, s.undo)
	serve(s, route{method: http.MethodPost, path: "/api/v1/snapshots/{id}/redo", id: "redo", summary: "Redo what you undid"}, s.redo)
}

func operationOr(id string) string {
	if id == "" {
		return models.NewID(models.PrefixOperation)
	}
	return id
}

func (s *server) bulkWrite(ctx context.Context, in *bulkInput) (*body[BulkResult], error) {
	t, err := s.table(ctx, in.TablePath)
	if err != nil {
		return nil, err
	}
	if err := models.CheckQuery(&models.Query{Filter: in.Body.Filter}, t.Columns); err != nil {
		return nil, err
	}
	operation := operationOr(in.Operation)
	changed, err := s.org(ctx).BulkWrite(ctx, t.ID, actorOf(ctx), operation, store.BulkChange{
		Filter: in.Body.Filter, Op: in.Body.Op, Fields: in.Body.Fields, Cells: in.Body.Cells,
	})
	if err != nil {
		return nil, err
	}
	return answer(BulkResult{OperationID: operation, Changed: changed}), nil
}

func (s *server) replace(ctx context.Context, in *replaceInput) (*body[ReplaceResult], error) {
	t, err := s.table(ctx, in.TablePath)
	if err != nil {
		return nil, err
	}
	if err := models.CheckQuery(&models.Query{Filter: in.Body.Filter}, t.Columns); err != nil {
		return nil, err
	}
	operation := operationOr(in.Operation)
	done, err := s.org(ctx).Replace(ctx, t.ID, actorOf(ctx), operation, store.Replacement{
		Find: in.Body.Find, With: in.Body.With, Columns: in.Body.Columns, Filter: in.Body.Filter,
		CaseSensitive: in.Body.CaseSensitive, Preview: in.Body.Preview,
	})
	if err != nil {
		return nil, err
	}
	result := ReplaceResult{Cells: done.Cells, Records: done.Records, Examples: []ReplaceExample{}}
	if !in.Body.Preview {
		result.OperationID = operation
	}
	for _, e := range done.Examples {
		result.Examples = append(result.Examples, ReplaceExample{RecordID: formatID(e.RecordID), Column: e.Column, From: e.From, To: e.To})
	}
	return answer(result), nil
}

func (s *server) resolveConflicts(ctx context.Context, in *resolveInput) (*body[BulkResult], error) {
	t, err := s.table(ctx, in.TablePath)
	if err != nil {
		return nil, err
	}
	cells := make([]store.Cell, 0, len(in.Body.Cells))
	for _, c := range in.Body.Cells {
		id, err := recordID(c.RecordID)
		if err != nil {
			return nil, err
		}
		cells = append(cells, store.Cell{RecordID: id, Column: c.Column})
	}
	operation := operationOr(in.Operation)
	changed, err := s.org(ctx).ResolveConflicts(ctx, t.ID, actorOf(ctx), operation, cells, in.Body.Choose)
	if err != nil {
		return nil, err
	}
	return answer(BulkResult{OperationID: operation, Changed: changed}), nil
}

func (s *server) undo(ctx context.Context, in *SnapshotPath) (*body[UndoResult], error) {
	undone, err := s.org(ctx).Undo(ctx, in.ID, actorOf(ctx))
	return showUndo(undone), err
}

func (s *server) redo(ctx context.Context, in *SnapshotPath) (*body[UndoResult], error) {
	redone, err := s.org(ctx).Redo(ctx, in.ID, actorOf(ctx))
	return showUndo(redone), err
}

func showUndo(u store.UndoOutcome) *body[UndoResult] {
	shown := UndoResult{OperationID: u.OperationID, Changed: u.Changed, Skipped: []SkippedCell{}}
	for _, c := range u.Skipped {
		shown.Skipped = append(shown.Skipped, SkippedCell{TableID: c.TableID, RecordID: formatID(c.RecordID), Column: c.Column})
	}
	return answer(shown)
}

func formatID(id int64) string { return strconv.FormatInt(id, 10) }

func (s *server) writeCSV(ctx context.Context, to io.Writer, t models.Table, query models.Query) error {
	columns := slices.DeleteFunc(slices.Clone(t.Columns), func(c models.Column) bool { return c.Removed })
	w, err := csv.NewWriter(to, columns)
	if err != nil {
		return err
	}
	err = s.org(ctx).StreamRecords(ctx, t.ID, query, func(r models.Record) error {
		return w.Write(models.Overlay(r.Base, r.Edits))
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

// describeExport documents exportCSV.
func describeExport(op *huma.Operation) {
	for _, name := range []string{"id", "tid"} {
		op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
	}
	op.Parameters = append(op.Parameters, parameter("view", "Id of a view to take filter and sort from."),
		parameter("filter", "As of GET …/records."), parameter("sort", "As of GET …/records."))
	op.Responses["200"] = &huma.Response{
		Description: "A header line of the columns' names, then a line per record. A connection cut before the end means that the file is not whole.",
		Content:     map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}
}

// exportCSV streams a table as CSV. Formulas are guarded, so that a cell's
// text stays text in a spreadsheet.
func (s *server) exportCSV(c *gin.Context, _ models.Actor) {
	ctx := c.Request.Context()
	t, err := s.table(ctx, TablePath{ID: c.Param("id"), TID: c.Param("tid")})
	var query models.Query
	if err == nil {
		query, err = s.queryOf(ctx, t, c.Query("view"), c.Query("filter"), c.Query("sort"))
	}
	if err != nil {
		s.answerError(c, err)
		return
	}
	c.Header("Content-Type", "text/csv; charset=utf-8")
	c.Header("Content-Disposition", attachment(t.Name+".csv"))
	if err := s.writeCSV(ctx, c.Writer, t, query); err != nil {
		if ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "export failed half-way", "table", t.ID, "error", err)
		}
		// The header is out: cutting the connection tells the client that the
		// file is not whole.
		panic(http.ErrAbortHandler)
	}
}
