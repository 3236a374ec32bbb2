package contract

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"github.com/scratch-platform/scratch/models"
)

// Signal is a typed signal: its name and payload stand in one place.
type Signal[T any] struct{ name string }

// Send delivers it to the latest run of a workflow.
func (s Signal[T]) Send(ctx context.Context, c client.Client, workflowID string, value T) error {
	return c.SignalWorkflow(ctx, workflowID, "", s.name, value)
}

// Forward sends it from one workflow to another.
func (s Signal[T]) Forward(ctx workflow.Context, workflowID string, value T) workflow.Future {
	return workflow.SignalExternalWorkflow(ctx, workflowID, "", s.name, value)
}

// Channel receives it inside a workflow.
func (s Signal[T]) Channel(ctx workflow.Context) Channel[T] {
	return Channel[T]{inner: workflow.GetSignalChannel(ctx, s.name)}
}

// Name is the signal's name, for the `temporal` CLI and docs.
func (s Signal[T]) Name() string { return s.name }

// Channel is the receiving end of a typed signal.
type Channel[T any] struct{ inner workflow.ReceiveChannel }

// AddTo makes a selector call receive for each signal.
func (c Channel[T]) AddTo(ctx workflow.Context, s workflow.Selector, receive func(T)) workflow.Selector {
	return s.AddReceive(c.inner, func(ch workflow.ReceiveChannel, _ bool) {
		var value T
		ch.Receive(ctx, &value)
		receive(value)
	})
}

// Pause and Resume speak to downloads and publishes. A paused run keeps its
// checkpoint and starts no request; By says who asked.
var (
	Pause  = Signal[By]{name: "pause"}
	Resume = Signal[By]{name: "resume"}
	// Decide answers a download that stopped to ask before a large sweep.
	Decide = Signal[SweepDecision]{name: "decide"}
)

// By says who sent a signal. The zero value is what `temporal workflow signal`
// without input gives: an operator.
type By struct {
	User string `json:"user,omitempty"`
}

// SweepDecision is a person's word on a download that would remove more than
// 30 % and more than 20 of a table's records.
type SweepDecision struct {
	TableID string `json:"table_id"`
	Remove  bool   `json:"remove"`
	User    string `json:"user,omitempty"`
}

// Table is how the download of one table tells the snapshot's download that it
// waits, is paused, or goes on; nobody else sends it.
var Table = Signal[TableState]{name: "table-state"}

// TableState is where one table of a download stands.
type TableState struct {
	TableID string          `json:"table_id"`
	State   models.JobState `json:"state"` // running, waiting or paused
	Until   *time.Time      `json:"until,omitempty"`
	Why     string          `json:"why,omitempty"`
}

// TableEnded tells a snapshot's download that the run of one of its tables has
// closed without its hearing of it: it closed before the download was reset.
// The reconciler sends it; the download then looks for itself.
var TableEnded = Signal[EndedTable]{name: "table-ended"}

// EndedTable names the table.
type EndedTable struct {
	TableID string `json:"table_id"`
}

// QueryProgress asks a run for its state; the store holds the truth, this is
// for operators at the CLI.
const QueryProgress = "progress"
