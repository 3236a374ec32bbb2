package uploads

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// Index says which uploads there should be; the store implements it.
type Index interface {
	HasOrganization(ctx context.Context, id string) (bool, error)
	KnownUploads(ctx context.Context, organizationID string, ids []string) (known []string, err error)
}

// Sweeper deletes files of the upload folder that have no row.
type Sweeper struct {
	Dir   string
	Index Index
	Now   func() time.Time
}

const (
	// sweepAfter is how old a file without a row must be: an upload that is
	// being received has none yet, and takes no day.
	sweepAfter = 24 * time.Hour
	// sweepBatch bounds the files asked about at once.
	sweepBatch = 500
)

// Sweep deletes what uploads and deletes that were broken off left behind, and
// says how many files went. It touches nothing but files that Save names, in
// folders of organizations that the index knows: a process that was given
// another database, or another folder, by mistake deletes nothing.
func (s *Sweeper) Sweep(ctx context.Context) (files int, err error) {
	organizations, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil // nothing was ever uploaded
	}
	if err != nil {
		return 0, fmt.Errorf("read the upload folder: %w", err)
	}
	var failed []error
	for _, o := range organizations {
		if ctx.Err() != nil {
			return files, ctx.Err()
		}
		if !o.IsDir() || !models.ValidID(models.PrefixOrganization, o.Name()) {
			continue
		}
		n, err := s.sweepFolder(ctx, o.Name())
		files += n
		failed = append(failed, err)
	}
	return files, errors.Join(failed...)
}

func (s *Sweeper) sweepFolder(ctx context.Context, organizationID string) (files int, err error) {
	known, err := s.Index.HasOrganization(ctx, organizationID)
	if err != nil || !known {
		return 0, err
	}
	folder := filepath.Join(s.Dir, organizationID)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return 0, fmt.Errorf("read the uploads of %s: %w", organizationID, err)
	}
	old := slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !s.old(e) })
	for batch := range slices.Chunk(old, sweepBatch) {
		n, err := s.sweepBatch(ctx, organizationID, batch)
		files += n
		if err != nil {
			return files, err
		}
	}
	return files, nil
}

// old reports whether the entry is a file of ours that nobody is writing.
func (s *Sweeper) old(e fs.DirEntry) bool {
	if !e.Type().IsRegular() || !unfinished(e.Name()) && !models.ValidID(models.PrefixUpload, e.Name()) {
		return false
	}
	info, err := e.Info()
	return err == nil && s.Now().Sub(info.ModTime()) > sweepAfter
}

// unfinished: the name of a file that is not whole.
func unfinished(name string) bool { return strings.HasPrefix(name, incoming) }

func (s *Sweeper) sweepBatch(ctx context.Context, organizationID string, batch []fs.DirEntry) (files int, err error) {
	ids := make([]string, 0, len(batch))
	for _, e := range batch {
		ids = append(ids, e.Name())
	}
	known, err := s.Index.KnownUploads(ctx, organizationID, ids)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if slices.Contains(known, id) {
			continue
		}
		err := os.Remove(filepath.Join(s.Dir, organizationID, id))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return files, fmt.Errorf("remove the file of an upload that is no more: %w", err)
		}
		files++
	}
	return files, nil
}
