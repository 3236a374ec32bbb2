package api

import (
	"context"
	"net/http"
	"time"

	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// Plan is the exact set of changes a publish would apply.
type Plan struct {
	ID         string            `json:"id"`
	SnapshotID string            `json:"snapshot_id"`
	State      models.PlanState  `json:"state" enum:"building,ready,applying,applied,stopped,superseded"`
	Hash       string            `json:"hash" doc:"Hand it to apply: it stands for what you reviewed."`
	Counts     models.PlanCounts `json:"counts"`
	Problems   []models.Problem  `json:"problems" nullable:"false"`
	JobID      string            `json:"job_id,omitempty"`
	RetryOf    string            `json:"retry_of,omitempty"`
	CreatedAt  time.Time         `json:"created_at"`
	AppliedAt  *time.Time        `json:"applied_at,omitempty"`
}

func showPlan(p models.Plan) Plan {
	return Plan{
		ID: p.ID, SnapshotID: p.SnapshotID, State: p.State, Hash: p.Hash, Counts: p.Counts, Problems: append([]models.Problem{}, p.Problems...),
		JobID: p.JobID, RetryOf: p.RetryOf, CreatedAt: p.CreatedAt, AppliedAt: p.AppliedAt,
	}
}

// Item is one create, update or delete of a plan.
type Item struct {
	ID        string               `json:"id"`
	TableID   string               `json:"table_id"`
	RecordID  string               `json:"record_id"`
	RemoteID  string               `json:"remote_id,omitempty"`
	Op        models.Operation     `json:"op" enum:"create,update,delete"`
	Label     string               `json:"label,omitempty"`
	Values    models.Fields        `json:"values,omitempty" doc:"Exactly what will be sent."`
	EditBases models.Fields        `json:"edit_bases,omitempty" doc:"What the service must still hold."`
	Theirs    models.Fields        `json:"theirs,omitempty" doc:"Of a conflict: what the service held instead."`
	State     models.ItemState     `json:"state" enum:"planned,sending,applied,failed,conflict,unknown,skipped"`
	Override  bool                 `json:"override,omitempty"`
	Blocked   bool                 `json:"blocked,omitempty" doc:"The service would refuse it; it is not sent."`
	Steps     []models.StepOutcome `json:"steps,omitempty"`
	Problem   *models.Problem      `json:"problem,omitempty"`
	SettledAt *time.Time           `json:"settled_at,omitempty"`
}

func showItem(i models.Item) Item {
	return Item{
		ID: i.ID, TableID: i.TableID, RecordID: formatID(i.RecordID), RemoteID: i.RemoteID, Op: i.Op, Label: i.Label,
		Values: i.Values, EditBases: i.EditBases, Theirs: i.Theirs, State: i.State, Override: i.Override,
		Blocked: i.Blocked, Steps: i.Steps, Problem: i.Problem, SettledAt: i.SettledAt,
	}
}

// PlanPath names a publish plan. Embedded, so exported: that is
// where huma looks.
type PlanPath struct {
	ID string `path:"id" maxLength:"64"`
}

type createPlan struct {
	SnapshotPath
	Body struct {
		Tables []string `json:"tables,omitempty" maxItems:"500" doc:"Table ids; none is all."`
	}
}

type listPlansInput struct {
	SnapshotPath
	Paging
}

type itemsInput struct {
	PlanPath
	Paging
	State string `query:"state" enum:"planned,sending,applied,failed,conflict,unknown,skipped"`
	Table string `query:"table" maxLength:"64"`
	Op    string `query:"op" enum:"create,update,delete"`
}

type applyPlan struct {
	PlanPath
	Body struct {
		Hash      string   `json:"hash" minLength:"1" maxLength:"200"`
		Overrides []string `json:"overrides,omitempty" maxItems:"10000" doc:"Item ids to write over whatever the service holds now."`
	}
}

type itemInput struct {
	PlanPath
	Item string `path:"item" maxLength:"64"`
	Body struct {
		Choice   string `json:"choice" enum:"happened,did_not_happen" doc:"What you found at the service."`
		RemoteID string `json:"remote_id,omitempty" maxLength:"1000" doc:"Of a create that happened: the object it made."`
	}
}

// Accepted answers a request that started a job.
type Accepted struct {
	Job      Job              `json:"job"`
	Warnings []models.Problem `json:"warnings,omitempty" doc:"What was asked for and is not done."`
}

func (s *server) planRoutes() {
	serve(s, route{method: http.MethodPost, path: "/api/v1/snapshots/{id}/publish-plans", id: "create-plan", summary: "Collect what a publish would change; nothing is sent", status: http.StatusAccepted}, s.createPlan)
	serve(s, route{method: http.MethodGet, path: "/api/v1/snapshots/{id}/publish-plans", id: "list-plans", summary: "A snapshot's plans, newest first"}, s.listPlans)
	serve(s, route{method: http.MethodGet, path: "/api/v1/publish-plans/{id}", id: "get-plan", summary: "One plan"}, s.getPlan)
	serve(s, route{method: http.MethodGet, path: "/api/v1/publish-plans/{id}/items", id: "list-items", summary: "A plan's items, with their outcomes"}, s.listItems)
	serve(s, route{method: http.MethodPost, path: "/api/v1/publish-plans/{id}/apply", id: "apply-plan", scope: accounts.ScopePublish, summary: "Publish exactly this plan", status: http.StatusAccepted}, s.applyPlan)
	serve(s, route{method: http.MethodPost, path: "/api/v1/publish-plans/{id}/retry-failed", id: "retry-failed", summary: "Make a plan of the failed items alone", status: http.StatusAccepted}, s.retryFailed)
	serve(s, route{method: http.MethodPost, path: "/api/v1/publish-plans/{id}/items/{item}/resolve", id: "resolve-item", scope: accounts.ScopePublish, summary: "Say what became of an item whose answer was lost"}, s.resolveItem)
}

func (s *server) createPlan(ctx context.Context, in *createPlan) (*body[Plan], error) {
	plan, err := s.org(ctx).BuildPlan(ctx, in.ID, in.Body.Tables, actorOf(ctx), s.canSend)
	if err != nil {
		return nil, err
	}
	return answer(showPlan(plan)), nil
}

// canSend blocks an item that the service's connector has no way to send, so
// that the plan says so before anything is sent.
func (s *server) canSend(t models.Table, item *models.Item) {
	definition, known := s.Registry.Definition(t.Service)
	can := map[models.Operation]bool{
		models.OpCreate: definition.Capabilities.Create,
		models.OpUpdate: definition.Capabilities.Update,
		models.OpDelete: definition.Capabilities.Delete,
	}
	if known && can[item.Op] {
		return
	}
	item.Blocked = true
	item.Problem = models.NewProblem(models.KindInvalid, "item.unsupported",
		"This service takes no "+string(item.Op)+"s from here.", "Export the table as a file, or revert the change.")
}

func (s *server) listPlans(ctx context.Context, in *listPlansInput) (*body[list[Plan]], error) {
	if _, err := s.org(ctx).Snapshot(ctx, in.ID); err != nil {
		return nil, err
	}
	plans, next, err := s.org(ctx).ListPlans(ctx, in.ID, in.page())
	if err != nil {
		return nil, err
	}
	return listOf(plans, next, showPlan), nil
}

func (s *server) getPlan(ctx context.Context, in *PlanPath) (*body[Plan], error) {
	plan, err := s.org(ctx).Plan(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(showPlan(plan)), nil
}

func (s *server) listItems(ctx context.Context, in *itemsInput) (*body[list[Item]], error) {
	filter := store.ItemFilter{State: models.ItemState(in.State), TableID: in.Table, Op: models.Operation(in.Op)}
	items, next, err := s.org(ctx).ListItems(ctx, in.ID, filter, in.page())
	if err != nil {
		return nil, err
	}
	return listOf(items, next, showItem), nil
}

// applyPlan starts the publish of exactly the plan that was seen: the hash
// stands for it (Promise 3). Plan and job are stored before the engine is
// asked, so that a crash in between leaves a job the reconciler starts again.
func (s *server) applyPlan(ctx context.Context, in *applyPlan) (*body[Accepted], error) {
	plan, err := s.org(ctx).Plan(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	job := models.Job{
		ID: models.NewID(models.PrefixJob), SnapshotID: plan.SnapshotID, PlanID: plan.ID, Kind: models.JobPublish,
		State: models.JobQueued, WorkflowID: contract.PublishID(plan.ID), CreatedBy: actorOf(ctx).UserID,
	}
	if plan.RetryOf != "" {
		retried, err := s.org(ctx).Plan(ctx, plan.RetryOf)
		if err != nil {
			return nil, err
		}
		job.RetryOf = retried.JobID
	}
	if err := s.org(ctx).StartApply(ctx, plan.ID, in.Body.Hash, in.Body.Overrides, job, actorOf(ctx)); err != nil {
		return nil, err
	}
	return s.launchPublish(ctx, plan, job.ID)
}

func (s *server) retryFailed(ctx context.Context, in *PlanPath) (*body[Plan], error) {
	plan, err := s.org(ctx).RetryFailedPlan(ctx, in.ID, actorOf(ctx), s.canSend)
	if err != nil {
		return nil, err
	}
	return answer(showPlan(plan)), nil
}

func (s *server) resolveItem(ctx context.Context, in *itemInput) (*body[Item], error) {
	item, err := s.org(ctx).Item(ctx, in.Item)
	if err != nil {
		return nil, err
	}
	if item.PlanID != in.ID {
		return nil, models.NewProblem(models.KindNotFound, "item.not_found", "This plan has no such item.", "List the plan's items.")
	}
	resolved, err := s.org(ctx).ResolveItem(ctx, item.ID, models.Resolution{Choice: in.Body.Choice, RemoteID: in.Body.RemoteID}, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return answer(showItem(resolved)), nil
}
