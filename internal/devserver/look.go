package devserver

import (
	"context"
	"errors"
)

// Look finds a Temporal CLI that is already on this machine and new enough: the
// one that was named, the one on PATH, or one that an earlier run downloaded or
// built. Unlike Find it brings none. It fails with ErrNoCLI.
func (f Finder) Look(ctx context.Context) (string, error) {
	none := errors.New("not on PATH, and none was downloaded or built before")
	f.build = func(context.Context, func(string)) (string, error) { return "", none }
	f.download = func(context.Context, string) (string, error) { return "", none }
	f.Report = func(string) {}
	return f.Find(ctx)
}
