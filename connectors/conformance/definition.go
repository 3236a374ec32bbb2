package conformance

import (
	"encoding/json"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

var definitionTests = map[string]func(*check){
	"the registry's words are there": func(c *check) {
		d := c.Definition
		require.NotEmpty(c, d.Service)
		require.NotEmpty(c, d.Title)
		require.NotEmpty(c, d.About)
		require.Equal(c, d.Service, c.connector.Service(), "the connector has another name than its definition")
		require.True(c, json.Valid(d.Credential), "the credential's schema is not JSON")
		if d.Settings != nil {
			require.True(c, json.Valid(d.Settings), "the settings' schema is not JSON")
		}
		require.NotNil(c, d.Open, "the definition cannot open a connector")
	},
	"capabilities are those of the interfaces": func(c *check) {
		require.Equal(c, connectors.CapabilitiesOf(c.connector), c.Definition.Capabilities)
		can := c.Definition.Capabilities
		require.True(c, can.ListTables && can.Describe && can.ReadAll, "a connector lists, describes and reads")
		writes := can.Create || can.Update || can.Delete
		require.False(c, writes && !can.ReadByIDs, "what writes reads by id: before a write, and to see what was stored (Promise 4)")
		require.False(c, can.Create && !can.FindCreated, "what creates finds what a lost answer made (Promise 5)")
	},
	"limits are stated": func(c *check) {
		l, can := c.Definition.Limits, c.Definition.Capabilities
		require.Positive(c, l.RequestTimeout, "a request may take for ever")
		require.Positive(c, l.PageSize)
		require.Positive(c, l.PagesAhead)
		require.Equal(c, can.ReadByIDs, l.ReadByIDs > 0, "ids per call")
		require.Equal(c, can.Create, l.CreateBatch > 0, "records per create")
		require.Equal(c, can.Update, l.UpdateBatch > 0, "records per update")
		require.Equal(c, can.Delete, l.DeleteBatch > 0, "records per delete")
	},
	"limits of one's own only lower them": func(c *check) {
		var form struct {
			Properties map[string]struct {
				WriteOnly        bool
				Minimum, Maximum float64
			}
		}
		require.NoError(c, json.Unmarshal(c.Definition.Credential, &form))
		l := c.Definition.Limits
		for name, most := range map[string]float64{"requests_at_once": float64(l.InFlight), "requests_per_second": l.RequestsPerSecond} {
			own, has := form.Properties[name]
			if !has {
				continue
			}
			require.False(c, own.WriteOnly, "%s is no secret: a person sees it", name)
			require.Positive(c, own.Minimum, "%s could stop everything", name)
			require.True(c, most == 0 && own.Maximum > 0 || own.Maximum == most, "%s may be up to %g where the connector permits %g", name, own.Maximum, most)
		}
	},
}

var describeTests = map[string]func(*check){
	"the credential is checked in named steps": func(c *check) {
		validator, ok := capability[connectors.Validator](c)
		if !ok {
			return
		}
		account, err := validator.Validate(c.ctx)
		c.met(err)
		require.NoError(c, err)
		require.NotEmpty(c, account.Name, "whose account it is")
		require.NotEmpty(c, account.Steps, "what was checked")
	},
	"the table is listed": func(c *check) {
		lister, ok := capability[connectors.TableLister](c)
		if !ok {
			return
		}
		tables, err := lister.ListTables(c.ctx)
		c.met(err)
		require.NoError(c, err)
		seen := map[string]bool{}
		for _, table := range tables {
			require.False(c, seen[table.RemoteID], "table %q is listed twice", table.RemoteID)
			require.NotEmpty(c, table.Name)
			require.True(c, !table.ReadOnly || table.Why != "", "table %q is read-only without a reason", table.RemoteID)
			seen[table.RemoteID] = true
		}
		require.True(c, seen[c.Table], "the table is not listed")
	},
	"columns are whole": func(c *check) {
		schema := c.schema()
		require.Equal(c, c.Table, schema.RemoteID)
		require.NotEmpty(c, schema.Name)
		require.NotEmpty(c, schema.Columns)
		seen := map[string]bool{}
		for i, column := range schema.Columns {
			require.NotEmpty(c, column.ID)
			require.False(c, seen[column.ID], "column id %q stands twice", column.ID)
			seen[column.ID] = true
			require.NotEmpty(c, column.Name, "column %q has no name", column.ID)
			require.Contains(c, columnKinds, column.Kind, "column %q", column.ID)
			require.Contains(c, comparisons, column.Compare, "column %q", column.ID)
			require.Equal(c, i, column.Position, "column %q is out of place", column.ID)
			require.False(c, column.Local || column.Removed, "column %q: these are Scratch's words", column.ID)
		}
		if schema.TitleColumn != "" {
			require.True(c, seen[schema.TitleColumn], "the title column does not exist")
		}
	},
	"describing twice says the same": func(c *check) {
		first := c.schema()
		second := c.schema()
		require.Equal(c, first, second)
	},
	"a table that is not there": func(c *check) {
		if !c.can(HookMissing) {
			return
		}
		describer, _ := c.connector.(connectors.Describer)
		_, err := describer.Describe(c.ctx, "no-such-table", nil)
		_ = c.typed(err, connectors.KindNotFound)
		require.ErrorIs(c, err, connectors.ErrNotFound)
	},
}

var columnKinds = []models.ColumnKind{
	models.ColumnText, models.ColumnLongText, models.ColumnHTML, models.ColumnMarkdown, models.ColumnNumber,
	models.ColumnInteger, models.ColumnBoolean, models.ColumnDate, models.ColumnDateTime, models.ColumnTime,
	models.ColumnSelect, models.ColumnMultiSelect, models.ColumnReference, models.ColumnReferences,
	models.ColumnURL, models.ColumnEmail, models.ColumnAttachment, models.ColumnJSON,
}

var comparisons = []models.Comparison{
	models.CompareExact, models.CompareNumber, models.CompareSet, models.CompareHTML, models.CompareURL,
	models.CompareTrimmed, models.CompareInstant, models.CompareNullEmpty, models.CompareAttachment,
}
