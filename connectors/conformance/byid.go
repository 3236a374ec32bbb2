package conformance

import (
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

var byIDTests = map[string]func(*check){
	"what exists is found as it was read": func(c *check) {
		reader, ok := capability[connectors.IDReader](c)
		if !ok {
			return
		}
		schema := c.schema()
		whole := c.readAll(c.connector, schema, nil, nil)
		ids := whole.order[:min(len(whole.order), c.Definition.Limits.ReadByIDs)]
		found := c.found(reader, schema, ids...)
		require.Len(c, found, len(ids))
		for id, r := range found {
			c.equal(schema, models.CellsOf(whole.records[id].Fields), r.Fields, "record %s", id)
			require.Equal(c, whole.records[id].Marker, r.Marker, "record %s has another version", id)
		}
	},
	"what is gone is missing, what exists is not": func(c *check) {
		reader, ok := capability[connectors.IDReader](c)
		if !ok || !c.can(HookChange) {
			return
		}
		schema := c.schema()
		whole := c.readAll(c.connector, schema, nil, nil)
		c.Service.Delete(whole.order[1])
		answer, err := reader.ReadByIDs(c.ctx, schema, whole.order[:3])
		c.met(err)
		require.NoError(c, err)
		require.Equal(c, []string{whole.order[1]}, answer.Missing)
		require.Len(c, answer.Found, 2)
	},
	"nothing is concluded from an error": func(c *check) {
		reader, ok := capability[connectors.IDReader](c)
		if !ok || !c.can(FaultUnavailable) {
			return
		}
		schema := c.schema()
		whole := c.readAll(c.connector, schema, nil, nil)
		c.Service.Inject(FaultUnavailable)
		answer, err := reader.ReadByIDs(c.ctx, schema, whole.order[:3])
		require.Empty(c, answer.Missing, "a record counts as gone though the service did not say so (Promise 2)")
		if err != nil {
			_ = c.typed(err, connectors.KindUnavailable, connectors.KindTimeout)
		}
	},
	"no ids are no request and no error": func(c *check) {
		reader, ok := capability[connectors.IDReader](c)
		if !ok {
			return
		}
		answer, err := reader.ReadByIDs(c.ctx, c.schema(), nil)
		require.NoError(c, err)
		require.Empty(c, answer.Found)
		require.Empty(c, answer.Missing)
	},
}

// found reads records that must all exist.
func (c *check) found(reader connectors.IDReader, schema connectors.Schema, ids ...string) map[string]connectors.Record {
	c.Helper()
	answer, err := reader.ReadByIDs(c.ctx, schema, ids)
	c.met(err)
	require.NoError(c, err)
	require.Empty(c, answer.Missing)
	byID := map[string]connectors.Record{}
	for _, r := range answer.Found {
		byID[r.RemoteID] = r
	}
	c.sound(schema, byID)
	for _, id := range ids {
		require.Contains(c, byID, id, "a record that exists was not found")
	}
	return byID
}

// equal holds cells against a record by each column's own comparison.
func (c *check) equal(schema connectors.Schema, want models.Fields, got []byte, format string, args ...any) {
	c.Helper()
	cells := models.CellsOf(got)
	for _, column := range schema.Columns {
		value, named := want[column.ID]
		if !named {
			continue
		}
		if !column.Compare.Equal(value, cells[column.ID]) {
			require.Failf(c, "the values differ", "column %q (%s): want %s, got %s; "+format,
				append([]any{column.ID, column.Compare, value, cells[column.ID]}, args...)...)
		}
	}
}

var sinceTests = map[string]func(*check){
	"what changed since is given": func(c *check) {
		reader, ok := capability[connectors.SinceReader](c)
		if !ok || !c.can(HookChange) {
			return
		}
		schema := c.schema()
		whole := c.readAll(c.connector, schema, nil, nil)
		c.Service.Touch(whole.order[0])
		c.Service.Touch(whole.order[c.PageSize+1])
		fresh := c.Service.Insert()
		got := c.since(reader, schema, whole.watermark)
		for _, id := range []string{whole.order[0], whole.order[c.PageSize+1], fresh} {
			require.Contains(c, got.records, id, "a change was missed")
		}
		require.NotNil(c, got.watermark)
		again := c.since(reader, schema, got.watermark)
		require.NotNil(c, again.watermark, "an incremental reading without changes leaves no place to go on from")
		c.Service.Touch(whole.order[2])
		require.Contains(c, c.since(reader, schema, again.watermark).records, whole.order[2], "a change after two readings was missed")
	},
	"what is told as deleted is gone": func(c *check) {
		reader, ok := capability[connectors.SinceReader](c)
		if !ok || !c.can(HookChange) {
			return
		}
		schema := c.schema()
		whole := c.readAll(c.connector, schema, nil, nil)
		c.Service.Delete(whole.order[0])
		for _, id := range c.since(reader, schema, whole.watermark).deleted {
			require.Equal(c, whole.order[0], id, "a record that exists was told as deleted")
		}
	},
}

func (c *check) since(reader connectors.SinceReader, schema connectors.Schema, watermark []byte) reading {
	c.Helper()
	require.NotNil(c, watermark)
	pages, err := reader.ReadSince(c.ctx, connectors.ReadRequest{Schema: schema, Since: watermark, Budget: budget})
	c.met(err)
	require.NoError(c, err)
	got := c.enumerate(pages, nil)
	c.sound(schema, got.records)
	return got
}
