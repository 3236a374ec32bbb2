package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// Suggestion is a proposed value for a cell, or a proposed new or deleted
// record.
type Suggestion struct {
	ID        string                 `json:"id"`
	TableID   string                 `json:"table_id"`
	RecordID  string                 `json:"record_id,omitempty"`
	Op        models.Operation       `json:"op" enum:"create,update,delete"`
	Column    string                 `json:"column,omitempty"`
	Value     json.RawMessage        `json:"value,omitempty"`
	Seen      json.RawMessage        `json:"seen,omitempty"`
	Author    string                 `json:"author"`
	Reason    string                 `json:"reason,omitempty"`
	RunID     string                 `json:"run_id,omitempty"`
	State     models.SuggestionState `json:"state" enum:"open,accepted,rejected,replaced"`
	CreatedAt time.Time              `json:"created_at"`
	DecidedAt *time.Time             `json:"decided_at,omitempty"`
}

func showSuggestion(m models.Suggestion) Suggestion {
	shown := Suggestion{
		ID: m.ID, TableID: m.TableID, Op: m.Op, Column: m.Column, Value: m.Value, Seen: m.Seen, Author: m.Author,
		Reason: m.Reason, RunID: m.RunID, State: m.State, CreatedAt: m.CreatedAt, DecidedAt: m.DecidedAt,
	}
	if m.RecordID != 0 {
		shown.RecordID = formatID(m.RecordID)
	}
	return shown
}

type listSuggestionsInput struct {
	TablePath
	Paging
	State  string `query:"state" enum:"open,accepted,rejected,replaced"`
	Run    string `query:"run" maxLength:"64"`
	Record string `query:"record" maxLength:"20"`
	Column string `query:"column" maxLength:"200"`
}

// Proposal is a suggestion to be made.
type Proposal struct {
	Op       models.Operation `json:"op" enum:"create,update,delete"`
	RecordID string           `json:"record_id,omitempty" maxLength:"20"`
	Column   string           `json:"column,omitempty" maxLength:"200"`
	Value    json.RawMessage  `json:"value,omitempty" doc:"update: the cell's value; create: an object of values by column id."`
	Seen     json.RawMessage  `json:"seen,omitempty"`
	Reason   string           `json:"reason,omitempty" maxLength:"2000"`
}

type suggestInput struct {
	TablePath
	Body struct {
		RunID       string     `json:"run_id,omitempty" maxLength:"64"`
		Suggestions []Proposal `json:"suggestions" minItems:"1" maxItems:"1000"`
	}
}

type decideSuggestions struct {
	TablePath
	Operation string `header:"Scratch-Operation" maxLength:"64"`
	Body      struct {
		IDs     []string       `json:"ids,omitempty" maxItems:"10000"`
		Cells   []Cell         `json:"cells,omitempty" maxItems:"10000"`
		Records []string       `json:"records,omitempty" maxItems:"10000"`
		Columns []string       `json:"columns,omitempty" maxItems:"2000"`
		Run     string         `json:"run,omitempty" maxLength:"64"`
		Filter  *models.Filter `json:"filter,omitempty"`
		All     bool           `json:"all,omitempty"`
	}
}

// Decided counts what accept or reject did.
type Decided struct {
	OperationID string `json:"operation_id"`
	Decided     int64  `json:"decided"`
	Conflicts   int64  `json:"conflicts" doc:"Left open: the cell changed since it was suggested."`
}

func (s *server) suggestionRoutes() {
	serve(s, route{method: http.MethodGet, path: tablePath + "/suggestions", id: "list-suggestions", summary: "Suggestions on a table"}, s.listSuggestions)
	serve(s, route{method: http.MethodPost, path: tablePath + "/suggestions", id: "create-suggestions", summary: "Suggest values, new records or deletions; a person decides", status: http.StatusCreated}, s.createSuggestions)
	serve(s, route{method: http.MethodPost, path: tablePath + "/suggestions/accept", id: "accept-suggestions", summary: "Accept suggestions as edits"}, s.acceptSuggestions)
	serve(s, route{method: http.MethodPost, path: tablePath + "/suggestions/reject", id: "reject-suggestions", summary: "Reject suggestions"}, s.rejectSuggestions)
}

func (s *server) listSuggestions(ctx context.Context, in *listSuggestionsInput) (*body[list[Suggestion]], error) {
	if _, err := s.table(ctx, in.TablePath); err != nil {
		return nil, err
	}
	filter := store.SuggestionFilter{State: models.SuggestionState(in.State), RunID: in.Run, Column: in.Column}
	if in.Record != "" {
		id, err := recordID(in.Record)
		if err != nil {
			return nil, err
		}
		filter.RecordID = id
	}
	items, next, err := s.org(ctx).ListSuggestions(ctx, in.TID, filter, in.page())
	if err != nil {
		return nil, err
	}
	return listOf(items, next, showSuggestion), nil
}

func (s *server) createSuggestions(ctx context.Context, in *suggestInput) (*body[list[Suggestion]], error) {
	if _, err := s.table(ctx, in.TablePath); err != nil {
		return nil, err
	}
	actor := actorOf(ctx)
	proposed := make([]models.Suggestion, 0, len(in.Body.Suggestions))
	for i, p := range in.Body.Suggestions {
		m := models.Suggestion{
			TableID: in.TID, SnapshotID: in.ID, Op: p.Op, Column: p.Column, Value: p.Value, Seen: p.Seen,
			Reason: p.Reason, RunID: in.Body.RunID, Author: actor.Name,
		}
		if p.Op != models.OpCreate {
			id, err := strconv.ParseInt(p.RecordID, 10, 64)
			if err != nil {
				return nil, models.NewProblem(models.KindInvalid, "suggestions.invalid", "A suggestion names no record.", "Give the id of the record it is about.").
					WithFields(models.FieldProblem{Field: "suggestions[" + strconv.Itoa(i) + "].record_id", Detail: "not a record id"})
			}
			m.RecordID = id
		}
		proposed = append(proposed, m)
	}
	stored, err := s.org(ctx).CreateSuggestions(ctx, in.TID, actor, proposed)
	if err != nil {
		return nil, err
	}
	return listOf(stored, "", showSuggestion), nil
}

func (s *server) acceptSuggestions(ctx context.Context, in *decideSuggestions) (*body[Decided], error) {
	return s.decide(ctx, in, s.org(ctx).AcceptSuggestions)
}

func (s *server) rejectSuggestions(ctx context.Context, in *decideSuggestions) (*body[Decided], error) {
	return s.decide(ctx, in, s.org(ctx).RejectSuggestions)
}

type decider func(ctx context.Context, tableID string, actor models.Actor, operationID string, which store.SuggestionSelector) (store.Decided, error)

func (s *server) decide(ctx context.Context, in *decideSuggestions, apply decider) (*body[Decided], error) {
	t, err := s.table(ctx, in.TablePath)
	if err != nil {
		return nil, err
	}
	which := store.SuggestionSelector{IDs: in.Body.IDs, Columns: in.Body.Columns, RunID: in.Body.Run, Filter: in.Body.Filter, All: in.Body.All}
	if err := models.CheckQuery(&models.Query{Filter: in.Body.Filter}, t.Columns); err != nil {
		return nil, err
	}
	for _, c := range in.Body.Cells {
		id, err := recordID(c.RecordID)
		if err != nil {
			return nil, err
		}
		which.Cells = append(which.Cells, store.Cell{RecordID: id, Column: c.Column})
	}
	for _, r := range in.Body.Records {
		id, err := recordID(r)
		if err != nil {
			return nil, err
		}
		which.Records = append(which.Records, id)
	}
	operation := operationOr(in.Operation)
	decided, err := apply(ctx, t.ID, actorOf(ctx), operation, which)
	if err != nil {
		return nil, err
	}
	return answer(Decided{OperationID: operation, Decided: decided.Decided, Conflicts: decided.Conflicts}), nil
}
