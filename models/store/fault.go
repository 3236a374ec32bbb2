package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"

	"gorm.io/gorm"

	"github.com/scratch-platform/scratch/models"
)

// explain turns a driver's error into what callers may rely on: the context's
// own error when it ended, a problem where a user or operator can do something,
// and a wrapped internal error else. Problems pass through.
func (s *Store) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := models.AsProblem(err); ok {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("store: %w", context.Cause(ctx))
	}
	switch s.dialect.classify(err) {
	case faultDiskFull:
		return s.refused(diskFull(err))
	case faultReadOnly:
		return s.refused(readOnly(err))
	case faultRetry:
		return models.NewProblem(models.KindUnavailable, "store.busy", "the database is busy with competing changes; nothing of this change was kept",
			"try again in a moment").Because(err)
	case faultTimeout:
		return models.NewProblem(models.KindTimeout, "store.timeout", "the database took longer than this operation may",
			"try again, or ask for less at once").Because(err)
	case faultText:
		return models.NewProblem(models.KindInvalid, "records.bad_text", "a value holds text that cannot be stored",
			"remove the character U+0000 and bytes that are not UTF-8").Because(err)
	case faultUnavailable, faultRefused:
		return unavailable(err)
	case faultMissing:
		return fmt.Errorf("store: the database's schema does not fit this version (run scratch migrate): %w", err)
	case faultUnique, faultOther:
	}
	var network net.Error
	if errors.Is(err, driver.ErrBadConn) || errors.As(err, &network) {
		return unavailable(err)
	}
	return fmt.Errorf("store: %w", err)
}

func diskFull(err error) *models.Problem {
	return models.NewProblem(models.KindUnavailable, "store.disk_full", "the database has no disk space left; nothing of this change was kept",
		"free some space on the database's disk; what waits goes on by itself then").Because(err)
}

func readOnly(err error) *models.Problem {
	return models.NewProblem(models.KindUnavailable, "store.read_only", "the database takes no changes: it is a standby, or set read-only",
		"check that its address leads to the primary, and default_transaction_read_only or the file's rights; what waits goes on by itself then").Because(err)
}

func unavailable(err error) error {
	return models.NewProblem(models.KindUnavailable, "store.unavailable", "the database does not answer",
		"check that the database is running and reachable, then try again").Because(err)
}

// notFound is the problem of an id that names nothing in this organization;
// area is the thing's word, such as "snapshot".
func notFound(area, id string) error {
	return models.NewProblem(models.KindNotFound, area+".not_found", fmt.Sprintf("there is no %s %q", area, models.Bound(id, 100)),
		"check the id; it may have been deleted")
}

// one gives err as not found when the query found nothing.
func (s *Store) one(ctx context.Context, area, id string, err error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return notFound(area, id)
	}
	return s.explain(ctx, err)
}
