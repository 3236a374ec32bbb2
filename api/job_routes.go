package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/internal/launch"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// Job is one run as the user sees it.
type Job struct {
	ID           string          `json:"id"`
	Kind         models.JobKind  `json:"kind" enum:"download,publish"`
	State        models.JobState `json:"state" enum:"queued,running,waiting,paused,cancelling,stalled,completed,completed_with_failures,failed,cancelled,terminated,timed_out,lost"`
	Final        bool            `json:"final"`
	SnapshotID   string          `json:"snapshot_id"`
	PlanID       string          `json:"plan_id,omitempty"`
	WorkflowID   string          `json:"workflow_id"`
	RunID        string          `json:"run_id,omitempty"`
	Progress     models.Progress `json:"progress"`
	Problem      *models.Problem `json:"problem,omitempty"`
	WaitingUntil *time.Time      `json:"waiting_until,omitempty"`
	WaitingWhy   string          `json:"waiting_why,omitempty"`
	EngineAway   bool            `json:"engine_away,omitempty" doc:"The workflow engine could not be asked just now; the state is the last one known."`
	RetryOf      string          `json:"retry_of,omitempty"`
	ScheduleID   string          `json:"schedule_id,omitempty" doc:"The schedule that started it."`
	CreatedAt    time.Time       `json:"created_at"`
	StartedAt    *time.Time      `json:"started_at,omitempty"`
	EndedAt      *time.Time      `json:"ended_at,omitempty"`
	AliveAt      *time.Time      `json:"alive_at,omitempty" doc:"The last sign of life."`
}

func showJob(j models.Job) Job {
	return Job{
		ID: j.ID, Kind: j.Kind, State: j.State, Final: j.State.Final(), SnapshotID: j.SnapshotID, PlanID: j.PlanID,
		WorkflowID: j.WorkflowID, RunID: j.RunID, Progress: j.Progress, Problem: j.Problem, WaitingUntil: j.WaitingUntil,
		WaitingWhy: j.WaitingWhy, EngineAway: j.EngineAway, RetryOf: j.RetryOf, ScheduleID: j.ScheduleID, CreatedAt: j.CreatedAt,
		StartedAt: j.StartedAt, EndedAt: j.EndedAt, AliveAt: j.AliveAt,
	}
}

// TableOutcome is what a job did to one table.
type TableOutcome struct {
	TableID   string           `json:"table_id"`
	State     models.JobState  `json:"state"`
	Progress  models.Progress  `json:"progress"`
	Problem   *models.Problem  `json:"problem,omitempty"`
	Warnings  []models.Problem `json:"warnings" nullable:"false"`
	StartedAt *time.Time       `json:"started_at,omitempty"`
	EndedAt   *time.Time       `json:"ended_at,omitempty"`
}

// JobPath names a job. Embedded, so exported: that is
// where huma looks.
type JobPath struct {
	ID string `path:"id" maxLength:"64"`
}

type listJobsInput struct {
	Paging
	State    []string `query:"state" enum:"queued,running,waiting,paused,cancelling,stalled,completed,completed_with_failures,failed,cancelled,terminated,timed_out,lost" doc:"Any of these states."`
	Kind     string   `query:"kind" enum:"download,publish"`
	Snapshot string   `query:"snapshot" maxLength:"64"`
	Schedule string   `query:"schedule" maxLength:"64" doc:"Only jobs that this schedule started."`
}

type downloadInput struct {
	SnapshotPath
	Body struct {
		Tables []string            `json:"tables,omitempty" maxItems:"500" doc:"Table ids; none is all."`
		Mode   models.DownloadMode `json:"mode,omitempty" enum:"full,incremental" default:"full"`
	}
}

type decideInput struct {
	JobPath
	Body struct {
		TableID string `json:"table_id" maxLength:"64"`
		Remove  bool   `json:"remove" doc:"True removes the records the service no longer has; false keeps them."`
	}
}

func (s *server) jobRoutes(engine *gin.Engine) {
	serve(s, route{method: http.MethodPost, path: "/api/v1/snapshots/{id}/download", id: "download", summary: "Download tables; edits here are kept", status: http.StatusAccepted}, s.download)
	serve(s, route{method: http.MethodGet, path: "/api/v1/jobs", id: "list-jobs", summary: "Jobs, newest first"}, s.listJobs)
	serve(s, route{method: http.MethodGet, path: "/api/v1/jobs/{id}", id: "get-job", summary: "One job"}, s.getJob)
	serve(s, route{method: http.MethodGet, path: "/api/v1/jobs/{id}/outcomes", id: "list-outcomes", summary: "What a job did, table by table"}, s.listOutcomes)
	serve(s, route{method: http.MethodPost, path: "/api/v1/jobs/{id}/cancel", id: "cancel-job", summary: "Stop a job; what is done stays done", status: http.StatusAccepted}, s.cancelJob)
	serve(s, route{method: http.MethodPost, path: "/api/v1/jobs/{id}/pause", id: "pause-job", summary: "Pause a job at its checkpoint", status: http.StatusAccepted}, s.pauseJob)
	serve(s, route{method: http.MethodPost, path: "/api/v1/jobs/{id}/resume", id: "resume-job", summary: "Go on from the checkpoint", status: http.StatusAccepted}, s.resumeJob)
	serve(s, route{method: http.MethodPost, path: "/api/v1/jobs/{id}/retry", id: "retry-job", summary: "Run an ended download again, for the tables that did not complete", status: http.StatusAccepted}, s.retryJob)
	serve(s, route{method: http.MethodPost, path: "/api/v1/jobs/{id}/decide", id: "decide-job", summary: "Answer a download that asks before it removes many records", status: http.StatusAccepted}, s.decideJob)
	engine.GET("/api/v1/jobs/:id/events", s.signedIn(accounts.ScopeRead, func(c *gin.Context, actor models.Actor) {
		if _, err := s.org(c.Request.Context()).Job(c.Request.Context(), c.Param("id")); err != nil {
			s.answerError(c, err)
			return
		}
		s.Live.StreamJob(c.Writer, c.Request, actor, c.Param("id"))
	}))
}

func (s *server) listJobs(ctx context.Context, in *listJobsInput) (*body[list[Job]], error) {
	filter := store.JobFilter{Kind: models.JobKind(in.Kind), SnapshotID: in.Snapshot, ScheduleID: in.Schedule}
	for _, state := range in.State {
		filter.State = append(filter.State, models.JobState(state))
	}
	jobs, next, err := s.org(ctx).ListJobs(ctx, filter, in.page())
	if err != nil {
		return nil, err
	}
	return listOf(jobs, next, showJob), nil
}

func (s *server) getJob(ctx context.Context, in *JobPath) (*body[Job], error) {
	job, err := s.org(ctx).Job(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	// Promise 9: as the engine has it, not as it was stored last.
	if job, err = s.Reconciler.Glance(ctx, job); err != nil {
		return nil, err
	}
	return answer(showJob(job)), nil
}

// job reads a job that is about to be acted on and holds it against the engine,
// so that a run cancelled, terminated or reset elsewhere is taken for what it is
// (Promise 9).
func (s *server) job(ctx context.Context, id string) (models.Job, error) {
	job, err := s.org(ctx).Job(ctx, id)
	if err != nil || job.State.Final() {
		return job, err
	}
	return s.Reconciler.Look(ctx, job)
}

func (s *server) listOutcomes(ctx context.Context, in *JobPath) (*body[list[TableOutcome]], error) {
	if _, err := s.org(ctx).Job(ctx, in.ID); err != nil {
		return nil, err
	}
	outcomes, err := s.org(ctx).JobOutcomes(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return listOf(outcomes, "", func(o models.TableOutcome) TableOutcome {
		return TableOutcome{
			TableID: o.TableID, State: o.State, Progress: o.Progress, Problem: o.Problem,
			Warnings: append([]models.Problem{}, o.Warnings...), StartedAt: o.StartedAt, EndedAt: o.EndedAt,
		}
	}), nil
}

func (s *server) pauseJob(ctx context.Context, in *JobPath) (*body[Job], error) {
	return s.tell(ctx, in.ID, func(job models.Job) error {
		return contract.Pause.Send(ctx, s.Engine, job.WorkflowID, contract.By{User: actorOf(ctx).UserID})
	})
}

func (s *server) resumeJob(ctx context.Context, in *JobPath) (*body[Job], error) {
	return s.tell(ctx, in.ID, func(job models.Job) error {
		return contract.Resume.Send(ctx, s.Engine, job.WorkflowID, contract.By{User: actorOf(ctx).UserID})
	})
}

func (s *server) decideJob(ctx context.Context, in *decideInput) (*body[Job], error) {
	return s.tell(ctx, in.ID, func(job models.Job) error {
		return contract.Decide.Send(ctx, s.Engine, job.WorkflowID,
			contract.SweepDecision{TableID: in.Body.TableID, Remove: in.Body.Remove, User: actorOf(ctx).UserID})
	})
}

// cancelJob asks the engine to cancel.
func (s *server) cancelJob(ctx context.Context, in *JobPath) (*body[Job], error) {
	return s.tell(ctx, in.ID, func(job models.Job) error { return launch.Cancel(ctx, s.org(ctx), s.Engine, job) })
}

// tell sends something to a live job's run.
func (s *server) tell(ctx context.Context, id string, send func(models.Job) error) (*body[Job], error) {
	job, err := s.job(ctx, id)
	if err != nil {
		return nil, err
	}
	if job.State.Final() {
		return nil, models.NewProblem(models.KindConflict, "job.ended", "This job has already ended: it is "+string(job.State)+".", "Retry it, or start a new one.")
	}
	if err := send(job); err != nil {
		return nil, engineProblem(err)
	}
	job, err = s.job(ctx, id)
	if err != nil {
		return nil, err
	}
	return answer(showJob(job)), nil
}
