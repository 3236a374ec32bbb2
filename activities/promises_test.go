package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// The decisions that keep the promises, one by one. (The whole against the real
// store and engine: package worker.)

// incomplete is a store whose run did not see its enumeration's end. Whatever
// else is asked of it is a fault and panics.
type incomplete struct {
	DownloadStore
	run models.DownloadRun
}

func (s incomplete) BeginRun(context.Context, string, string, models.DownloadMode) (models.DownloadRun, error) {
	return s.run, nil
}
func (s incomplete) Alive(context.Context, string) error { return nil }

// Promise 2: what an enumeration did not show says nothing unless it was complete
// and of everything.
func TestOnlyACompleteEnumerationSweeps(t *testing.T) {
	for name, run := range map[string]models.DownloadRun{
		"incomplete":  {ID: "run_1", Mode: models.DownloadFull, Seen: 5},
		"incremental": {ID: "run_1", Mode: models.DownloadIncremental, Complete: true, Seen: 5},
	} {
		t.Run(name, func(t *testing.T) {
			var suite testsuite.WorkflowTestSuite
			environment := suite.NewTestActivityEnvironment()
			d := &Downloads{Store: func(string) DownloadStore { return incomplete{run: run} }, Now: time.Now}
			environment.RegisterActivity(d)
			encoded, err := environment.ExecuteActivity(d.ConfirmMissing, ConfirmInput{RunInput: RunInput{DownloadInput: contract.DownloadInput{TableID: "tbl_1"}}})
			require.NoError(t, err)
			var result ConfirmResult
			require.NoError(t, encoded.Get(&result))
			require.Equal(t, ConfirmResult{}, result)
		})
	}
}

// settles is a store that keeps what is settled.
type settles struct {
	PublishStore
	got []store.Settlement
}

func (s *settles) SettleItems(_ context.Context, settlements []store.Settlement) error {
	s.got = append(s.got, settlements...)
	return nil
}

// holds is a service that holds records. Of those that hold "" it says nothing.
type holds map[string]string

func (holds) Service() string { return "memory" }
func (holds) Close() error    { return nil }
func (h holds) ReadByIDs(_ context.Context, _ connectors.Schema, ids []string) (connectors.ByIDs, error) {
	var out connectors.ByIDs
	for _, id := range ids {
		if fields, there := h[id]; fields == "" && there {
			continue
		} else if there {
			out.Found = append(out.Found, connectors.Record{RemoteID: id, Fields: json.RawMessage(fields)})
		} else {
			out.Missing = append(out.Missing, id)
		}
	}
	return out, nil
}

func updating(db PublishStore, service connectors.Connector, op models.Operation) *sending {
	columns := []models.Column{{ID: "title", Compare: models.CompareTrimmed}, {ID: "n", Compare: models.CompareNumber}}
	return &sending{
		db: db, in: SendInput{Group: Group{TableID: "tbl_1", Op: op}}, now: time.Now,
		remote: &remote{connector: service, schema: connectors.Schema{Columns: columns}},
	}
}

func item(id string, bases, values models.Fields) prepared {
	return prepared{item: models.Item{ID: "itm_" + id, Op: models.OpUpdate, RemoteID: id, EditBases: bases, Values: values}, values: values}
}

func fields(title string) models.Fields { return models.Fields{"title": json.RawMessage(title)} }

// Promise 4: before a write the service's value is held against the one the edit
// began with, under the column's own comparison.
func TestLookBeforeTheWrite(t *testing.T) {
	service := holds{
		"same": `{"title":"Base"}`, "spaced": `{"title":" Base "}`, "theirs": `{"title":"Theirs"}`, "mine": `{"title":"Mine"}`,
		"forced": `{"title":"Theirs"}`, "not shown": "",
	}
	db := &settles{}
	s := updating(db, service, models.OpUpdate)
	var batch []prepared
	for _, id := range []string{"same", "spaced", "theirs", "mine", "gone", "forced", "not shown"} {
		p := item(id, fields(`"Base"`), fields(`"Mine"`))
		p.item.Override = id == "forced"
		batch = append(batch, p)
	}
	kept, err := s.look(t.Context(), batch)
	require.NoError(t, err)
	require.Equal(t, []string{"itm_same", "itm_spaced", "itm_forced"}, ids(kept))
	states := map[string]models.ItemState{}
	for _, settled := range db.got {
		states[settled.ItemID] = settled.State
	}
	require.Equal(t, map[string]models.ItemState{
		"itm_theirs": models.ItemConflict, "itm_mine": models.ItemApplied, "itm_gone": models.ItemConflict, "itm_not shown": models.ItemFailed,
	}, states)
}

// Promise 4: a delete is not sent over a change, also one that cleared a cell,
// nor over a cell that was empty when it was planned and has a value now; one
// already gone is done.
func TestLookBeforeADelete(t *testing.T) {
	db := &settles{}
	service := holds{
		"same": `{"title":"Base"}`, "emptied": `{"n":null,"title":"Base"}`, "theirs": `{"title":"Theirs"}`,
		"appeared": `{"n":"7","title":"Base"}`, "forced": `{"n":"7","title":"Base"}`, "computed": `{"modified":"today","title":"Base"}`,
		"cleared": `{"title":null}`, "not shown": "",
	}
	s := updating(db, service, models.OpDelete)
	s.remote.schema.Columns = append(s.remote.schema.Columns, models.Column{ID: "modified", ReadOnly: true})
	var batch []prepared
	for _, id := range []string{"same", "emptied", "theirs", "gone", "appeared", "forced", "computed", "cleared", "not shown"} {
		p := item(id, fields(`"Base"`), nil)
		p.item.Op, p.item.Override = models.OpDelete, id == "forced"
		batch = append(batch, p)
	}
	kept, err := s.look(t.Context(), batch)
	require.NoError(t, err)
	require.Equal(t, []string{"itm_same", "itm_emptied", "itm_forced", "itm_computed"}, ids(kept))
	states := map[string]models.ItemState{}
	for _, settled := range db.got {
		states[settled.ItemID] = settled.State
	}
	require.Equal(t, map[string]models.ItemState{
		"itm_theirs": models.ItemConflict, "itm_gone": models.ItemApplied, "itm_appeared": models.ItemConflict,
		"itm_cleared": models.ItemConflict, "itm_not shown": models.ItemFailed,
	}, states)
	require.Equal(t, models.Fields{"n": json.RawMessage(`"7"`)}, db.got[2].Theirs)
}

// Promise 5: what no connector can say is not known, and nothing is sent again on
// it; what certainly did not go out is planned again.
func TestOutcomesOfABatch(t *testing.T) {
	limited := &connectors.Error{Kind: connectors.KindRateLimited, Service: "memory", Wait: time.Minute}
	refused := &connectors.Error{Kind: connectors.KindInvalid, Service: "memory"}
	auth := &connectors.Error{Kind: connectors.KindAuth, Service: "memory"}
	for _, c := range []struct {
		name   string
		result connectors.WriteResult
		known  bool
		state  models.ItemState
		waits  bool
		stops  bool
	}{
		{"applied", connectors.WriteResult{Outcome: connectors.Applied}, true, models.ItemApplied, false, false},
		{"unknown", connectors.WriteResult{Outcome: connectors.Unknown}, false, "", false, false},
		{"an outcome nobody knows", connectors.WriteResult{Outcome: "hm"}, false, "", false, false},
		{"refused", connectors.WriteResult{Outcome: connectors.Failed, Err: refused}, true, models.ItemFailed, false, false},
		{"conflict", connectors.WriteResult{Outcome: connectors.Conflict}, true, models.ItemConflict, false, false},
		{"turned away", connectors.WriteResult{Outcome: connectors.NotSent, Err: limited}, true, models.ItemPlanned, true, false},
		{"credential refused", connectors.WriteResult{Outcome: connectors.NotSent, Err: auth}, true, models.ItemPlanned, false, true},
		{"never possible", connectors.WriteResult{Outcome: connectors.NotSent, Err: refused}, true, models.ItemFailed, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := updating(&settles{}, holds{}, models.OpUpdate)
			settled, known := s.settlement(t.Context(), "update", item("1", nil, fields(`"Mine"`)), c.result)
			require.Equal(t, c.known, known)
			if known {
				require.Equal(t, c.state, settled.State)
			}
			require.Equal(t, c.waits, s.result.Wait != nil)
			require.Equal(t, c.stops, s.result.Stop != nil)
		})
	}
}

// Promise 5: a lost create is adopted only where one record could be it and
// nothing else could have made that record.
func TestWhichRecordALostCreateMade(t *testing.T) {
	lost := models.Item{ID: "itm_1", Op: models.OpCreate, Values: fields(`"A"`)}
	twin := models.Item{ID: "itm_2", Op: models.OpCreate, Values: fields(`"A"`)}
	other := models.Item{ID: "itm_3", Op: models.OpCreate, Values: fields(`"B"`)}
	at := func(ids ...string) []connectors.Record {
		var out []connectors.Record
		for _, id := range ids {
			out = append(out, connectors.Record{RemoteID: id, Fields: json.RawMessage(`{}`)})
		}
		return out
	}
	for _, c := range []struct {
		name   string
		open   []models.Item
		found  []connectors.Record
		result connectors.FindResult
		want   models.ItemState // empty: look again
	}{
		{"one match", []models.Item{lost, other}, at("7"), connectors.FindResult{Settled: true}, models.ItemApplied},
		{"one match, but a twin is open", []models.Item{lost, twin}, at("7"), connectors.FindResult{Settled: true}, models.ItemUnknown},
		{"one match with our key, a twin is open", []models.Item{lost, twin}, at("7"), connectors.FindResult{Settled: true, Exact: true}, models.ItemApplied},
		{"two matches", []models.Item{lost}, at("7", "8"), connectors.FindResult{Settled: true}, models.ItemUnknown},
		{"none, and the lookups are up to date", []models.Item{lost}, nil, connectors.FindResult{Settled: true}, models.ItemPlanned},
		{"none, and the lookups may lag", []models.Item{lost}, nil, connectors.FindResult{}, ""},
		{"two matches, and the lookups may lag", []models.Item{lost}, at("7", "8"), connectors.FindResult{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &resolving{remote: &remote{connector: holds{}}}
			c.result.Key = lost.ID
			settled := s.decide([]models.Item{lost}, []connectors.FindResult{c.result}, map[string][]connectors.Record{lost.ID: c.found}, nil, c.open)
			if c.want == "" {
				require.Empty(t, settled)
				return
			}
			require.Len(t, settled, 1)
			require.Equal(t, c.want, settled[0].State)
		})
	}
	t.Run("two lost creates, one match", func(t *testing.T) {
		s := &resolving{remote: &remote{connector: holds{}}}
		found := map[string][]connectors.Record{lost.ID: at("7"), other.ID: at("7")}
		settled := s.decide([]models.Item{lost, other}, []connectors.FindResult{{Key: lost.ID, Settled: true}, {Key: other.ID, Settled: true}}, found, nil, []models.Item{lost, other})
		require.Len(t, settled, 2)
		require.Equal(t, models.ItemUnknown, settled[0].State)
		require.Equal(t, models.ItemUnknown, settled[1].State)
	})
}

// bereft is a store whose table was removed while items of it were in flight.
type bereft struct {
	settles
	now   time.Time
	items []models.Item
}

func (b *bereft) Table(context.Context, string) (models.Table, error) {
	return models.Table{}, models.NewProblem(models.KindNotFound, "table.not_found", "there is no table tbl_1", "")
}
func (b *bereft) InFlight(context.Context, string) ([]models.Item, error) { return b.items, nil }
func (b *bereft) Now(context.Context) (time.Time, error)                  { return b.now, nil }
func (b *bereft) Alive(context.Context, string) error                     { return nil }

// Promise 5: breaks when an item in flight of a table that was removed is asked
// about for ever, is sent again, or is left to a person while its request may
// still be answered.
func TestItemsOfARemovedTableAreAPersonsMatter(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	long, just := now.Add(-time.Hour), now.Add(-time.Second)
	db := &bereft{now: now, items: []models.Item{{ID: "itm_old", TableID: "tbl_1", SentAt: &long, Lease: "w1"}, {ID: "itm_new", TableID: "tbl_1", SentAt: &just}}}
	p := &Publishes{Store: func(string) PublishStore { return db }, Now: func() time.Time { return now }}
	var suite testsuite.WorkflowTestSuite
	environment := suite.NewTestActivityEnvironment()
	environment.RegisterActivity(p)
	encoded, err := environment.ExecuteActivity(p.ResolveItems, ResolveInput{})
	require.NoError(t, err)
	var result ResolveResult
	require.NoError(t, encoded.Get(&result))
	require.EqualValues(t, 1, result.Resolved)
	require.EqualValues(t, 1, result.Left)
	require.NotNil(t, result.NotBefore, "the other one is looked at when its request cannot be under way any more")
	require.Len(t, db.got, 1)
	require.Equal(t, "itm_old", db.got[0].ItemID)
	require.Equal(t, models.ItemUnknown, db.got[0].State)
	require.Equal(t, "w1", db.got[0].Holder)
}

// Creates of a referenced table go out before those that refer to it, deletes
// the other way round; tables in a circle keep a fixed order.
func TestGroupsGoOutInOrder(t *testing.T) {
	table := func(id string, references ...string) models.Table {
		out := models.Table{ID: id, RemoteID: id, ConnectionID: "con_1"}
		for _, to := range references {
			out.Columns = append(out.Columns, models.Column{ID: to, References: to})
		}
		return out
	}
	tables := map[string]models.Table{"a": table("a", "b", "a"), "b": table("b", "c"), "c": table("c"), "x": table("x", "y"), "y": table("y", "x")}
	var planned []store.PlanGroup
	for _, op := range []models.Operation{models.OpDelete, models.OpUpdate, models.OpCreate} {
		for _, id := range []string{"a", "b", "c", "x", "y"} {
			planned = append(planned, store.PlanGroup{TableID: id, Op: op, Planned: 1})
		}
	}
	var order []string
	for _, g := range ordered(planned, tables) {
		order = append(order, string(g.Op)[:1]+g.TableID)
	}
	require.Equal(t, []string{"cc", "cb", "ca", "cy", "cx", "uc", "ub", "ua", "uy", "ux", "dx", "dy", "da", "db", "dc"}, order)
}

// newest is an engine whose latest run of every workflow is run_new.
type newest struct{ client.Client }

func (newest) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
		Execution: &commonpb.WorkflowExecution{RunId: "run_new"},
	}}, nil
}

// theJob is a store of one job, done by another run than the one that speaks.
type theJob struct {
	JobStore
	changed bool
}

func (*theJob) Job(context.Context, string) (models.Job, error) {
	return models.Job{ID: "job_1", State: models.JobRunning, RunID: "run_new"}, nil
}

func (j *theJob) SetJobState(context.Context, string, store.JobChange) (bool, error) {
	j.changed = true
	return true, nil
}

// Promise 9: breaks when the last word of a run that a reset replaced ends the
// job that the new run does.
func TestAReplacedRunSaysNothingAboutTheJob(t *testing.T) {
	db := &theJob{}
	jobs := &Jobs{Store: func(string) JobStore { return db }, Engine: newest{}, Now: time.Now}
	var suite testsuite.WorkflowTestSuite
	environment := suite.NewTestActivityEnvironment()
	environment.RegisterActivity(jobs)
	_, err := environment.ExecuteActivity(jobs.ChangeJob, ChangeJobInput{To: models.JobCancelled})
	require.ErrorContains(t, err, "A newer run speaks for this job")
	require.False(t, db.changed)
}

// missing is a store of a table of `of` records, of which some were not shown.
type missing struct {
	DownloadStore
	of, gone int
	swept    int
}

func (m *missing) MissingBatch(_ context.Context, _ *models.DownloadRun, after int64, _ int) (refs []store.RecordRef, err error) {
	for i := after + 1; i <= int64(m.gone); i++ {
		refs = append(refs, store.RecordRef{ID: i, RemoteID: fmt.Sprint(i)})
	}
	return refs, nil
}

func (m *missing) Sweep(_ context.Context, _ *models.DownloadRun, ids []int64) (store.SweepResult, error) {
	m.swept += len(ids)
	return store.SweepResult{Removed: int64(len(ids))}, nil
}

// Promise 2: breaks when a sweep asks for less than 30 % and 20 records, or does
// not ask for more; what it asks about is still there.
func TestWhichSweepsAskFirst(t *testing.T) {
	for _, c := range []struct {
		of, gone int
		asks     bool
	}{
		{of: 20, gone: 20},
		{of: 21, gone: 21, asks: true},
		{of: 60, gone: 20},
		{of: 70, gone: 21},
		{of: 69, gone: 21, asks: true},
		{of: 1000, gone: 300},
		{of: 1000, gone: 301, asks: true},
	} {
		t.Run(fmt.Sprintf("%d of %d", c.gone, c.of), func(t *testing.T) {
			db := &missing{of: c.of, gone: c.gone}
			sweep := &confirming{db: db, remote: &remote{connector: holds{}}, run: &models.DownloadRun{}, of: int64(c.of)}
			result, err := sweep.sweep(t.Context())
			require.NoError(t, err)
			require.Equal(t, c.asks, result.NeedsDecision)
			if c.asks {
				require.Zero(t, db.swept)
			} else {
				require.Equal(t, c.gone, db.swept)
			}
		})
	}
}
