package postgres_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/postgres"
	"github.com/scratch-platform/scratch/models"
)

// everyKey is a table by what its rows are told by, and the rows' keys in SQL.
var everyKey = []struct{ name, columns, key, rows string }{
	{"texts", "k text", "k", `(''), (' '), ('a'), ('A'), ('á'), ('ä'), ('b'), ('B'), ('_'), ('-'), ('a b'), ('ab'), ('"'), ('\'), ('null'), ('["a"]'), ('{}'), (E'\n'), (E'\t'), ('%'), (''''), ('$1'), ('🐘'), ('ß'), ('ss'), (E'e\u0301'), (E'\u00e9'), (E'\u200b')`},
	{"bytewise", `k text COLLATE "C"`, "k", `('a'), ('A'), ('ä'), ('B'), ('')`},
	{"short", "k varchar(10)", "k", `('a'), ('A'), ('a '), ('')`},
	{"padded", "k char(3)", "k", `('a'), ('A'), ('ab'), ('')`},
	{"folded", "k citext", "k", `('b'), ('A'), ('c'), ('D'), ('_')`},
	{"folded pair", "k citext, n int", "k, n", `('b', 2), ('B', 1), ('A', 3), ('a', 1), ('c', 0)`},
	{"alike", `k text COLLATE alike`, "k", `('b'), ('A'), ('c'), ('ä')`},
	{"doubles", "k double precision", "k", `('NaN'), ('Infinity'), ('-Infinity'), ('-0'), (0.1), (1e300), (1e-300), (123456789.123)`},
	{"reals", "k real", "k", `('NaN'), (0.1), (1e10), (-3.4e38)`},
	{"numerics", "k numeric", "k", `('NaN'), ('Infinity'), (1.50), (-1), (0), (1e50), (1e-50)`},
	{"booleans", "k boolean", "k", `(true), (false)`},
	{"days", "k date", "k", `('infinity'), ('-infinity'), ('0044-03-15 BC'), ('5874897-12-31'), ('2024-02-29')`},
	{"moments", "k timestamptz", "k", `('infinity'), ('-infinity'), ('4713-01-01 00:00:00+00 BC'), ('294276-12-31 23:59:59.999999+00'), ('2026-01-01 00:00:00.000001+00'), ('0001-12-31 23:00:00+00 BC')`},
	{"clocks", "k time", "k", `('00:00'), ('24:00'), ('12:00:00.000001')`},
	{"intervals", "k interval", "k", `('1 mon'), ('-1 mon -1 day +00:00:01'), ('1 year 00:00:00.000001'), ('0')`},
	{"moods", "k mood", "k", `('sad'), ('happy'), ('ok')`},
	{"uuids", "k uuid", "k", `('00000000-0000-0000-0000-000000000000'), ('ffffffff-ffff-ffff-ffff-ffffffffffff')`},
	{"bytes", "k bytea", "k", `(''), ('\x00'), ('\xff'), ('\x00ff')`},
	{"lists", "k int[]", "k", `('{}'), ('{1,NULL}'), ('{{1,2},{3,4}}'), ('{2}')`},
	{"list and number", "k text[], n int", "k, n", `('{a,"b c",NULL,""}', 1), ('{}', 2), ('{}', 1)`},
	{"ranges", "k int4range", "k", `('empty'), ('[1,2)'), ('(,)'), ('[5,)')`},
	{"addresses", "k inet", "k", `('10.0.0.1'), ('10.0.0.0/8'), ('::1')`},
	{"bits", "k bit varying", "k", `(''), ('0'), ('1'), ('0000000001')`},
	{"names", "k name", "k", `('a'), ('B'), ('')`},
	{"letters", `k "char"`, "k", `('a'), ('B')`},
	{"domains", "k very_positive", "k", `(101), (500)`},
	{
		"ten", "a int, b text, c date, d boolean, e uuid, f numeric(5,2), g timestamptz, h char(2), i bigint, j mood", "a, b, c, d, e, f, g, h, i, j",
		`(1, '', '2026-01-01', true, '00000000-0000-0000-0000-000000000000', 1.5, 'infinity', 'x', 9223372036854775807, 'ok'),
		 (1, '', '2026-01-01', true, '00000000-0000-0000-0000-000000000000', 1.5, 'infinity', 'x', 9223372036854775807, 'sad'),
		 (1, 'B', '2026-01-01', false, '00000000-0000-0000-0000-000000000000', 1.5, '2026-01-01', 'x', -1, 'ok')`,
	},
}

// rowsBehind reads a table behind a place.
func rowsBehind(t *testing.T, c *postgres.Connector, schema connectors.Schema, at []byte) (ids []string, cursor []byte) {
	t.Helper()
	pages, err := c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema, Cursor: at})
	require.NoError(t, err)
	defer func() { require.NoError(t, pages.Close()) }()
	for {
		page, err := pages.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return ids, cursor
		}
		require.NoError(t, err)
		for _, r := range page.Records {
			ids = append(ids, r.RemoteID)
		}
		cursor = page.Cursor
	}
}

// Whatever a key is made of: a reading that was interrupted goes on behind any
// row and misses none, each row is found by its id, and a write meets it alone.
func TestEveryKeyIsAKey(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE EXTENSION citext; CREATE COLLATION alike (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
		CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN very_positive AS positive CHECK (VALUE > 100)`)
	// An extension's operators are found where they are, not where the path leads.
	d.exec(`CREATE SCHEMA own; ALTER EXTENSION citext SET SCHEMA own`)
	for i, one := range everyKey {
		columns := strings.ReplaceAll(one.columns, "citext", "own.citext")
		d.exec(fmt.Sprintf(`CREATE TABLE keyed_%d (%s, t text, PRIMARY KEY (%s))`, i, columns, one.key))
		d.exec(fmt.Sprintf(`INSERT INTO keyed_%d (%s) VALUES %s`, i, one.key, one.rows))
		d.grant(fmt.Sprintf("keyed_%d", i))
	}
	c := d.open()
	for i, one := range everyKey {
		t.Run(one.name, func(t *testing.T) {
			if strings.Contains(one.columns, "citext") {
				d.exec(`GRANT USAGE ON SCHEMA own TO PUBLIC`)
			}
			table := fmt.Sprintf("keyed_%d", i)
			schema := describe(t, c, "public."+table, "")
			require.False(t, schema.ReadOnly, schema.Why)
			all, last := rowsBehind(t, c, schema, nil)
			require.Len(t, all, d.count(table))
			for n, id := range all {
				var place map[string]any
				require.NoError(t, json.Unmarshal(last, &place))
				place["id"] = id
				at, err := json.Marshal(place)
				require.NoError(t, err)
				rest, _ := rowsBehind(t, c, schema, at)
				require.Equal(t, strings.Join(all[n+1:], "\n"), strings.Join(rest, "\n"), "behind %q", id)
			}
			found, err := c.ReadByIDs(t.Context(), schema, all)
			require.NoError(t, err)
			require.Empty(t, found.Missing)
			require.Len(t, found.Found, len(all))
			var items []connectors.WriteItem
			for n, r := range found.Found {
				items = append(items, connectors.WriteItem{Key: fmt.Sprintf("itm_%d", n), RemoteID: r.RemoteID, Marker: r.Marker, Values: models.Fields{"t": text("of " + r.RemoteID)}})
			}
			results, err := c.Update(t.Context(), schema, items)
			require.NoError(t, err)
			for n, r := range results {
				require.Equal(t, connectors.Applied, r.Outcome, "%v", r.Err)
				require.Equal(t, items[n].RemoteID, r.Stored.RemoteID)
			}
			require.Equal(t, fmt.Sprint(len(all)), d.value(`SELECT count(DISTINCT t)::text FROM `+table))
			for n := range items {
				items[n].Marker, items[n].Values = results[n].Stored.Marker, nil
			}
			results, err = c.Delete(t.Context(), schema, items)
			require.NoError(t, err)
			for _, r := range results {
				require.Equal(t, connectors.Applied, r.Outcome, "%v", r.Err)
				require.Empty(t, r.Note)
			}
			require.Zero(t, d.count(table))
		})
	}
}

// What looks like a key and does not tell every row from every other is none.
func TestWhatIsNoKey(t *testing.T) {
	d := newDatabase(t)
	for name, one := range map[string]struct {
		sql string
		key bool
	}{
		"primary_key":   {`CREATE TABLE %s (a int PRIMARY KEY, t text)`, true},
		"unique_key":    {`CREATE TABLE %s (a int NOT NULL UNIQUE, t text)`, true},
		"nullable":      {`CREATE TABLE %s (a int UNIQUE, t text)`, false},
		"half_nullable": {`CREATE TABLE %s (a int NOT NULL, b int, t text, UNIQUE (a, b))`, false},
		"nulls_alike":   {`CREATE TABLE %s (a int, t text, UNIQUE NULLS NOT DISTINCT (a))`, false},
		"partial":       {`CREATE TABLE %[1]s (a int NOT NULL, t text); CREATE UNIQUE INDEX ON %[1]s (a) WHERE a > 0`, false},
		"expression":    {`CREATE TABLE %[1]s (a int NOT NULL, t text NOT NULL); CREATE UNIQUE INDEX ON %[1]s (lower(t))`, false},
		"checked_late":  {`CREATE TABLE %s (a int NOT NULL UNIQUE DEFERRABLE, t text)`, false},
		"included":      {`CREATE TABLE %[1]s (a int NOT NULL, t text); CREATE UNIQUE INDEX ON %[1]s (a) INCLUDE (t)`, true},
		"exclusion":     {`CREATE TABLE %s (a int4range NOT NULL, t text, EXCLUDE USING gist (a WITH &&))`, false},
		"plain_index":   {`CREATE TABLE %[1]s (a int NOT NULL, t text); CREATE INDEX ON %[1]s (a)`, false},
	} {
		t.Run(name, func(t *testing.T) {
			d.exec(fmt.Sprintf(one.sql, name))
			d.grant(name)
			schema := describe(t, d.open(), "public."+name, "")
			require.Equal(t, one.key, !schema.ReadOnly, schema.Why)
			if !one.key {
				require.Contains(t, schema.Why, "choose identity columns")
			}
		})
	}
}
