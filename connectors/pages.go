package connectors

import (
	"context"
	"errors"
	"io"
	"sync"
)

// Numbered says how to read pages that have numbers, side by side.
type Numbered struct {
	First int // number of the page to begin with
	Width int // pages side by side: Limits.PagesAhead
	// Budget bounds the bytes of pages read and not yet taken; one page is read
	// whatever it weighs.
	Budget int
	// Fetch reads one page, whose Cursor goes on with the next number. last is
	// the number of the last page as this answer tells it: number itself when it
	// is the last, 0 when there is no telling. It is called from several
	// goroutines.
	Fetch func(ctx context.Context, number int) (page Page, last int, err error)
}

// Parallel gives numbered pages in order while it reads those that follow. The
// first page is read alone: it tells how many there are. A call after an error
// reads the page at fault again, and no other.
func Parallel(ctx context.Context, n Numbered) Pages {
	ctx, cancel := context.WithCancel(ctx)
	p := &parallel{
		Numbered: n, ctx: ctx, cancel: cancel,
		next: n.First, started: n.First, slots: map[int]chan numberedPage{},
	}
	p.start()
	return p
}

type numberedPage struct {
	page Page
	err  error
	last int
}

type parallel struct {
	Numbered
	ctx     context.Context //nolint:containedctx // the life of the goroutines this value owns
	cancel  context.CancelFunc
	reading sync.WaitGroup
	slots   map[int]chan numberedPage
	next    int // number to give next
	started int // number to begin reading next
	last    int // number of the last page, 0 while unknown
	weight  int // of the heaviest page so far
	done    bool
}

// start begins to read the next page.
func (p *parallel) start() {
	number := p.started
	p.started++
	p.read(number)
}

func (p *parallel) read(number int) {
	slot := make(chan numberedPage, 1)
	p.slots[number] = slot
	p.reading.Go(func() {
		page, last, err := p.Fetch(p.ctx, number)
		slot <- numberedPage{page, err, last}
	})
}

// fill reads ahead as far as width, budget and the last page allow.
func (p *parallel) fill() {
	for p.started-p.next < p.Width && (p.last == 0 || p.started <= p.last) {
		ahead := p.started - p.next
		if ahead > 0 && (ahead+1)*p.weight > p.Budget {
			return
		}
		p.start()
	}
}

// Next gives the next page in order.
func (p *parallel) Next(ctx context.Context) (Page, error) {
	if p.done || p.last > 0 && p.next > p.last {
		return Page{}, io.EOF
	}
	slot, ok := p.slots[p.next]
	if !ok {
		if p.next < p.started {
			p.read(p.next) // it failed before
		} else {
			p.start()
		}
		slot = p.slots[p.next]
	}
	var got numberedPage
	select {
	case got = <-slot:
		delete(p.slots, p.next)
	case <-ctx.Done():
		return Page{}, context.Cause(ctx)
	case <-p.ctx.Done():
		return Page{}, context.Canceled
	}
	if got.err != nil {
		p.done = errors.Is(got.err, io.EOF)
		return got.page, got.err
	}
	p.last = got.last
	p.weight = max(p.weight, got.page.Bytes)
	p.next++
	p.fill()
	return got.page, nil
}

// Close ends every read under way and waits for it.
func (p *parallel) Close() error {
	p.cancel()
	p.reading.Wait()
	return nil
}
