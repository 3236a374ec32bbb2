package postgres_test

import (
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
)

// Tables of every kind are read whole, and written where they can be.
func TestKindsOfTables(t *testing.T) {
	d := newDatabase(t)
	location, err := url.Parse(testkit.Postgres(t))
	require.NoError(t, err)
	password, _ := location.User.Password()
	d.exec(`CREATE TABLE plain (id int PRIMARY KEY, t text); INSERT INTO plain VALUES (1, 'a'), (2, 'b');
		CREATE TABLE spread (id int, t text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
		CREATE TABLE spread_low PARTITION OF spread FOR VALUES FROM (0) TO (10); CREATE TABLE spread_high PARTITION OF spread FOR VALUES FROM (10) TO (20);
		INSERT INTO spread VALUES (1, 'a'), (11, 'b');
		CREATE VIEW simple AS SELECT id, t FROM plain;
		CREATE VIEW joined AS SELECT p.id, p.t, s.t AS u FROM plain p LEFT JOIN spread s USING (id);
		CREATE FUNCTION joined_write() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$ BEGIN UPDATE plain SET t = NEW.t WHERE id = OLD.id; RETURN NEW; END $$;
		CREATE TRIGGER joined_write INSTEAD OF UPDATE ON joined FOR EACH ROW EXECUTE FUNCTION joined_write();
		CREATE MATERIALIZED VIEW kept AS SELECT id, t FROM plain; CREATE UNIQUE INDEX ON kept (id);
		CREATE EXTENSION postgres_fdw`)
	d.exec(fmt.Sprintf(`CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%s', dbname '%s');
		CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user '%s', password '%s', password_required 'false');
		CREATE FOREIGN TABLE elsewhere (id int, t text) SERVER far OPTIONS (table_name 'plain')`, location.Hostname(), location.Port(), d.name, location.User.Username(), password))
	for _, table := range []string{"plain", "spread", "spread_low", "spread_high", "simple", "joined", "kept", "elsewhere"} {
		d.grant(table)
	}
	c := d.open()
	for name, one := range map[string]struct {
		settings, why string
		rows          int
	}{
		"plain": {"", "", 2}, "spread": {"", "", 2}, "spread_low": {"", "", 1},
		"simple": {`{"identity":["id"]}`, "", 2}, "joined": {`{"identity":["id"]}`, "", 2},
		"kept": {"", "it is a materialized view", 2}, "elsewhere": {`{"identity":["id"]}`, "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			schema := describe(t, c, "public."+name, one.settings)
			require.Equal(t, one.why, schema.Why)
			records, _ := readWhole(t, c, schema)
			require.Len(t, records, one.rows)
			if schema.ReadOnly {
				return
			}
			results, err := c.Update(t.Context(), schema, []connectors.WriteItem{{Key: "itm_1", RemoteID: "1", Marker: records[0].Marker, Values: models.Fields{"t": text("through " + name)}}})
			require.NoError(t, err)
			require.Equal(t, connectors.Applied, results[0].Outcome, "%v", results[0].Err)
			again, _ := readWhole(t, c, schema)
			require.Equal(t, `"through `+name+`"`, string(models.CellOf(again[0].Fields, "t")))
		})
	}
}

// A key holds a table's own rows, not those of tables that inherit from it: two
// rows of one key are not taken for one.
func TestInheritedRowsAreNotMerged(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE TABLE parents (id int PRIMARY KEY, kind text NOT NULL, t text); CREATE TABLE children (extra text) INHERITS (parents);
		INSERT INTO parents VALUES (1, 'p', 'parent'), (2, 'p', 'parent'); INSERT INTO children VALUES (3, 'c', 'child')`)
	d.grant("parents")
	d.grant("children")
	c := d.open()
	schema := describe(t, c, "public.parents", "")
	records, _ := readWhole(t, c, schema)
	require.Len(t, records, 3)
	results, err := c.Update(t.Context(), schema, []connectors.WriteItem{{Key: "itm_1", RemoteID: "3", Marker: records[2].Marker, Values: models.Fields{"t": text("changed")}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Applied, results[0].Outcome, "%v", results[0].Err)
	_, results = createAll(t, c, schema, models.Fields{"id": text("3"), "kind": text("p"), "t": text("a second 3")})
	require.Equal(t, connectors.Failed, results[0].Outcome, "a key was given twice")
	d.exec(`INSERT INTO children VALUES (1, 'c', 'another 1')`)
	e := failing(t, d, schema)
	require.Equal(t, "identity_duplicate", e.Code)
	records, _ = readWhole(t, c, describe(t, c, "public.parents", `{"identity":["id","kind"]}`))
	require.Len(t, records, 4)
}

// Rows of 50 MB are left where they are: reading them takes no more memory than
// reading small ones.
func TestMemoryIsBoundedByNoRow(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE TABLE big (id int PRIMARY KEY, body text, data bytea); ALTER TABLE big ALTER body SET STORAGE EXTERNAL`)
	d.exec(`INSERT INTO big SELECT n, CASE WHEN n % 2 = 0 THEN repeat('x', 50000000) ELSE 'small' END FROM generate_series(1, 12) n`)
	d.grant("big")
	c := d.direct()
	schema := describe(t, c, "public.big", "")
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	most, stop := uint64(0), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapInuse)
			}
		}
	})
	records, warnings := readWhole(t, c, schema)
	close(stop)
	wg.Wait()
	require.Len(t, records, 6)
	require.NotEmpty(t, warnings)
	require.Less(t, most, before.HeapInuse+40<<20, "a row that makes no record was fetched")
}

// Names that differ in case alone, and names of 63 bytes of anything, stay apart.
func TestNamesThatCollide(t *testing.T) {
	d := newDatabase(t)
	long := strings.Repeat("🐘", 15) + `".`
	name := pgx.Identifier{long}.Sanitize()
	d.exec(fmt.Sprintf(`CREATE TABLE %[1]s (id int PRIMARY KEY, "Name" text, name text, "NAME" text, %[1]s text, "a.b" text, "a""b" text, " " text);
		INSERT INTO %[1]s VALUES (1, 'Name', 'name', 'NAME', 'long', 'dot', 'quote', 'space'); CREATE TABLE "Things" (id int PRIMARY KEY); CREATE TABLE things (id int PRIMARY KEY, n int)`, name))
	d.grant(name)
	d.grant(`"Things"`)
	d.grant("things")
	c := d.open()
	tables, err := c.ListTables(t.Context())
	require.NoError(t, err)
	require.Len(t, tables, 3)
	require.Len(t, describe(t, c, `public."Things"`, "").Columns, 1)
	require.Len(t, describe(t, c, "public.things", "").Columns, 2)
	schema := describe(t, c, "public."+name, "")
	records, _ := readWhole(t, c, schema)
	want := map[string]string{"Name": "Name", "name": "name", "NAME": "NAME", long: "long", "a.b": "dot", `a"b`: "quote", " ": "space"}
	changed := models.Fields{}
	for column, value := range want {
		require.Equal(t, string(text(value)), string(models.CellOf(records[0].Fields, column)), column)
		changed[column] = text(value + "!")
	}
	results, err := c.Update(t.Context(), schema, []connectors.WriteItem{{Key: "itm_1", RemoteID: "1", Marker: records[0].Marker, Values: changed}})
	require.NoError(t, err)
	require.Equal(t, connectors.Applied, results[0].Outcome, "%v", results[0].Err)
	records, _ = readWhole(t, c, schema)
	for column, value := range want {
		require.Equal(t, string(text(value+"!")), string(models.CellOf(records[0].Fields, column)), column)
	}
}
