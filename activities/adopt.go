package activities

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// lookForCreated decides about creates whose answer was lost.
//
// Promise 5: a create is adopted only where exactly one record stands at the
// service that could be it, that was made after the intent, that no record here
// had before, and that no other open create could have made as well. It is
// planned again only where the service's settled lookups show none. Everything
// else is left for another look, and in the end for a person.
func (s *resolving) lookForCreated(ctx context.Context, items []models.Item) ([]store.Settlement, error) {
	finder, can := s.remote.connector.(connectors.CreatedFinder)
	if !can {
		settlements := make([]store.Settlement, len(items))
		for i, item := range items {
			settlements[i] = unknown(item, "this service cannot be asked for it.")
		}
		return settlements, nil
	}
	asked := make([]connectors.FindItem, 0, len(items))
	var lost []store.Settlement
	for _, item := range items {
		values, err := s.references.resolve(ctx, s.remote.schema.Columns, item.Values)
		var waits *waitError
		if errors.As(err, &waits) {
			// What was sent is not known any more, so nothing can be held against it.
			lost = append(lost, unknown(item, "the record it refers to ("+waits.reference+") is no longer here."))
			continue
		}
		if err != nil {
			return nil, err
		}
		find := connectors.FindItem{Key: item.ID, Values: values, Marker: item.Marker}
		if item.SentAt != nil {
			find.After, find.Ago = *item.SentAt, s.now().Sub(lastStart(item))
		}
		asked = append(asked, find)
	}
	if len(asked) == 0 {
		return lost, nil
	}
	results, err := finder.FindCreated(ctx, s.remote.schema, asked)
	if err != nil {
		return nil, err
	}
	fresh, doubted, err := s.unknownHere(ctx, items, results)
	if err != nil {
		return nil, err
	}
	open, err := s.db.OpenCreates(ctx, s.remote.table.ID)
	if err != nil {
		return nil, fmt.Errorf("find other open creates of table %s: %w", s.remote.table.ID, err)
	}
	return append(lost, s.decide(items, results, fresh, doubted, open)...), nil
}

// clockDoubt is how far two times that the database stamped may be in the wrong
// order: its server's clock may have been set, or another server have taken its
// place.
const clockDoubt = time.Minute

// unknownHere keeps, per item, the candidates that nothing here knew when the
// item was sent. One that a download brought in since stays a candidate: were
// it left out, the record would be created a second time (Promise 5).
//
// One that came shortly before stays a candidate too, and is doubted: it may be
// what the create made, under a clock that was set back in between, and may as
// well be another's. Neither is it taken for the create's nor is the create sent
// again.
func (s *resolving) unknownHere(ctx context.Context, items []models.Item, results []connectors.FindResult) (fresh map[string][]connectors.Record, doubted map[string]bool, err error) {
	var all []string
	for _, r := range results {
		for _, c := range r.Candidates {
			all = append(all, c.RemoteID)
		}
	}
	var known map[string]time.Time
	if len(all) > 0 {
		if known, err = s.db.KnownRemoteIDs(ctx, s.remote.table.ID, all); err != nil {
			return nil, nil, fmt.Errorf("find records of table %s: %w", s.remote.table.ID, err)
		}
	}
	sent := make(map[string]time.Time, len(items))
	for _, item := range items {
		if item.SentAt != nil {
			sent[item.ID] = *item.SentAt
		}
	}
	fresh, doubted = make(map[string][]connectors.Record, len(results)), map[string]bool{}
	for _, r := range results {
		for _, c := range r.Candidates {
			since, here := known[c.RemoteID]
			switch { // Promise 5: by what was known before, and where that is in doubt not at all
			case !here || since.After(sent[r.Key]):
				fresh[r.Key] = append(fresh[r.Key], c)
			case since.After(sent[r.Key].Add(-clockDoubt)):
				fresh[r.Key], doubted[r.Key] = append(fresh[r.Key], c), true
			}
		}
	}
	return fresh, doubted, nil
}

// decide settles what can be told. fresh are each item's candidates; where one of
// them is doubted, none is adopted unless the service kept our key.
func (s *resolving) decide(items []models.Item, results []connectors.FindResult, fresh map[string][]connectors.Record, doubted map[string]bool, open []models.Item) []store.Settlement {
	byID := make(map[string]models.Item, len(items))
	for _, item := range items {
		byID[item.ID] = item
	}
	claims := map[string]int{} // how many lost creates a candidate could be
	for _, candidates := range fresh {
		for _, c := range candidates {
			claims[c.RemoteID]++
		}
	}
	var settlements []store.Settlement
	for _, r := range results {
		item, asked := byID[r.Key]
		if !asked {
			continue
		}
		candidates := fresh[r.Key]
		// Promise 5: one match, which nothing else could be the making of.
		switch {
		case len(candidates) == 1 && (r.Exact || !doubted[r.Key] && claims[candidates[0].RemoteID] == 1 && !s.twin(item, open)):
			settlements = append(settlements, s.appliedAs(item, candidates[0]))
		case len(candidates) == 0 && r.Settled:
			// None stands that could be it, and the lookups are up to date: it
			// was not made.
			settlements = append(settlements, store.Settlement{ItemID: item.ID, State: models.ItemPlanned})
		case len(candidates) > 0 && r.Settled:
			settlements = append(settlements, unknown(item, severalWhy(candidates, doubted[r.Key])))
		}
	}
	return settlements
}

func severalWhy(candidates []connectors.Record, doubted bool) string {
	switch {
	case len(candidates) == 1 && doubted:
		return "record " + candidates[0].RemoteID + " could be it; it came here at about the time this was sent, so it may have been there before."
	case len(candidates) == 1:
		return "record " + candidates[0].RemoteID + " could be it, and could as well be that of another, equal create."
	}
	return fmt.Sprintf("%d records at the service could be it.", len(candidates))
}

// twin reports whether another open create of the table, of any plan, has the
// same values: a candidate then proves nothing about either.
func (s *resolving) twin(item models.Item, open []models.Item) bool {
	mine := item.Values.Object()
	for _, other := range open {
		if other.ID != item.ID && bytes.Equal(mine, other.Values.Object()) {
			return true
		}
	}
	return false
}
