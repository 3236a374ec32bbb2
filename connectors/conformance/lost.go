package conformance

import (
	"context"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// Promise 5, where it begins: a write whose answer was lost is Unknown, is sent
// once, and can be looked for.
var lostTests = map[string]func(*check){
	"a create whose answer was lost is found": func(c *check) {
		if _, ok := capability[connectors.Creator](c); !ok || !c.can(FaultLost) {
			return
		}
		schema := c.schema()
		known := c.readAll(c.connector, schema, nil, nil).records
		before := time.Now()
		items := c.prepared(schema, c.samples(0, min(3, c.Definition.Limits.CreateBatch)))
		c.Service.Inject(FaultLost)
		byKey := c.createOnce(schema, items)
		made := 0
		for _, item := range items {
			switch r := byKey[item.Key]; r.Outcome {
			case connectors.Applied:
				made++
			case connectors.Unknown:
				candidates := c.unknownTo(known, c.find(schema, before, item).Candidates)
				require.LessOrEqual(c, len(candidates), 1, "one create is found twice")
				for _, candidate := range candidates {
					c.equal(schema, item.Values, candidate.Fields, "a candidate has other values")
					made++
				}
			case connectors.NotSent: // after the one that was lost
			default:
				require.Failf(c, "a lost answer became a certain outcome", "%s: %v", r.Outcome, r.Err)
			}
		}
		require.Equal(c, c.records+made, c.Service.Count(), "what was made was not found, or made again")
		require.Positive(c, made)
	},
	"a create that broke before anything was done is not found": func(c *check) {
		if _, ok := capability[connectors.Creator](c); !ok || !c.can(FaultNothing) {
			return
		}
		schema := c.schema()
		known := c.readAll(c.connector, schema, nil, nil).records
		before := time.Now()
		items := c.prepared(schema, c.samples(0, 1))
		c.Service.Inject(FaultNothing)
		r := c.createOnce(schema, items)[items[0].Key]
		require.Equal(c, connectors.Unknown, r.Outcome, "%v", r.Err)
		require.Equal(c, c.records, c.Service.Count(), "the create was sent again")
		require.Empty(c, c.unknownTo(known, c.find(schema, before, items[0]).Candidates))
	},
	"two identical creates are two candidates": func(c *check) {
		if _, ok := capability[connectors.Creator](c); !ok || !c.can(FaultLost) {
			return
		}
		schema := c.schema()
		known := c.readAll(c.connector, schema, nil, nil).records
		before := time.Now()
		items := c.prepared(schema, keyed(c.Sample(0), c.Sample(0)))
		for i := range items {
			c.Service.Inject(FaultLost)
			r := c.createOnce(schema, items[i:i+1])[items[i].Key]
			require.Equal(c, connectors.Unknown, r.Outcome, "%v", r.Err)
		}
		for _, item := range items {
			found := c.find(schema, before, item)
			want := 2
			if found.Exact {
				want = 1
			}
			require.Len(c, c.unknownTo(known, found.Candidates), want, "which of two equal records it was is for a person to say")
		}
	},
	"what was never created is not found": func(c *check) {
		if _, ok := capability[connectors.CreatedFinder](c); !ok {
			return
		}
		schema := c.schema()
		known := c.readAll(c.connector, schema, nil, nil).records
		item := c.prepared(schema, c.samples(7, 1))[0]
		if c.can(HookChange) {
			c.Service.Insert() // somebody else's, with other values
		}
		require.Empty(c, c.unknownTo(known, c.find(schema, time.Now().Add(-time.Minute), item).Candidates))
	},
	"an update whose answer was lost": func(c *check) {
		updater, ok := capability[connectors.Updater](c)
		if !ok || !c.can(FaultLost) {
			return
		}
		schema := c.schema()
		id := c.readAll(c.connector, schema, nil, nil).order[0]
		items := keyed(c.Change(0))
		items[0].RemoteID = id
		c.Service.Inject(FaultLost)
		results, err := updater.Update(c.ctx, schema, items)
		r := c.results(items, results, err)[items[0].Key]
		require.Equal(c, connectors.Unknown, r.Outcome, "%v", r.Err)
		require.Equal(c, 1, c.Service.Writes(), "the update was sent again")
		c.equal(schema, items[0].Values, c.readBack(schema, id)[id].Fields, "the fake did not apply it")
	},
	"a delete whose answer was lost": func(c *check) {
		deleter, ok := capability[connectors.Deleter](c)
		if !ok || !c.can(FaultLost) {
			return
		}
		schema := c.schema()
		id := c.readAll(c.connector, schema, nil, nil).order[0]
		items := []connectors.WriteItem{{Key: models.NewID(models.PrefixItem), RemoteID: id}}
		c.Service.Inject(FaultLost)
		results, err := deleter.Delete(c.ctx, schema, items)
		r := c.results(items, results, err)[items[0].Key]
		require.Equal(c, connectors.Unknown, r.Outcome, "%v", r.Err)
		require.Equal(c, 1, c.Service.Writes(), "the delete was sent again")
	},
	"a create cut off by a cancel": func(c *check) {
		creator, ok := capability[connectors.Creator](c)
		if !ok || !c.can(FaultHang) {
			return
		}
		schema := c.schema()
		items := c.prepared(schema, c.samples(0, 1))
		c.Service.Inject(FaultHang)
		ctx, cancel := context.WithCancel(c.ctx)
		defer cancel()
		var cancelled time.Time
		var cut sync.WaitGroup
		cut.Go(func() {
			c.hung()
			cancelled = time.Now()
			cancel()
		})
		results, err := creator.Create(ctx, schema, items)
		cut.Wait()
		require.Less(c, time.Since(cancelled), promptly, "the cancel was not heard")
		r := c.results(items, results, err)[items[0].Key]
		require.Equal(c, connectors.Unknown, r.Outcome, "it was on its way: %v", r.Err)
	},
	"nothing is sent once the context has ended": func(c *check) {
		creator, ok := capability[connectors.Creator](c)
		if !ok {
			return
		}
		schema := c.schema()
		items := c.prepared(schema, c.samples(0, 1))
		results, err := creator.Create(c.cancelled(), schema, items)
		if err == nil {
			r := c.results(items, results, nil)[items[0].Key]
			require.Equal(c, connectors.NotSent, r.Outcome, "%v", r.Err)
		}
		c.met(err)
		require.Equal(c, c.records, c.Service.Count())
	},
}

// hung waits until the service holds a request.
func (c *check) hung() {
	if c.Service.Hung != nil {
		c.Service.Hung()
		return
	}
	timer := time.NewTimer(50 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.ctx.Done():
	}
}

// createOnce creates and requires that no item was carried out twice.
func (c *check) createOnce(schema connectors.Schema, items []connectors.WriteItem) map[string]connectors.WriteResult {
	c.Helper()
	before := c.Service.Writes()
	creator, _ := c.connector.(connectors.Creator)
	results, err := creator.Create(c.ctx, schema, items)
	byKey := c.results(items, results, err)
	require.LessOrEqual(c, c.Service.Writes()-before, len(items), "a create was sent again after its answer was lost")
	return byKey
}

// longArrived makes a request of a moment ago count as one whose time is over:
// what was sent in a test has arrived.
const longArrived = time.Minute

// find looks for a lost create until the service's lookups have settled.
func (c *check) find(schema connectors.Schema, after time.Time, item connectors.WriteItem) connectors.FindResult {
	c.Helper()
	finder, ok := c.connector.(connectors.CreatedFinder)
	require.True(c, ok, "what creates finds what a lost answer made")
	ask := []connectors.FindItem{{Key: item.Key, Values: item.Values, After: after, Marker: item.Marker}}
	for {
		ask[0].Ago = time.Since(after) + longArrived
		results, err := finder.FindCreated(c.ctx, schema, ask)
		c.met(err)
		require.NoError(c, err)
		require.Len(c, results, 1)
		require.Equal(c, item.Key, results[0].Key)
		if results[0].Settled || c.ctx.Err() != nil {
			require.True(c, results[0].Settled, "the service's lookups never settled")
			return results[0]
		}
		timer := time.NewTimer(50 * time.Millisecond)
		select {
		case <-timer.C:
		case <-c.ctx.Done():
		}
	}
}

// unknownTo leaves out what was known before, as the caller does.
func (c *check) unknownTo(known map[string]connectors.Record, candidates []connectors.Record) []connectors.Record {
	var fresh []connectors.Record
	for _, candidate := range candidates {
		if _, old := known[candidate.RemoteID]; !old {
			fresh = append(fresh, candidate)
		}
	}
	return fresh
}
