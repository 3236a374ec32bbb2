package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// What a policy hides is not gone (Promise 2), nor was it deleted by us or not
// made (Promise 5).
func TestWhatRowSecurityHides(t *testing.T) {
	d := newDatabase(t)
	role := pgx.Identifier{d.role}.Sanitize()
	d.exec(`CREATE TABLE things (id int PRIMARY KEY, team text, t text); INSERT INTO things SELECT n, CASE WHEN n < 4 THEN 'ours' ELSE 'theirs' END, 'x' FROM generate_series(1, 6) n;
		ALTER TABLE things ENABLE ROW LEVEL SECURITY; CREATE POLICY ours ON things USING (team = 'ours')`)
	d.grant("things")
	c := d.open()
	schema := describe(t, c, "public.things", "")
	records, warnings := readWhole(t, c, schema)
	require.Len(t, records, 3)
	require.Len(t, warnings, 1, "nobody is told that deletions are not followed")
	require.Equal(t, "download.rows_hidden", warnings[0].Code)
	d.exec(`UPDATE things SET team = 'theirs' WHERE id = 2`) // it vanishes
	found, err := c.ReadByIDs(t.Context(), schema, []string{"1", "2", "3", "99"})
	require.NoError(t, err)
	require.Len(t, found.Found, 2)
	require.Empty(t, found.Missing, "a row that is hidden counts as deleted")
	items := []connectors.WriteItem{{Key: "itm_1", RemoteID: "2", Marker: records[1].Marker}}
	deleted, err := c.Delete(t.Context(), schema, items)
	require.NoError(t, err)
	require.Equal(t, connectors.Failed, deleted[0].Outcome)
	require.Equal(t, "row_hidden", deleted[0].Err.Code)
	items[0].Values = models.Fields{"t": text("y")}
	updated, err := c.Update(t.Context(), schema, items)
	require.NoError(t, err)
	require.Equal(t, "row_hidden", updated[0].Err.Code)
	require.Equal(t, "x", d.value(`SELECT t FROM things WHERE id = 2`))
	lost, err := c.FindCreated(t.Context(), schema, []connectors.FindItem{{Key: "itm_2", Marker: `{"key":["2"],"ours":true}`}})
	require.NoError(t, err)
	require.False(t, lost[0].Settled, "a row that is hidden counts as not made")
	_, refused := createAll(t, c, schema, models.Fields{"id": text("7"), "team": text("theirs")}, models.Fields{"id": text("8"), "team": text("ours")})
	require.Equal(t, connectors.Failed, refused[0].Outcome, "a policy's no")
	require.Equal(t, connectors.Applied, refused[1].Outcome, "%v", refused[1].Err)

	d.exec(`ALTER ROLE ` + role + ` BYPASSRLS`)
	c = d.open()
	found, err = c.ReadByIDs(t.Context(), schema, []string{"2", "99"})
	require.NoError(t, err)
	require.Equal(t, []string{"99"}, found.Missing, "nothing is hidden from this role")
}

// A right to some columns is one to read and write those.
func TestRightsToColumns(t *testing.T) {
	d := newDatabase(t)
	role := pgx.Identifier{d.role}.Sanitize()
	d.exec(`CREATE TABLE keyed (id int PRIMARY KEY, t text, locked text DEFAULT 'kept', hidden text DEFAULT 'secret'); INSERT INTO keyed VALUES (1, 'x');
		CREATE TABLE loose (a int, t text, hidden text); INSERT INTO loose VALUES (1, 'x', 'secret'), (1, 'x', 'other');
		CREATE TABLE unkeyed (id int PRIMARY KEY, t text)`)
	d.exec(`GRANT SELECT (id, t, locked), UPDATE (t), INSERT (id, t) ON keyed TO ` + role + `; GRANT SELECT (a, t) ON loose TO ` + role + `; GRANT SELECT (t) ON unkeyed TO ` + role)
	c := d.open()
	schema := describe(t, c, "public.keyed", "")
	require.Len(t, schema.Columns, 3)
	require.True(t, columnNamed(t, schema, "locked").ReadOnly)
	records, _ := readWhole(t, c, schema)
	require.Len(t, records, 1)
	require.NotContains(t, string(records[0].Fields), "secret")
	results, err := c.Update(t.Context(), schema, []connectors.WriteItem{
		{Key: "itm_1", RemoteID: "1", Values: models.Fields{"t": text("y")}}, {Key: "itm_2", RemoteID: "1", Values: models.Fields{"locked": text("y")}},
	})
	require.NoError(t, err)
	require.Equal(t, connectors.Applied, results[0].Outcome, "%v", results[0].Err)
	require.Equal(t, connectors.KindPermission, results[1].Err.Kind)
	_, results = createAll(t, c, schema, models.Fields{"id": text("2"), "t": text("new")})
	require.Equal(t, connectors.Applied, results[0].Outcome, "%v", results[0].Err)
	results, err = c.Delete(t.Context(), schema, []connectors.WriteItem{{Key: "itm_3", RemoteID: "1"}})
	require.NoError(t, err)
	require.Equal(t, connectors.KindPermission, results[0].Err.Kind)
	require.Equal(t, 2, d.count("keyed"))

	rows, _ := readWhole(t, c, describe(t, c, "public.loose", ""))
	require.Len(t, rows, 2, "rows without a key are told by what is read of them")
	e := failing(t, d, describe(t, c, "public.unkeyed", ""))
	require.Equal(t, "key_unreadable", e.Code)
	require.Contains(t, e.Hint, "SELECT")
}

// What triggers, rules and deferred checks make of a write is told as it is, per
// row, and never sent again on a guess (Promises 5 and 6).
func TestWhatTheDatabaseMakesOfAWrite(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE TABLE changed (id int PRIMARY KEY, t text); CREATE TABLE late (id int PRIMARY KEY, t text); CREATE TABLE ruled (id int PRIMARY KEY, t text); CREATE TABLE quiet (id int PRIMARY KEY, t text);
		INSERT INTO changed SELECT n, 'x' FROM generate_series(1, 3) n; INSERT INTO late SELECT * FROM changed; INSERT INTO ruled SELECT * FROM changed; INSERT INTO quiet SELECT * FROM changed;
		CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.t = upper(NEW.t); RETURN NEW; END $$;
		CREATE TRIGGER shout BEFORE UPDATE ON changed FOR EACH ROW EXECUTE FUNCTION shout();
		CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF NEW.t = 'no' THEN RAISE EXCEPTION 'not this one'; END IF;
			IF NEW.t = 'own code' THEN RAISE EXCEPTION 'nor this' USING ERRCODE = 'AB123'; END IF;
			IF NEW.t = 'by zero' THEN PERFORM 1 / 0; END IF; RETURN NULL; END $$;
		CREATE CONSTRAINT TRIGGER judge AFTER INSERT OR UPDATE ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION judge();
		CREATE RULE ruled AS ON UPDATE TO ruled DO INSTEAD NOTHING;
		CREATE FUNCTION hush() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
		CREATE TRIGGER hush BEFORE UPDATE OR DELETE ON quiet FOR EACH ROW EXECUTE FUNCTION hush()`)
	c := d.open()
	type want struct {
		outcome connectors.Outcome
		code    string
		stored  string
	}
	for name, one := range map[string]struct {
		values []string
		wants  []want
	}{
		"changed": {[]string{"loud"}, []want{{connectors.Applied, "", `"LOUD"`}}},
		"late":    {[]string{"fine", "no", "good"}, []want{{connectors.Applied, "", `"fine"`}, {connectors.Failed, "P0001", ""}, {connectors.Applied, "", `"good"`}}},
		"ruled":   {[]string{"y"}, []want{{connectors.Failed, "0A000", ""}}},
		"quiet":   {[]string{"y"}, []want{{connectors.Failed, "row_kept", ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			d.grant(name)
			schema := describe(t, c, "public."+name, "")
			records, _ := readWhole(t, c, schema)
			var items []connectors.WriteItem
			for i, value := range one.values {
				items = append(items, connectors.WriteItem{Key: records[i].RemoteID, RemoteID: records[i].RemoteID, Marker: records[i].Marker, Values: models.Fields{"t": text(value)}})
			}
			results, err := c.Update(t.Context(), schema, items)
			require.NoError(t, err)
			for i, w := range one.wants {
				require.Equal(t, w.outcome, results[i].Outcome, "%v", results[i].Err)
				if w.code != "" {
					require.Equal(t, w.code, results[i].Err.Code)
					require.NotEmpty(t, results[i].Err.Hint)
					require.Equal(t, "x", d.value(`SELECT t FROM `+name+` WHERE id = $1::text::int`, items[i].RemoteID))
				} else {
					require.Equal(t, w.stored, string(models.CellOf(results[i].Stored.Fields, "t")), "what the database made of it")
				}
			}
		})
	}
	for _, value := range []string{"own code", "by zero"} {
		schema := describe(t, c, "public.late", "")
		_, results := createAll(t, c, schema, models.Fields{"id": text("50"), "t": text(value)}, models.Fields{"id": text("51"), "t": text("good")})
		if value == "own code" { // a class that nobody knows
			require.NotEqual(t, connectors.Applied, results[0].Outcome)
		} else {
			require.Equal(t, connectors.Failed, results[0].Outcome, "%v", results[0].Err)
		}
		require.Equal(t, connectors.Applied, results[1].Outcome, "%v", results[1].Err)
		d.exec(`DELETE FROM late WHERE id > 3`)
	}
}
