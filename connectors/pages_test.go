package connectors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func drain(t *testing.T, pages Pages, retries int) []string {
	t.Helper()
	var all []string
	for {
		page, err := pages.Next(t.Context())
		if errors.Is(err, io.EOF) {
			_, err = pages.Next(t.Context())
			require.ErrorIs(t, err, io.EOF, "the end did not last")
			return all
		}
		if err != nil {
			require.Positive(t, retries, "%v", err)
			retries--
			continue
		}
		all = append(all, string(page.Cursor))
	}
}

func numbers(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(i + 1)
	}
	return all
}

// numbered serves pages side by side and records how many at once.
type numbered struct {
	pages   int
	mu      sync.Mutex
	now     int
	most    int
	fetches map[int]int
	errs    map[int]error
	silent  bool // does not say how many pages there are
}

func (n *numbered) fetch(_ context.Context, number int) (Page, int, error) {
	n.mu.Lock()
	n.now++
	n.most = max(n.most, n.now)
	if n.fetches == nil {
		n.fetches = map[int]int{}
	}
	n.fetches[number]++
	err := n.errs[number]
	delete(n.errs, number)
	n.mu.Unlock()
	defer func() { n.mu.Lock(); n.now--; n.mu.Unlock() }()
	switch {
	case err != nil:
		return Page{}, 0, err
	case number > n.pages:
		return Page{}, 0, io.EOF
	case n.silent && number < n.pages:
		return Page{Cursor: fmt.Append(nil, number), Bytes: 10}, 0, nil
	default:
		return Page{Cursor: fmt.Append(nil, number), Bytes: 10}, n.pages, nil
	}
}

func TestParallelGivesEveryPageOnceInOrder(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, silent := range []bool{false, true} {
		for _, count := range []int{0, 1, 2, 33} {
			n := &numbered{pages: count, silent: silent, errs: map[int]error{1: errors.New("first"), 9: errors.New("ninth")}}
			pages := Parallel(t.Context(), Numbered{First: 1, Width: 4, Budget: 1000, Fetch: n.fetch})
			require.Equal(t, numbers(count), append([]string{}, drain(t, pages, 2)...))
			require.NoError(t, pages.Close())
			require.LessOrEqual(t, n.most, 4)
			for number, times := range n.fetches {
				most := 1
				if number == 1 || number == 9 {
					most = 2
				}
				require.LessOrEqual(t, times, most, "page %d was read again", number)
				if !silent {
					require.LessOrEqual(t, number, max(count, 1), "a page beyond the end was asked for")
				}
			}
		}
	}
}

func TestParallelReadsSideBySideWithinItsBudget(t *testing.T) {
	defer goleak.VerifyNone(t)
	for budget, most := range map[int]int32{1000: 4, 25: 2, 0: 1} {
		var waiting atomic.Int32
		arrived := make(chan struct{}, 100)
		release := make(chan struct{})
		pages := Parallel(t.Context(), Numbered{First: 1, Width: 4, Budget: budget, Fetch: func(ctx context.Context, number int) (Page, int, error) {
			if number == 1 {
				return Page{Bytes: 10}, 100, nil
			}
			waiting.Add(1)
			arrived <- struct{}{}
			select {
			case <-release:
				return Page{Bytes: 10}, 100, nil
			case <-ctx.Done():
				return Page{}, 0, ctx.Err()
			}
		}})
		_, err := pages.Next(t.Context())
		require.NoError(t, err)
		for range most {
			<-arrived
		}
		require.Equal(t, most, waiting.Load())
		close(release)
		require.NoError(t, pages.Close())
	}
}
