package contract

import (
	"strings"

	"go.temporal.io/sdk/temporal"
)

// Task queues.
const (
	QueueSync        = "scratch.sync"
	QueueMaintenance = "scratch.maintenance"
)

// Queues are those a worker serves.
func Queues() []string { return []string{QueueSync, QueueMaintenance} }

// Workflow type names, as operators see them.
const (
	WorkflowDownloadSnapshot  = "DownloadSnapshot"
	WorkflowDownload          = "Download"
	WorkflowPublish           = "Publish"
	WorkflowScheduledDownload = "ScheduledDownload"
	WorkflowCleanup           = "Cleanup"
)

// WorkflowCleanupID begins the ids of clean-ups; the engine appends the time.
const WorkflowCleanupID = "cleanup"

// DownloadSnapshotID is the id of a snapshot's download; one runs at a time.
func DownloadSnapshotID(snapshotID string) string { return "download-snapshot:" + snapshotID }

// DownloadID is the id of a table's download; one runs at a time.
func DownloadID(tableID string) string { return "download:" + tableID }

// TableOfDownload is the table whose download has the id; ok is false for an id
// that is no table's download.
func TableOfDownload(id string) (tableID string, ok bool) { return strings.CutPrefix(id, "download:") }

// PublishID is the id of the run that applies a plan.
func PublishID(planID string) string { return "publish:" + planID }

// Search attributes on every run, so that operators find runs by what they are
// about. The dev server and compose create them.
var (
	AttributeOrganization = temporal.NewSearchAttributeKeyKeyword("ScratchOrg")
	AttributeSnapshot     = temporal.NewSearchAttributeKeyKeyword("ScratchSnapshot")
	AttributeJobKind      = temporal.NewSearchAttributeKeyKeyword("ScratchJobKind")
	AttributeOutcome      = temporal.NewSearchAttributeKeyKeyword("ScratchOutcome")
	AttributeConnectors   = temporal.NewSearchAttributeKeyKeywordList("ScratchConnector")
)
