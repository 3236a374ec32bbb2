package contract

import (
	"errors"

	"go.temporal.io/sdk/temporal"

	"github.com/scratch-platform/scratch/models"
)

// ProblemOf gives the problem that an activity's or child's failure carries in
// its details, or a general one that says what the engine said.
func ProblemOf(err error) *models.Problem {
	if err == nil {
		return nil
	}
	if p, ok := models.AsProblem(err); ok {
		return p
	}
	var application *temporal.ApplicationError
	if errors.As(err, &application) {
		var p models.Problem
		if application.HasDetails() && application.Details(&p) == nil && p.Code != "" {
			return &p
		}
		code := application.Type()
		if code == "" {
			code = "internal.unexpected"
		}
		return models.NewProblem(models.KindInternal, code, application.Message(), "")
	}
	var timeout *temporal.TimeoutError
	switch {
	case errors.As(err, &timeout):
		return models.NewProblem(models.KindTimeout, "job.timed_out", "A step gave no sign of life in time.", "Retry the job; finished pages and records are kept.")
	case temporal.IsTerminatedError(err):
		return models.NewProblem(models.KindConflict, "job.terminated", "The run was terminated with the engine's tools.", "Retry the job; finished pages and records are kept.")
	case temporal.IsCanceledError(err):
		return models.NewProblem(models.KindConflict, "job.cancelled", "The run was cancelled.", "Retry the job; finished pages and records are kept.")
	}
	return models.NewProblem(models.KindInternal, "internal.unexpected", err.Error(), "Report it with the job's id.")
}

// Failure makes the failure of a workflow from a problem; ProblemOf reads it
// again. The engine does not retry it.
func Failure(p *models.Problem) error {
	return temporal.NewNonRetryableApplicationError(p.Error(), p.Code, nil, *p)
}
