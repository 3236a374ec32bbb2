package postgres_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/conformance"
	"github.com/scratch-platform/scratch/models"
)

// failing reads a table and gives the error it must end with.
func failing(t *testing.T, d *database, schema connectors.Schema) *connectors.Error {
	t.Helper()
	pages, err := d.open().ReadAll(t.Context(), connectors.ReadRequest{Schema: schema, Budget: 8 << 20})
	if err == nil {
		defer func() { require.NoError(t, pages.Close()) }()
		for err == nil {
			_, err = pages.Next(t.Context())
		}
	}
	require.NotErrorIs(t, err, io.EOF, "the table counts as read")
	e, ok := connectors.AsError(err)
	require.True(t, ok, "%v", err)
	return e
}

// Names are whatever a database takes: quotes, dots, spaces, emoji, SQL.
func TestNamesAreOnlyNames(t *testing.T) {
	d := newDatabase(t)
	const schemaName, tableName, keyName, textName = `we"ird.schema 🐘`, `ta"b.le'; DROP TABLE x; --`, `the "key".1 🐘`, `a"b\c'd.é`
	full := pgx.Identifier{schemaName, tableName}.Sanitize()
	role := pgx.Identifier{d.role}.Sanitize()
	key, column := pgx.Identifier{keyName}.Sanitize(), pgx.Identifier{textName}.Sanitize()
	d.exec(`CREATE SCHEMA ` + pgx.Identifier{schemaName}.Sanitize())
	d.exec(fmt.Sprintf(`CREATE TABLE %s (%s text, n int, %s text, PRIMARY KEY (%s, n))`, full, key, column, key))
	d.exec(fmt.Sprintf(`INSERT INTO %s VALUES ('a"b,[]', 1, 'x'), (E'ü\n🐘', 2, NULL), ('', 3, '')`, full))
	d.exec(`GRANT USAGE ON SCHEMA ` + pgx.Identifier{schemaName}.Sanitize() + ` TO ` + role)
	d.grant(full)
	c := d.open()
	tables, err := c.ListTables(t.Context())
	require.NoError(t, err)
	require.Len(t, tables, 1)
	require.Equal(t, tableName, tables[0].Name)
	require.Equal(t, schemaName, tables[0].Group)
	schema := describe(t, c, tables[0].RemoteID, "")
	records, _ := readWhole(t, c, schema)
	require.Len(t, records, 3)
	var ids []string
	for _, r := range records {
		ids = append(ids, r.RemoteID)
	}
	require.ElementsMatch(t, []string{`["a\"b,[]","1"]`, `["ü\n🐘","2"]`, `["","3"]`}, ids)
	found, err := c.ReadByIDs(t.Context(), schema, append(ids, `["gone","1"]`, `not a key`))
	require.NoError(t, err)
	require.Len(t, found.Found, 3)
	require.Equal(t, []string{`["gone","1"]`}, found.Missing, "of what is no id of the table nothing is concluded")
	results, err := c.Update(t.Context(), schema, []connectors.WriteItem{{Key: "itm_1", RemoteID: `["ü\n🐘","2"]`, Values: models.Fields{textName: text(`y'; --`)}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Applied, results[0].Outcome, "%v", results[0].Err)
	require.Equal(t, `y'; --`, d.value(fmt.Sprintf(`SELECT %s FROM %s WHERE n = 2`, column, full)))
}

// A key may be any text, the empty one and one that looks like an id of ours.
func TestKeysAreAnyText(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE TABLE words (word text PRIMARY KEY, n int)`)
	keys := []string{"", `"`, `""`, `["a","1"]`, `a\b`, "null", " ", "ü🐘"}
	for i, key := range keys {
		d.exec(`INSERT INTO words VALUES ($1, $2)`, key, i)
	}
	d.grant("words")
	c := d.open()
	schema := describe(t, c, "public.words", "")
	records, _ := readWhole(t, c, schema)
	require.Len(t, records, len(keys))
	var ids []string
	var items []connectors.WriteItem
	for _, r := range records {
		require.NotEmpty(t, r.RemoteID)
		require.NotContains(t, ids, r.RemoteID)
		ids = append(ids, r.RemoteID)
		items = append(items, connectors.WriteItem{Key: "itm_" + r.RemoteID, RemoteID: r.RemoteID, Marker: r.Marker, Values: models.Fields{"n": text("100")}})
	}
	found, err := c.ReadByIDs(t.Context(), schema, ids)
	require.NoError(t, err)
	require.Len(t, found.Found, len(keys))
	results, err := c.Update(t.Context(), schema, items)
	require.NoError(t, err)
	for _, r := range results {
		require.Equal(t, connectors.Applied, r.Outcome, "%v", r.Err)
	}
	require.Equal(t, len(keys), d.count(`words WHERE n = 100`))
}

func TestManyColumns(t *testing.T) {
	d := newDatabase(t)
	columns := make([]string, 1500)
	for i := range columns {
		columns[i] = fmt.Sprintf("column_%d text", i)
	}
	d.exec(`CREATE TABLE broad (id int PRIMARY KEY, ` + strings.Join(columns, ", ") + `)`)
	d.exec(`INSERT INTO broad (id, column_0, column_1499) SELECT n, 'first', 'last' FROM generate_series(1, 20) n`)
	d.exec(`INSERT INTO broad (id, column_7) SELECT 21, string_agg(md5(n::text), '') FROM generate_series(1, 10000) n`) // moved out of its row
	d.grant("broad")
	c := d.open()
	schema := describe(t, c, "public.broad", "")
	require.Len(t, schema.Columns, 1501)
	records, warnings := readWhole(t, c, schema)
	require.Empty(t, warnings)
	require.Len(t, records, 21)
	require.Equal(t, `"last"`, string(models.CellOf(records[4].Fields, "column_1499")))
}

// A row larger than a record is named, and takes nothing else with it.
func TestRowTooLarge(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE TABLE big (id int PRIMARY KEY, body text, data bytea, doc jsonb)`)
	d.exec(`INSERT INTO big VALUES (1, 'small', '', '{}'), (2, repeat('x', 50000000), '', '{}'), (3, 'small', repeat('y', 50000000)::bytea, '{}'),
		(4, 'small', '', jsonb_build_object('t', repeat('z', 50000000))), (5, 'small', '', '{}')`)
	d.grant("big")
	c := d.open()
	schema := describe(t, c, "public.big", "")
	records, warnings := readWhole(t, c, schema)
	require.Len(t, records, 2)
	require.Equal(t, "5", records[1].RemoteID)
	require.Len(t, warnings, 3)
	for i, w := range warnings {
		require.Equal(t, "records.too_large", w.Code)
		require.Contains(t, w.Detail, fmt.Sprintf("Row %d of public.big", i+2))
		require.NotEmpty(t, w.Hint)
	}
	found, err := c.ReadByIDs(t.Context(), schema, []string{"1", "2", "3", "4", "6"})
	require.NoError(t, err)
	require.Len(t, found.Found, 1)
	require.Equal(t, []string{"6"}, found.Missing, "a row that is too large exists (Promise 2)")
}

// Without a key a table is read-only, its rows are told by what they hold, and
// equal rows are as many as there are.
func TestTableWithoutKey(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE TABLE loose (a int, b json, t text)`)
	d.exec(`INSERT INTO loose SELECT n / 2, '{"n": 1}', 'x' FROM generate_series(0, 4999) n`)
	d.exec(`CREATE VIEW doubled AS SELECT a * 2 AS a, t FROM loose WHERE a < 100`)
	d.grant("loose")
	d.grant("doubled")
	c := d.open()
	for table, rows := range map[string]int{"public.loose": 5000, "public.doubled": 200} {
		schema := describe(t, c, table, "")
		require.True(t, schema.ReadOnly)
		require.Contains(t, schema.Why, "choose identity columns")
		pages, err := c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema, Budget: 8 << 20})
		require.NoError(t, err)
		seen := map[string]bool{}
		var cursors [][]byte
		for {
			page, err := pages.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			for _, r := range page.Records {
				require.False(t, seen[r.RemoteID], "two rows have one id")
				seen[r.RemoteID] = true
			}
			cursors = append(cursors, page.Cursor)
		}
		require.NoError(t, pages.Close())
		require.Len(t, seen, rows)
		again, err := c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema, Budget: 8 << 20, Cursor: cursors[0]})
		require.NoError(t, err)
		rest := 0
		for {
			page, err := again.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			for _, r := range page.Records {
				require.True(t, seen[r.RemoteID], "another snapshot gives other ids to the same rows")
			}
			rest += len(page.Records)
		}
		require.NoError(t, again.Close())
		require.Equal(t, rows-min(rows, 1000), rest)
		var some []string
		for id := range seen {
			if some = append(some, id); len(some) == 3 {
				break
			}
		}
		found, err := c.ReadByIDs(t.Context(), schema, append(some, strings.Repeat("0", 32)))
		require.NoError(t, err)
		require.Equal(t, []string{strings.Repeat("0", 32)}, found.Missing)
	}
	_, err := c.Update(t.Context(), describe(t, c, "public.loose", ""), []connectors.WriteItem{{Key: "itm_1", RemoteID: "x", Values: models.Fields{"t": text("y")}}})
	e, _ := connectors.AsError(err)
	require.Equal(t, connectors.KindPermission, e.Kind)
}

func TestChosenIdentity(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE TABLE loose (a int, b text, t text)`)
	d.exec(`INSERT INTO loose VALUES (1, 'x', 'one'), (1, 'y', 'two'), (2, 'x', 'three')`)
	d.exec(`CREATE VIEW seen AS SELECT a, b, t FROM loose`)
	d.grant("loose")
	d.grant("seen")
	c := d.open()
	for _, table := range []string{"public.loose", "public.seen"} {
		schema := describe(t, c, table, `{"identity":["a","b"]}`)
		require.False(t, schema.ReadOnly, schema.Why)
		records, _ := readWhole(t, c, schema)
		require.Len(t, records, 3)
		items := []connectors.WriteItem{
			{Key: "itm_1", Values: models.Fields{"a": text("9"), "b": text(table), "t": text("new")}},
			{Key: "itm_2", Values: models.Fields{"a": text("1"), "b": text("x"), "t": text("again")}},
			{Key: "itm_3", Values: models.Fields{"b": text("x")}},
		}
		markers, err := c.Prepare(t.Context(), schema, items)
		require.NoError(t, err)
		for i := range items {
			items[i].Marker = markers[items[i].Key]
		}
		results, err := c.Create(t.Context(), schema, items)
		require.NoError(t, err)
		require.Equal(t, connectors.Applied, results[0].Outcome, "%v", results[0].Err)
		require.Equal(t, connectors.Failed, results[1].Outcome, "an identity that is taken made a second row")
		require.Equal(t, connectors.Failed, results[2].Outcome, "a row without an identity was made")
		require.Equal(t, "a", results[2].Err.Column)
		deleted, err := c.Delete(t.Context(), schema, []connectors.WriteItem{{Key: "itm_4", RemoteID: results[0].RemoteID, Marker: results[0].Stored.Marker}})
		require.NoError(t, err)
		require.Equal(t, connectors.Applied, deleted[0].Outcome, "%v", deleted[0].Err)
		require.Equal(t, 3, d.count("loose"))
	}
	e := failing(t, d, describe(t, c, "public.loose", `{"identity":["a"]}`))
	require.Equal(t, "identity_duplicate", e.Code)
	results, err := c.Update(t.Context(), describe(t, c, "public.loose", `{"identity":["a"]}`), []connectors.WriteItem{{Key: "itm_5", RemoteID: "1", Values: models.Fields{"t": text("both")}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Failed, results[0].Outcome)
	require.Equal(t, 0, d.count("loose WHERE t = 'both'"), "two rows were written for one")
	d.exec(`INSERT INTO loose VALUES (NULL, 'x', 'none')`)
	require.Equal(t, "identity_empty", failing(t, d, describe(t, c, "public.loose", `{"identity":["a","b"]}`)).Code)
	for _, settings := range []string{`{"identity":["none"]}`, `{"changed_column":"t"}`, `{"other":1}`} {
		_, err := c.Outline(t.Context(), "public.loose", json.RawMessage(settings))
		e, _ := connectors.AsError(err)
		require.NotNil(t, e, settings)
		require.Equal(t, "settings_invalid", e.Code, settings)
	}
}

// What the owner of a database does between or during downloads.
func TestTableIsAltered(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE TABLE things (id int PRIMARY KEY, n int, name text); INSERT INTO things SELECT g, g, 'x' FROM generate_series(1, 2500) g`)
	d.exec(`CREATE VIEW broken AS SELECT id, 1 / (id - 1500) AS n FROM things; CREATE TABLE hidden (id int PRIMARY KEY)`)
	d.grant("things")
	d.grant("broken")
	c := d.open()
	schema := describe(t, c, "public.things", "")
	view := failing(t, d, describe(t, c, "public.broken", `{"identity":["id"]}`))
	require.Equal(t, "22012", view.Code)
	require.Equal(t, connectors.KindInvalid, view.Kind)
	require.NotEmpty(t, view.Words)
	_, err := c.Describe(t.Context(), "public.hidden", nil)
	e, _ := connectors.AsError(err)
	require.Equal(t, connectors.KindPermission, e.Kind)
	require.Contains(t, e.Hint, "GRANT SELECT")

	pages, err := c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema, Budget: 1})
	require.NoError(t, err)
	page, err := pages.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, pages.Close())
	d.exec(`ALTER TABLE things ALTER COLUMN n TYPE text USING 'n' || n`)
	goOn, err := c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema, Budget: 1, Cursor: page.Cursor})
	require.NoError(t, err)
	_, err = goOn.Next(t.Context())
	require.ErrorIs(t, err, connectors.ErrCursorExpired, "the rest has another type than the beginning")
	require.NoError(t, goOn.Close())
	records, _ := readWhole(t, c, schema)
	require.Equal(t, `"n1"`, string(models.CellOf(records[0].Fields, "n")))

	d.exec(`ALTER TABLE things DROP COLUMN name`)
	gone := failing(t, d, schema)
	require.Equal(t, "name", gone.Column)
	require.False(t, gone.Retryable())
	d.exec(`DROP TABLE things CASCADE`)
	require.Equal(t, connectors.KindNotFound, failing(t, d, schema).Kind)
}

// A server that goes away in the middle is read on from the last page, and the
// reading says that it spans two snapshots.
func TestReadingSpansTwoSnapshots(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE TABLE things (id int PRIMARY KEY, name text); INSERT INTO things SELECT g, 'x' FROM generate_series(1, 4000) g`)
	d.grant("things")
	c := d.open()
	schema := describe(t, c, "public.things", "")
	d.proxy.arm(conformance.FaultSecondPage, nil)
	pages, err := c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema, Budget: 8 << 20})
	require.NoError(t, err)
	defer func() { require.NoError(t, pages.Close()) }()
	seen, failures := map[string]bool{}, 0
	var warnings []models.Problem
	for {
		page, err := pages.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			e, _ := connectors.AsError(err)
			require.True(t, e.Retryable(), "%v", err)
			failures++
			continue
		}
		warnings = append(warnings, page.Warnings...)
		for _, r := range page.Records {
			seen[r.RemoteID] = true
		}
	}
	require.Equal(t, 1, failures)
	require.Len(t, seen, 4000)
	require.Len(t, warnings, 1)
	require.Equal(t, "download.two_snapshots", warnings[0].Code)
}
