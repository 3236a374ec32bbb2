package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// MaxFailureText bounds the text of a failure in a workflow history, in bytes.
const MaxFailureText = 8 << 10

// codeUnexpected is the type of errors nobody has given a code: our fault.
const codeUnexpected = "internal.unexpected"

// Failure maps an activity's error to the engine's, once: its type is the
// problem's code, its details the problem itself, so that nobody parses texts.
// Causes are left out: they are for the log, and might hold what a history must
// not (Promise 10).
func Failure(err error) error {
	if err == nil || errors.Is(err, activity.ErrResultPending) {
		return err
	}
	var application *temporal.ApplicationError
	if errors.As(err, &application) || temporal.IsCanceledError(err) || errors.Is(err, context.Canceled) {
		return err // mapped already, or the engine's own word
	}
	problem := ProblemOf(err)
	options := temporal.ApplicationErrorOptions{
		NonRetryable: !retryable(problem.Kind),
		Details:      []any{*problem},
	}
	if refused, ok := connectors.AsError(err); ok {
		options.NonRetryable = !refused.Retryable()
		options.NextRetryDelay = refused.Wait
	}
	return temporal.NewApplicationErrorWithOptions(models.Bound(problem.Error(), MaxFailureText), problem.Code, options)
}

// ProblemOf gives any error as users see it.
func ProblemOf(err error) *models.Problem {
	if refused, ok := connectors.AsError(err); ok {
		return refused.Problem()
	}
	if problem, ok := models.AsProblem(err); ok {
		return problem
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return models.NewProblem(models.KindTimeout, "internal.timeout", err.Error(), "It is tried again by itself.")
	}
	return models.NewProblem(models.KindInternal, codeUnexpected, err.Error(),
		"This is a fault of Scratch, not of your data. Report it with the job's id.")
}

// retryable says whether the same call may succeed later without a person. Our
// own faults are tried again: most are a database or network that comes back,
// and progress bounds the rest.
func retryable(kind models.ProblemKind) bool {
	switch kind {
	case models.KindRateLimited, models.KindUnavailable, models.KindTimeout, models.KindInternal:
		return true
	case models.KindInvalid, models.KindUnauthenticated, models.KindForbidden, models.KindNotFound,
		models.KindConflict, models.KindTooLarge:
		return false
	default:
		return false
	}
}
