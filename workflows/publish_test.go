package workflows

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/scratch-platform/scratch/activities"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/workflows/contract"
)

var publishInput = contract.PublishInput{OrganizationID: "org_1", SnapshotID: "snp_1", JobID: "job_1", PlanID: "pln_1"}

// service is a scripted plan and service: what is planned, what the turns and
// looks give.
type service struct {
	planned int64
	send    func(in activities.SendInput) (activities.SendResult, error)
	resolve func(in activities.ResolveInput) activities.ResolveResult
	counts  models.PlanCounts
	groups  func(in activities.GroupsInput) activities.GroupsResult // instead of planned
	ended   activities.EndPublishInput
}

func publishing(t *testing.T, f *service) *stage {
	s := newStage(t)
	s.OnActivity(publishes.PlanGroups, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.GroupsInput) (activities.GroupsResult, error) {
		if f.groups != nil {
			return f.groups(in), nil
		}
		if f.planned == 0 {
			return activities.GroupsResult{}, nil
		}
		return activities.GroupsResult{Planned: f.planned, Groups: []activities.Group{
			{TableID: "tbl_1", Op: models.OpCreate}, {TableID: "tbl_1", Op: models.OpDelete},
		}}, nil
	}).Maybe()
	s.OnActivity(publishes.SendItems, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.SendInput) (activities.SendResult, error) {
			s.tell("send:" + string(in.Op))
			return f.send(in)
		}).Maybe()
	s.OnActivity(publishes.ResolveItems, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.ResolveInput) (activities.ResolveResult, error) {
			s.tell("resolve")
			if f.resolve == nil {
				return activities.ResolveResult{}, nil
			}
			return f.resolve(in), nil
		}).Maybe()
	s.OnActivity(publishes.ReadBackItems, mock.Anything, mock.Anything).Return(
		func(context.Context, contract.PublishInput) (activities.ReadBackResult, error) {
			s.tell("readback")
			return activities.ReadBackResult{}, nil
		}).Maybe()
	s.OnActivity(publishes.FinishPublish, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.EndPublishInput) (contract.PublishResult, error) {
			s.tell("finish:" + string(in.State))
			f.ended = in
			state := in.State
			if state == "" {
				state = models.JobCompleted
			}
			return contract.PublishResult{State: state, Counts: f.counts}, nil
		}).Maybe()
	return s
}

func (s *stage) publish(input contract.PublishInput) contract.PublishResult {
	s.t.Helper()
	s.ExecuteWorkflow(contract.WorkflowPublish, input)
	require.True(s.t, s.IsWorkflowCompleted())
	var result contract.PublishResult
	if s.GetWorkflowError() == nil {
		require.NoError(s.t, s.GetWorkflowResult(&result))
	}
	return result
}

// settles settles n items a turn until nothing is planned.
func (f *service) settles(n int64) func(activities.SendInput) (activities.SendResult, error) {
	return func(activities.SendInput) (activities.SendResult, error) {
		done := min(n, f.planned)
		f.planned -= done
		return activities.SendResult{Settled: done}, nil
	}
}

func TestPublishSendsGroupByGroup(t *testing.T) {
	f := &service{planned: 4}
	f.send = f.settles(2)
	s := publishing(t, f)
	result := s.publish(publishInput)
	require.NoError(t, s.GetWorkflowError())
	require.Equal(t, models.JobCompleted, result.State)
	require.Equal(t, "job:running resolve send:create send:delete resolve readback finish: job:completed", s.story())
}

// Promise 5: a turn whose worker was lost is never repeated: what it left in
// flight is found out before anything more is sent.
func TestPublishLooksUpWhatALostTurnLeft(t *testing.T) {
	f := &service{planned: 2}
	lost := false
	f.send = func(in activities.SendInput) (activities.SendResult, error) {
		if !lost {
			lost = true
			return activities.SendResult{}, errors.New("the worker died")
		}
		return f.settles(2)(in)
	}
	inFlight := int64(1)
	f.resolve = func(activities.ResolveInput) activities.ResolveResult {
		if !lost || inFlight == 0 {
			return activities.ResolveResult{}
		}
		inFlight = 0
		return activities.ResolveResult{Left: 1, NotBefore: soon(50 * time.Second)}
	}
	s := publishing(t, f)
	s.publish(publishInput)
	require.NoError(t, s.GetWorkflowError())
	story := s.story()
	require.Contains(t, story, "send:create send:delete resolve job:waiting", "the other group goes on; then what was lost is looked up: %s", story)
	require.Equal(t, 1, strings.Count(story, "job:waiting"))
	require.True(t, strings.HasSuffix(story, "readback finish: job:completed"), story)
}

func soon(after time.Duration) *time.Time {
	at := time.Now().Add(after)
	return &at
}

// A connection whose credential is refused stops the run with the problem; what
// was not sent is skipped.
func TestPublishStopsWhenNothingMoreCanBeSent(t *testing.T) {
	f := &service{planned: 5}
	f.send = func(activities.SendInput) (activities.SendResult, error) {
		return activities.SendResult{Settled: 1, Stop: models.NewProblem(models.KindForbidden, "connector.auth", "Refused.", "")}, nil
	}
	s := publishing(t, f)
	s.publish(publishInput)
	require.Equal(t, "connector.auth", contract.ProblemOf(s.GetWorkflowError()).Code)
	require.Equal(t, "job:running resolve send:create finish:failed job:failed", s.story())
}

// A rate limit spends no attempts and is shown.
func TestPublishWaitsForARateLimit(t *testing.T) {
	f := &service{planned: 2}
	waited := false
	f.send = func(in activities.SendInput) (activities.SendResult, error) {
		if !waited {
			waited = true
			return activities.SendResult{Wait: away(models.KindRateLimited, 3*time.Hour)}, nil
		}
		return f.settles(2)(in)
	}
	s := publishing(t, f)
	started := s.Now()
	s.publish(publishInput)
	require.NoError(t, s.GetWorkflowError())
	require.GreaterOrEqual(t, s.Now().Sub(started), 3*time.Hour)
	require.Contains(t, s.story(), "send:create job:waiting job:running send:create")
}

// A database that takes no changes for a while, as on a full disk, ends no publish:
// the job waits, and what is planned is sent when there is room.
func TestPublishWaitsForTheDatabase(t *testing.T) {
	full := models.NewProblem(models.KindUnavailable, "store.disk_full", "The disk is full.", "Make room.")
	f, refused := &service{planned: 1}, 0
	f.send = func(in activities.SendInput) (activities.SendResult, error) {
		if in.Op != models.OpCreate || f.planned == 0 {
			return activities.SendResult{}, nil
		}
		if refused++; refused <= 20 {
			return activities.SendResult{}, temporal.NewApplicationError(full.Error(), full.Code, *full)
		}
		f.planned = 0
		return activities.SendResult{Settled: 1}, nil
	}
	s := publishing(t, f)
	s.publish(publishInput)
	require.NoError(t, s.GetWorkflowError())
	require.Contains(t, s.story(), "send:create job:waiting job:running")
}

// Items that wait for a record which nothing creates any more are given up in
// the round after, and a plan that never moves ends with a problem.
func TestPublishGivesUpOnWhatCannotBeSent(t *testing.T) {
	f := &service{planned: 1}
	f.send = func(in activities.SendInput) (activities.SendResult, error) {
		if in.Op == models.OpDelete || f.planned == 0 {
			return activities.SendResult{}, nil
		}
		if in.GiveUp {
			f.planned = 0
			return activities.SendResult{Settled: 1}, nil
		}
		return activities.SendResult{Waiting: 1}, nil
	}
	s := publishing(t, f)
	s.publish(publishInput)
	require.NoError(t, s.GetWorkflowError())

	stuck := &service{planned: 1, send: func(activities.SendInput) (activities.SendResult, error) { return activities.SendResult{}, nil }}
	s = publishing(t, stuck)
	s.publish(publishInput)
	require.Equal(t, "publish.no_progress", contract.ProblemOf(s.GetWorkflowError()).Code)
}

// What the service's answers do not say is left to a person in the end.
func TestPublishLeavesTheUnknownToAPerson(t *testing.T) {
	f := &service{}
	looks := 0
	var s *stage
	f.resolve = func(in activities.ResolveInput) activities.ResolveResult {
		if looks++; in.GiveUp {
			return activities.ResolveResult{Resolved: 1}
		}
		at := s.Now().Add(5 * time.Second)
		return activities.ResolveResult{Left: 1, NotBefore: &at}
	}
	s = publishing(t, f)
	s.publish(publishInput)
	require.NoError(t, s.GetWorkflowError())
	require.Greater(t, looks, 10)
	require.Less(t, looks, 60)
}

// A service that is away for some minutes costs no outcome: breaks when items go
// to a person as soon as one that answers would have told.
func TestPublishWaitsForAServiceThatIsAway(t *testing.T) {
	f := &service{}
	var s *stage
	var began, gaveUp time.Time
	f.resolve = func(in activities.ResolveInput) activities.ResolveResult {
		if began.IsZero() {
			began = s.Now()
		}
		if in.GiveUp {
			gaveUp = s.Now()
			return activities.ResolveResult{Resolved: 1}
		}
		at := s.Now().Add(30 * time.Second)
		return activities.ResolveResult{Left: 1, NotBefore: &at, Away: true}
	}
	s = publishing(t, f)
	s.publish(publishInput)
	require.NoError(t, s.GetWorkflowError())
	require.Greater(t, gaveUp.Sub(began), 14*time.Minute)
}

// A run that only resolves sends nothing and leaves the job's state alone.
func TestPublishOnlyResolves(t *testing.T) {
	f := &service{planned: 3, send: func(activities.SendInput) (activities.SendResult, error) { return activities.SendResult{}, nil }}
	s := publishing(t, f)
	input := publishInput
	input.ResolveOnly = true
	s.publish(input)
	require.NoError(t, s.GetWorkflowError())
	require.Equal(t, "resolve readback finish:", s.story())
}

func TestPublishPausesBetweenBatches(t *testing.T) {
	f := &service{planned: 2}
	var s *stage
	calls := 0
	f.send = func(in activities.SendInput) (activities.SendResult, error) {
		if calls++; calls == 1 {
			s.RegisterDelayedCallback(func() { s.SignalWorkflow(contract.Pause.Name(), nil) }, 0)
			return activities.SendResult{}, s.held()
		}
		return f.settles(2)(in)
	}
	s = publishing(t, f)
	s.later(time.Hour, contract.Resume.Name(), contract.By{})
	started := s.Now()
	s.publish(publishInput)
	require.NoError(t, s.GetWorkflowError())
	require.Contains(t, s.story(), "send:create job:paused job:running send:create")
	require.GreaterOrEqual(t, s.Now().Sub(started), time.Hour)
}

// A cancel in any state ends the plan and the job as cancelled.
func TestPublishIsCancelledAtEveryStep(t *testing.T) {
	for name, script := range map[string]func(s func() *stage, f *service){
		"send": func(s func() *stage, f *service) {
			f.send = func(activities.SendInput) (activities.SendResult, error) { return activities.SendResult{}, s().held() }
		},
		"wait": func(_ func() *stage, f *service) {
			f.send = func(activities.SendInput) (activities.SendResult, error) {
				return activities.SendResult{Wait: away(models.KindRateLimited, 20*time.Hour)}, nil
			}
		},
		"resolve": func(s func() *stage, f *service) {
			f.resolve = func(activities.ResolveInput) activities.ResolveResult {
				return activities.ResolveResult{Left: 1, NotBefore: soon(time.Hour)}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &service{planned: 3}
			var s *stage
			script(func() *stage { return s }, f)
			s = publishing(t, f)
			s.RegisterDelayedCallback(s.CancelWorkflow, 50*time.Millisecond)
			s.publish(publishInput)
			require.True(t, temporal.IsCanceledError(s.GetWorkflowError()), "got %v", s.GetWorkflowError())
			require.True(t, strings.HasSuffix(s.story(), "finish:cancelled job:cancelled"), s.story())
		})
	}
}

// twoConnections is a plan of two tables, one group each, through connections of
// their own; what a turn settles is planned no more.
func twoConnections(s *service, turns map[string][]activities.SendResult) {
	s.groups = func(in activities.GroupsInput) activities.GroupsResult {
		var left activities.GroupsResult
		for _, id := range []string{"a", "b"} {
			if len(turns[id]) > 0 && !slices.Contains(in.Stopped, "con_"+id) {
				left.Groups = append(left.Groups, activities.Group{TableID: "tbl_" + id, Op: models.OpUpdate, ConnectionID: "con_" + id})
				left.Planned++
			}
		}
		return left
	}
	s.send = func(in activities.SendInput) (activities.SendResult, error) {
		id := strings.TrimPrefix(in.TableID, "tbl_")
		turn := turns[id][0]
		turns[id] = turns[id][1:]
		return turn, nil
	}
}

// Promise 6: breaks when a credential that one service refuses, or its limit,
// keeps the changes of another service from going out, or when the items that
// were not sent are told another connection's reason.
func TestPublishStopsOneConnectionAlone(t *testing.T) {
	refused := models.NewProblem(models.KindInvalid, "connector.auth", "No.", "")
	f := &service{}
	twoConnections(f, map[string][]activities.SendResult{"a": {{Stop: refused}, {}}, "b": {{Settled: 2}}})
	s := publishing(t, f)
	var sent []string
	send := f.send
	f.send = func(in activities.SendInput) (activities.SendResult, error) {
		sent = append(sent, in.TableID)
		return send(in)
	}
	s.publish(publishInput)
	require.Equal(t, []string{"tbl_a", "tbl_b"}, sent)
	require.Equal(t, models.JobFailed, f.ended.State)
	require.Equal(t, "connector.auth", f.ended.Problem.Code)
	require.Equal(t, map[string]models.Problem{"con_a": *refused}, f.ended.Stopped)
	require.Contains(t, s.story(), "readback", "what the other one stored is read back")
}

// Breaks when the changes of one service wait for another's rate limit.
func TestPublishWaitsForOneConnectionAlone(t *testing.T) {
	f := &service{}
	limited := away(models.KindRateLimited, time.Hour)
	twoConnections(f, map[string][]activities.SendResult{"a": {{Wait: limited}, {Settled: 1}}, "b": {{Settled: 1}}})
	s := publishing(t, f)
	began := s.Now()
	at := map[string]time.Duration{}
	send := f.send
	f.send = func(in activities.SendInput) (activities.SendResult, error) {
		at[in.TableID] = s.Now().Sub(began)
		return send(in)
	}
	s.publish(publishInput)
	require.NoError(t, s.GetWorkflowError())
	require.Less(t, at["tbl_b"], time.Minute)
	require.GreaterOrEqual(t, at["tbl_a"], time.Hour)
	require.Equal(t, 2, strings.Count(s.story(), "job:running"), "it waits once the other is through: %s", s.story())
}
