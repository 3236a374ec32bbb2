// Package workflows holds the decisions: one file per workflow, each readable as
// the runbook of what happens. Effects are in package activities, numbers in
// workflows/policy, names and messages in workflows/contract.
//
// Workflow code reaches no network, disk, clock or environment: workflowcheck
// sees to it, and replays of recorded histories (testdata) hold every change
// against runs that began before it. It imports activities for their names,
// and must not import the store, the connectors or the API.
package workflows
