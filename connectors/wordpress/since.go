package wordpress

import (
	"context"
	"errors"
	"net/url"
)

// phase is a part of an incremental read.
//
// A row's modified time tells of every change but the first: a new row is given
// its date as modified time, and a post may be written today with the date of
// last year. New rows are therefore read by their ids, which only ever grow.
type phase int

const (
	phaseModified phase = iota // modified since the mark
	phaseNew                   // ids beyond the highest of the last read
	phaseTrash                 // thrown away since the mark: ids alone
)

// enter prepares the listing of a phase.
func (p *pages) enter(to phase) {
	schema, public := p.l.schema, p.l.publishedOnly
	p.l = p.l.c.listing(schema, to == phaseTrash)
	p.l.publishedOnly = public
	bound := p.mark.bound(p.zone)
	switch to {
	case phaseModified:
		p.l.query.Set("modified_after", bound)
	case phaseNew:
	case phaseTrash:
		p.l.query = url.Values{"status": {"trash"}, "modified_after": {bound}}
	}
	p.at.Phase = to
}

// advance goes on to the next phase that has anything to read.
func (p *pages) advance(ctx context.Context) error {
	start, any := 0, true
	if p.at.Phase == phaseModified {
		var err error
		if start, any, err = p.newRows(ctx); err != nil {
			return err
		}
	}
	from := p.at.Phase
	p.restart(func() {
		p.at.Page, p.at.Last, p.at.Total, p.before = 0, 0, -1, nil
		if from == phaseModified && any {
			p.at.Page = start
			if !p.at.Mixed {
				p.at.Last = p.mark.Newest
			}
			p.enter(phaseNew)
			return
		}
		p.enter(phaseTrash)
	})
	return nil
}

// newRows finds the page on which rows begin that are newer than the mark; any
// is false when there are none. Where the site does not say how many rows there
// are, or orders them its own way, the whole table is read.
func (p *pages) newRows(ctx context.Context) (page int, any bool, err error) {
	l := p.l.c.listing(p.l.schema, true)
	l.publishedOnly = p.l.publishedOnly
	l.query.Set("order", "desc")
	last, err := l.get(ctx, 0, 1)
	if errors.Is(err, errPublishedOnly) {
		l.publishedOnly = true
		last, err = l.get(ctx, 0, 1)
	}
	if err != nil {
		return 0, false, err
	}
	if len(last.rows) == 0 || last.rows[0].id <= p.mark.Newest && !p.at.Mixed {
		return 0, false, nil
	}
	if last.total < 0 || p.at.Mixed {
		return 0, true, nil
	}
	l.query.Set("order", "asc")
	for page, back := p.lastPage(last, 0)-1, 1; ; page, back = max(0, page-back), 2*back {
		ch, err := l.get(ctx, page*p.step(), pageSize)
		if err != nil {
			return 0, false, err
		}
		if page == 0 || len(ch.rows) > 0 && ch.rows[0].id <= p.mark.Newest {
			return page, true, nil
		}
	}
}
