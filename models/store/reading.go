package store

import (
	"context"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// reading keeps what makes reading large tables fast: counts of filters,
// positions by ordinal, and the building of sort indexes. All of it can be
// found again; a process that starts has none.
type reading struct {
	s      *Store
	ctx    context.Context //nolint:containedctx // lives as long as the store is open
	cancel context.CancelFunc
	work   sync.WaitGroup

	// queryTime and largeTable are the constants, but in tests.
	queryTime  time.Duration
	largeTable int64

	mu        sync.Mutex
	counts    *lru.Cache[uint64, *filterCount]
	positions *lru.Cache[uint64, *positions]
	sorts     map[string]*sortState // by table and column
}

// Bounds of what is kept.
const (
	keptCounts    = 128 // of at most 10,000 ids each
	keptPositions = 32  // of at most maxAnchors each
	// workTime bounds work beside an answer: a count, a pass over positions.
	workTime = 60 * time.Second
)

func newReading(s *Store) *reading {
	r := &reading{s: s, sorts: map[string]*sortState{}, queryTime: queryTime, largeTable: largeTable}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.counts, _ = lru.New[uint64, *filterCount](keptCounts) // fails for a size below one only
	r.positions, _ = lru.New[uint64, *positions](keptPositions)
	return r
}

// stop ends all work beside answers, and waits for it.
func (r *reading) stop() {
	r.cancel()
	r.work.Wait()
}

// beside runs work that outlives the request that asked for it.
func (r *reading) beside(limit time.Duration, work func(ctx context.Context)) {
	if r.ctx.Err() != nil {
		return
	}
	r.work.Add(1)
	go func() {
		defer r.work.Done()
		ctx, cancel := context.WithTimeout(r.ctx, limit)
		defer cancel()
		work(ctx)
	}()
}
