package store

import (
	"encoding/json"
	"time"

	"github.com/scratch-platform/scratch/models"
)

type jobRow struct {
	ID             string
	OrganizationID string
	SnapshotID     string
	PlanID         string
	Kind           models.JobKind
	State          models.JobState
	WorkflowID     string
	RunID          string
	Input          jsonOf[json.RawMessage]
	Progress       jsonOf[models.Progress]
	Problem        jsonOf[*models.Problem]
	WaitingUntil   *time.Time
	WaitingWhy     string
	EngineAway     bool
	RetryOf        string
	CreatedBy      string
	CreatedAt      time.Time
	StartedAt      *time.Time
	EndedAt        *time.Time
	AliveAt        *time.Time
	ProgressedAt   *time.Time // when progress was last told as an event
	Version        int64
}

func (jobRow) TableName() string { return "jobs" }
