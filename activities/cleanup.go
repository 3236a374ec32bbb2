package activities

import (
	"context"
)

// CleanupStore deletes what the database keeps no longer.
type CleanupStore interface {
	// CleanUp gives how many went, by what they were. It works in small
	// transactions, goes on after one that failed, and may be run at any time.
	CleanUp(ctx context.Context) (map[string]int64, error)
}

// UploadSweeper deletes uploaded files that nothing needs.
type UploadSweeper interface {
	Sweep(ctx context.Context) (files int, err error)
}

// Cleanup deletes what is kept no longer.
type Cleanup struct {
	Store   CleanupStore
	Uploads UploadSweeper
}

// CleanRowsResult counts what went.
type CleanRowsResult struct {
	Rows map[string]int64 `json:"rows"`
}

// CleanRows cleans the database: expired sign-ins and tickets, old events,
// decided suggestions, plans that were never applied, removed tables, uploads
// that nothing uses.
func (c *Cleanup) CleanRows(ctx context.Context) (CleanRowsResult, error) {
	life := beat(ctx, nil)
	defer life.end()
	working, stop := untilStopping(ctx)
	defer stop()
	rows, err := c.Store.CleanUp(working)
	return CleanRowsResult{Rows: rows}, err
}

// SweepUploadsResult counts the files that went.
type SweepUploadsResult struct {
	Files int `json:"files"`
}

// SweepUploads deletes uploaded files without a row: what an upload broken off,
// or a delete broken off, left behind.
func (c *Cleanup) SweepUploads(ctx context.Context) (SweepUploadsResult, error) {
	life := beat(ctx, nil)
	defer life.end()
	working, stop := untilStopping(ctx)
	defer stop()
	files, err := c.Uploads.Sweep(working)
	return SweepUploadsResult{Files: files}, err
}
