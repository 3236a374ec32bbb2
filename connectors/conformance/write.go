package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// keyed makes items with keys as plans have them.
func keyed(values ...models.Fields) []connectors.WriteItem {
	items := make([]connectors.WriteItem, len(values))
	for i, v := range values {
		items[i] = connectors.WriteItem{Key: models.NewID(models.PrefixItem), Values: v}
	}
	return items
}

func (c *check) samples(from, n int) []connectors.WriteItem {
	values := make([]models.Fields, n)
	for i := range values {
		values[i] = c.Sample(from + i)
	}
	return keyed(values...)
}

// results requires a result per item, each whole, and gives them by key.
func (c *check) results(items []connectors.WriteItem, results []connectors.WriteResult, err error) map[string]connectors.WriteResult {
	c.Helper()
	c.met(err)
	require.NoError(c, err, "an error says that nothing was sent; what became of an item is said per item")
	byKey := map[string]connectors.WriteResult{}
	for _, r := range results {
		_, twice := byKey[r.Key]
		require.False(c, twice, "two results for one item")
		byKey[r.Key] = r
		if r.Err != nil {
			c.met(r.Err)
			c.whole(r.Err)
		}
		switch r.Outcome {
		case connectors.Applied:
			require.Nil(c, r.Err, "applied, with an error: %v", r.Err)
		case connectors.Failed, connectors.Conflict, connectors.NotSent, connectors.Unknown:
			require.NotNil(c, r.Err, "%s without a reason", r.Outcome)
		default:
			require.Fail(c, "an unknown outcome", "%q", r.Outcome)
		}
		if r.Outcome == connectors.Failed {
			require.NotEqual(c, connectors.KindAmbiguous, r.Err.Kind, "failed says that nothing changed, ambiguous that one cannot know")
		}
	}
	for _, item := range items {
		require.Contains(c, byKey, item.Key, "an item without a result")
	}
	require.Len(c, byKey, len(items), "a result for an item that was not sent")
	return byKey
}

// applied requires every item to be applied.
func (c *check) applied(items []connectors.WriteItem, results []connectors.WriteResult, err error) map[string]connectors.WriteResult {
	c.Helper()
	byKey := c.results(items, results, err)
	for _, r := range byKey {
		require.Equal(c, connectors.Applied, r.Outcome, "%v", r.Err)
	}
	return byKey
}

func (c *check) create(schema connectors.Schema, items []connectors.WriteItem) ([]connectors.WriteResult, error) {
	creator, _ := c.connector.(connectors.Creator)
	return creator.Create(c.ctx, schema, c.prepared(schema, items))
}

// prepared asks for the markers of creates where the connector wants that.
func (c *check) prepared(schema connectors.Schema, items []connectors.WriteItem) []connectors.WriteItem {
	preparer, ok := c.connector.(connectors.Preparer)
	if !ok {
		return items
	}
	markers, err := preparer.Prepare(c.ctx, schema, items)
	require.NoError(c, err)
	for i := range items {
		items[i].Marker = markers[items[i].Key]
	}
	return items
}

func (c *check) readBack(schema connectors.Schema, ids ...string) map[string]connectors.Record {
	c.Helper()
	reader, ok := c.connector.(connectors.IDReader)
	require.True(c, ok, "what writes reads by id")
	return c.found(reader, schema, ids...)
}

var writeTests = map[string]func(*check){
	"a create is read back equal": func(c *check) {
		if _, ok := capability[connectors.Creator](c); !ok {
			return
		}
		schema := c.schema()
		items := c.samples(0, c.Definition.Limits.CreateBatch)
		results, err := c.create(schema, items)
		byKey := c.applied(items, results, err)
		ids := map[string]bool{}
		for _, item := range items {
			r := byKey[item.Key]
			require.NotEmpty(c, r.RemoteID)
			ids[r.RemoteID] = true
			stored := c.readBack(schema, r.RemoteID)[r.RemoteID]
			c.equal(schema, item.Values, stored.Fields, "sent against read back")
			if r.Stored != nil {
				c.equal(schema, item.Values, r.Stored.Fields, "sent against what the answer says is stored")
			}
		}
		require.Len(c, ids, len(items), "two items became one record")
		require.Equal(c, c.records+len(items), c.Service.Count())
		require.Equal(c, len(items), c.Service.Writes(), "records created")
	},
	"a refused item fails alone": func(c *check) {
		_, ok := capability[connectors.Creator](c)
		if !ok || c.Refused == nil {
			return
		}
		schema := c.schema()
		items := c.samples(0, min(4, c.Definition.Limits.CreateBatch)-1)
		items = slices.Insert(items, len(items)/2, keyed(c.Refused)...)
		refused := items[(len(items)-1)/2].Key
		results, err := c.create(schema, items)
		for key, r := range c.results(items, results, err) {
			if key == refused {
				require.Equal(c, connectors.Failed, r.Outcome)
				require.Contains(c, []connectors.Kind{connectors.KindInvalid, connectors.KindTooLarge}, r.Err.Kind)
				require.NotEmpty(c, r.Err.Words+r.Err.Reason+r.Err.Code, "no reason is given")
				continue
			}
			require.Equal(c, connectors.Applied, r.Outcome, "%v", r.Err)
		}
		require.Equal(c, c.records+len(items)-1, c.Service.Count(), "each of the others once (Promise 6)")
	},
	"an update changes the named cells and no others": func(c *check) { c.updateNamedCells() },
	"a cell is cleared": func(c *check) { c.clearCells() },
	"an update of what is gone fails": func(c *check) {
		updater, ok := capability[connectors.Updater](c)
		if !ok || !c.can(HookChange) {
			return
		}
		schema := c.schema()
		order := c.readAll(c.connector, schema, nil, nil).order
		c.Service.Delete(order[0])
		items := keyed(c.Change(0), c.Change(1))[:min(2, c.Definition.Limits.UpdateBatch)]
		for i := range items {
			items[i].RemoteID = order[i]
		}
		results, err := updater.Update(c.ctx, schema, items)
		byKey := c.results(items, results, err)
		gone := byKey[items[0].Key]
		require.Equal(c, connectors.Failed, gone.Outcome)
		require.Equal(c, connectors.KindNotFound, gone.Err.Kind)
		for _, item := range items[1:] {
			require.Equal(c, connectors.Applied, byKey[item.Key].Outcome, "%v", byKey[item.Key].Err)
		}
	},
	"a delete deletes, and deletes again": func(c *check) {
		deleter, ok := capability[connectors.Deleter](c)
		if !ok {
			return
		}
		schema := c.schema()
		order := c.readAll(c.connector, schema, nil, nil).order
		n := min(3, c.Definition.Limits.DeleteBatch)
		items := make([]connectors.WriteItem, n)
		for i := range items {
			items[i] = connectors.WriteItem{Key: models.NewID(models.PrefixItem), RemoteID: order[i]}
		}
		for range 2 {
			results, err := deleter.Delete(c.ctx, schema, items)
			c.applied(items, results, err)
			require.Equal(c, c.records-n, c.Service.Count())
		}
		left := c.readAll(c.connector, schema, nil, nil).records
		for _, item := range items {
			require.NotContains(c, left, item.RemoteID)
		}
	},
	"a rate limit leaves items planned": func(c *check) {
		if _, ok := capability[connectors.Creator](c); !ok || !c.can(FaultRateLimit) {
			return
		}
		schema := c.schema()
		items := c.prepared(schema, c.samples(0, min(2, c.Definition.Limits.CreateBatch)))
		c.Service.Inject(FaultRateLimit)
		c.notSent(items, schema, connectors.KindRateLimited)
	},
	"a refused credential leaves items planned": func(c *check) {
		if _, ok := capability[connectors.Creator](c); !ok || !c.can(FaultUnauthorized) {
			return
		}
		schema := c.schema()
		items := c.prepared(schema, c.samples(0, min(2, c.Definition.Limits.CreateBatch)))
		c.Service.Inject(FaultUnauthorized)
		c.notSent(items, schema, connectors.KindAuth)
	},
	"no items are no request": func(c *check) {
		if _, ok := capability[connectors.Creator](c); !ok {
			return
		}
		results, err := c.create(c.schema(), nil)
		require.NoError(c, err)
		require.Empty(c, results)
		require.Zero(c, c.Service.Writes())
	},
	"what is checked beforehand lets good values pass": func(c *check) {
		checker, ok := capability[connectors.Checker](c)
		if !ok {
			return
		}
		schema := c.schema()
		for _, item := range c.samples(0, 3) {
			require.Empty(c, checker.Check(models.OpCreate, schema, item))
		}
		for _, item := range keyed(c.Change(0), c.Clear) {
			require.Empty(c, checker.Check(models.OpUpdate, schema, item))
		}
	},
}

// notSent requires a create to leave at least its first item planned, with
// nothing written for any item that is said to be not sent.
func (c *check) notSent(items []connectors.WriteItem, schema connectors.Schema, kind connectors.Kind) {
	c.Helper()
	creator, _ := c.connector.(connectors.Creator)
	results, err := creator.Create(c.ctx, schema, items)
	if err != nil {
		_ = c.typed(err, kind)
		require.Zero(c, c.Service.Writes(), "an error says that nothing was written")
		return
	}
	applied := 0
	byKey := c.results(items, results, nil)
	for _, r := range byKey {
		if r.Outcome == connectors.Applied {
			applied++
			continue
		}
		require.Equal(c, connectors.NotSent, r.Outcome, "%v", r.Err)
		require.Equal(c, kind, r.Err.Kind)
	}
	require.Less(c, applied, len(items))
	require.Equal(c, applied, c.Service.Writes(), "an item that was not sent was written")
}

func (c *check) updateNamedCells() {
	updater, ok := capability[connectors.Updater](c)
	if !ok {
		return
	}
	schema := c.schema()
	before := c.readAll(c.connector, schema, nil, nil)
	n := min(3, c.Definition.Limits.UpdateBatch)
	var items []connectors.WriteItem
	for i, id := range before.order[:n] {
		values := c.Change(i)
		require.GreaterOrEqual(c, len(values), 2, "Change names two or more columns")
		items = append(items, connectors.WriteItem{
			Key: models.NewID(models.PrefixItem), RemoteID: id, Values: values, Marker: before.records[id].Marker,
		})
	}
	results, err := updater.Update(c.ctx, schema, items)
	c.applied(items, results, err)
	require.Equal(c, n, c.Service.Writes())
	for _, item := range items {
		after := c.readBack(schema, item.RemoteID)[item.RemoteID]
		c.equal(schema, item.Values, after.Fields, "sent against read back")
		c.unchanged(schema, before.records[item.RemoteID], after, item.Values)
	}
	neighbour := before.order[n]
	c.unchanged(schema, before.records[neighbour], c.readBack(schema, neighbour)[neighbour], nil)
}

// unchanged requires every writable cell not named to be as it was.
func (c *check) unchanged(schema connectors.Schema, before, after connectors.Record, but models.Fields) {
	c.Helper()
	rest := models.CellsOf(before.Fields)
	maps.DeleteFunc(rest, func(name string, _ json.RawMessage) bool { _, named := but[name]; return named })
	for _, column := range schema.Columns {
		if column.ReadOnly {
			delete(rest, column.ID)
		}
	}
	c.equal(schema, rest, after.Fields, "a cell that was not named has changed")
}

func (c *check) clearCells() {
	updater, ok := capability[connectors.Updater](c)
	if !ok {
		return
	}
	schema := c.schema()
	id := c.readAll(c.connector, schema, nil, nil).order[0]
	for _, column := range slices.Sorted(maps.Keys(c.Clear)) {
		before := c.readBack(schema, id)[id]
		items := keyed(models.Fields{column: c.Clear[column]})
		items[0].RemoteID, items[0].Marker = id, before.Marker
		results, err := updater.Update(c.ctx, schema, items)
		c.applied(items, results, err)
		after := c.readBack(schema, id)[id]
		c.equal(schema, items[0].Values, after.Fields, fmt.Sprintf("column %s was not cleared", column))
		c.unchanged(schema, before, after, items[0].Values)
	}
}

// cancelled gives a context that has ended.
func (c *check) cancelled() context.Context {
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	return ctx
}
