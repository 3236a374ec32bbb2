package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// captured makes functions, operators and types of the server's own names in a
// schema that comes first in the role's path, and fit better than the server's
// wherever a name is not whole. Whoever may create something in a schema of that
// path could else have our role carry out what they like.
func captured(d *database) {
	d.exec(`CREATE SCHEMA evil; CREATE FUNCTION evil.seize() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'captured' USING ERRCODE = 'XX999'; END $$`)
	body := `LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'captured' USING ERRCODE = 'XX999'; END $$`
	for _, f := range []string{
		"set_config(text, text, boolean) RETURNS text", "octet_length(text) RETURNS int", "octet_length(varchar) RETURNS int", "octet_length(bytea) RETURNS int",
		"pg_column_size(jsonb) RETURNS int", "pg_column_size(text[]) RETURNS int", `md5(text) RETURNS text`, "nextval(regclass) RETURNS bigint", "gen_random_uuid() RETURNS uuid",
		"now() RETURNS timestamptz", "clock_timestamp() RETURNS timestamptz", "pg_get_serial_sequence(text, text) RETURNS text", "generate_series(int, int) RETURNS SETOF int",
		"pg_advisory_xact_lock(bigint) RETURNS void", "pg_advisory_xact_lock_shared(bigint) RETURNS void", "current_setting(text) RETURNS text",
		"has_table_privilege(oid, text) RETURNS boolean", "format_type(oid, int) RETURNS text", "unnest(int[]) RETURNS SETOF int", "unnest(varchar[]) RETURNS SETOF varchar",
		"make_interval(int, int, int, int, int, int, double precision) RETURNS interval", "pg_is_in_recovery() RETURNS boolean", "row_security_active(oid) RETURNS boolean",
	} {
		d.exec(`CREATE FUNCTION evil.` + f + ` ` + body)
	}
	d.exec(`CREATE AGGREGATE evil.max(timestamptz) (SFUNC = timestamptz_larger, STYPE = timestamptz, INITCOND = '2999-01-01')`)
	for _, of := range []string{"int", "bigint", "text", "varchar", "uuid", "timestamptz", "xid", "bpchar", "\"char\"", "oid", "name"} {
		d.exec(fmt.Sprintf(`CREATE FUNCTION evil.judge(%[1]s, %[1]s) RETURNS boolean %[2]s`, of, body))
		for _, name := range []string{"=", "<>", ">", ">=", "<", "<="} {
			d.exec(fmt.Sprintf(`CREATE OPERATOR evil.%[1]s (LEFTARG = %[2]s, RIGHTARG = %[2]s, FUNCTION = evil.judge)`, name, of))
		}
	}
	d.exec(`CREATE FUNCTION evil.less(timestamptz, interval) RETURNS timestamptz ` + body + `; CREATE OPERATOR evil.- (LEFTARG = timestamptz, RIGHTARG = interval, FUNCTION = evil.less)`)
	for _, name := range []string{"text", "int4", "int8", "uuid", "date", "xid", "regclass", "timestamptz"} {
		d.exec(`CREATE DOMAIN evil.` + pgx.Identifier{name}.Sanitize() + ` AS pg_catalog.bool`)
	}
	role := pgx.Identifier{d.role}.Sanitize()
	d.exec(`GRANT USAGE ON SCHEMA evil TO ` + role + `; ALTER ROLE ` + role + ` SET search_path = evil, public, pg_catalog`)
}

// Breaks when anything that is sent means what somebody put into the search path.
func TestNamesMeanTheServersOwn(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v varchar(20), doc jsonb, words text[], at timestamptz);
		CREATE TABLE serial (id bigserial PRIMARY KEY, v varchar, doc jsonb, words text[], at timestamptz);
		CREATE TABLE uuids (id uuid DEFAULT gen_random_uuid() PRIMARY KEY, v varchar, doc jsonb, words text[], at timestamptz);
		CREATE TABLE pairs (a varchar(10), b int, v text, doc jsonb, words text[], at timestamptz, PRIMARY KEY (a, b));
		CREATE TABLE loose (a varchar(10), v text, doc jsonb, words text[], at timestamptz);
		INSERT INTO numbered (v, doc, words, at) SELECT 'x' || n, '{}', '{a}', now() FROM generate_series(1, 1500) n;
		ALTER TABLE numbered ALTER v TYPE varchar;
		INSERT INTO numbered (v) SELECT string_agg(md5(n::text), '') FROM generate_series(1, 9000) n;
		INSERT INTO serial (v, doc, words, at) SELECT 'x' || n, '{}', '{a}', now() FROM generate_series(1, 1500) n;
		INSERT INTO uuids (v, doc, words, at) SELECT 'x' || n, '{}', '{a}', now() FROM generate_series(1, 1500) n;
		INSERT INTO pairs SELECT 'k' || n, n, 'x', '{}', '{a}', now() FROM generate_series(1, 1500) n;
		INSERT INTO loose SELECT 'k' || n, 'x', '{}', '{a}', now() FROM generate_series(1, 1500) n`)
	role := pgx.Identifier{d.role}.Sanitize()
	d.exec(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ` + role + `; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ` + role)
	captured(d)
	c := d.open()
	account, err := c.Validate(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, account.Name)
	tables, err := c.ListTables(t.Context())
	require.NoError(t, err)
	require.Len(t, tables, 5)
	for _, table := range tables {
		t.Run(table.RemoteID, func(t *testing.T) {
			schema := describe(t, c, table.RemoteID, `{"changed_column":"at"}`)
			pages, err := c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema})
			require.NoError(t, err)
			page, err := pages.Next(t.Context())
			require.NoError(t, err)
			require.NoError(t, pages.Close())
			again, err := c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema, Cursor: page.Cursor})
			require.NoError(t, err)
			rest, err := again.Next(t.Context())
			require.NoError(t, err)
			require.NoError(t, again.Close())
			require.NotEmpty(t, rest.Records)
			require.NotContains(t, string(page.Watermark), "2999", "another max than the server's was asked")
			since, err := c.ReadSince(t.Context(), connectors.ReadRequest{Schema: schema, Since: page.Watermark})
			require.NoError(t, err)
			_, err = since.Next(t.Context())
			require.NoError(t, err)
			require.NoError(t, since.Close())
			found, err := c.ReadByIDs(t.Context(), schema, []string{page.Records[0].RemoteID, rest.Records[0].RemoteID})
			require.NoError(t, err)
			require.Len(t, found.Found, 2)
			if schema.ReadOnly {
				return
			}
			values := models.Fields{"v": text("new")}
			if table.RemoteID == "public.pairs" {
				values["a"], values["b"] = text("new"), text("7")
			}
			items, results := createAll(t, c, schema, values)
			require.Equal(t, connectors.Applied, results[0].Outcome, "%v", results[0].Err)
			made, err := c.FindCreated(t.Context(), schema, []connectors.FindItem{{Key: "itm_0", Values: items[0].Values, After: time.Now(), Marker: items[0].Marker}})
			require.NoError(t, err)
			require.Len(t, made[0].Candidates, 1)
			at := connectors.WriteItem{Key: "itm_u", RemoteID: results[0].RemoteID, Marker: made[0].Candidates[0].Marker, Values: models.Fields{"v": text("changed")}}
			changed, err := c.Update(t.Context(), schema, []connectors.WriteItem{at})
			require.NoError(t, err)
			require.Equal(t, connectors.Applied, changed[0].Outcome, "%v", changed[0].Err)
			at.Values, at.Marker = nil, changed[0].Stored.Marker
			deleted, err := c.Delete(t.Context(), schema, []connectors.WriteItem{at, {Key: "itm_n", RemoteID: results[0].RemoteID}})
			require.NoError(t, err)
			require.Equal(t, connectors.Applied, deleted[0].Outcome, "%v", deleted[0].Err)
		})
	}
}
