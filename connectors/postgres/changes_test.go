package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// A column of changes that was dropped or retyped leaves a table that can be
// downloaded whole, and says so; as a choice it is refused.
func TestColumnOfChangesIsGone(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE TABLE things (id int PRIMARY KEY, at timestamptz DEFAULT now()); INSERT INTO things SELECT generate_series(1, 20)`)
	d.grant("things")
	c := d.open()
	const settings = `{"changed_column":"at"}`
	mark := marksOf(t, c, describe(t, c, "public.things", settings), nil)
	require.NotNil(t, mark)
	for _, statement := range []string{`ALTER TABLE things ALTER at TYPE text`, `ALTER TABLE things DROP COLUMN at`} {
		d.exec(statement)
		schema := describe(t, c, "public.things", settings)
		records, warnings := readWhole(t, c, schema)
		require.Len(t, records, 20)
		require.Len(t, warnings, 1)
		require.Equal(t, "download.changed_column_gone", warnings[0].Code)
		var ids []string
		require.Nil(t, marksOf(t, c, schema, mark, &ids), "a mark of a column that is none")
		require.Len(t, ids, 20, "what changed cannot be told: everything may have")
		_, err := c.Outline(t.Context(), "public.things", []byte(settings))
		e, ok := connectors.AsError(err)
		require.True(t, ok, "%v", err)
		require.Equal(t, "settings_invalid", e.Code)
	}
	_, err := c.Outline(t.Context(), "public.things", nil)
	require.NoError(t, err)
}

// What is promised of an incremental download: a row is read again as long as
// its stamp is not further behind the last mark than the overlap, however many
// have that stamp, whoever commits late, whichever way clocks go.
func TestOverlapCatchesWhatCommitsLate(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE TABLE things (id int PRIMARY KEY, at timestamptz, n int); INSERT INTO things SELECT n, now() - interval '1 hour', n FROM generate_series(1, 100) n`)
	d.grant("things")
	c := d.open()
	for name, one := range map[string]struct{ settings, insert, late, tooLate string }{
		"times":   {`{"changed_column":"at","overlap":60}`, `now()`, `now() - interval '50 seconds'`, `now() - interval '10 minutes'`},
		"default": {`{"changed_column":"at"}`, `now()`, `now() - interval '9 minutes'`, `now() - interval '20 minutes'`},
	} {
		t.Run(name, func(t *testing.T) {
			d.exec(`DELETE FROM things WHERE id > 100; INSERT INTO things VALUES (101, ` + one.insert + `, 0), (102, ` + one.insert + `, 0)`)
			schema := describe(t, c, "public.things", one.settings)
			mark := marksOf(t, c, schema, nil)
			// Three transactions that began before the download commit after it.
			d.exec(`INSERT INTO things SELECT 103, at, 0 FROM things WHERE id = 102; INSERT INTO things VALUES (104, ` + one.late + `, 0), (105, ` + one.tooLate + `, 0)`)
			var ids []string
			marksOf(t, c, schema, mark, &ids)
			for _, id := range []string{"101", "102", "103", "104"} {
				require.Contains(t, ids, id)
			}
			require.NotContains(t, ids, "105", "what is further behind than the overlap is the next full download's")
		})
	}
	d.exec(`TRUNCATE things; INSERT INTO things SELECT n, now(), 9223372036854775807 % 1000 FROM generate_series(1, 10) n`)
	schema := describe(t, c, "public.things", `{"changed_column":"n","overlap":0}`)
	mark := marksOf(t, c, schema, nil)
	var ids []string
	marksOf(t, c, schema, mark, &ids)
	require.Len(t, ids, 10, "rows that tie with the mark are read again")
}

// A new label of an enum, a new column and a wider one are there with the next
// look; a table that is renamed is another.
func TestTheNextLookSeesWhatIsNew(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TABLE things (id int PRIMARY KEY, mood mood, v varchar(3)); INSERT INTO things VALUES (1, 'sad', 'abc')`)
	d.grant("things")
	c := d.open()
	before := describe(t, c, "public.things", "")
	d.exec(`ALTER TYPE mood ADD VALUE 'calm' BEFORE 'happy'`)
	d.exec(`ALTER TABLE things ALTER v TYPE varchar(9), ADD COLUMN more int DEFAULT 7; INSERT INTO things VALUES (2, 'calm', 'abcdefghi')`)
	records, warnings := readWhole(t, c, before)
	require.Empty(t, warnings)
	require.Equal(t, `"calm"`, string(models.CellOf(records[1].Fields, "mood")), "a label that the columns stored here do not name")
	after := describe(t, c, "public.things", "")
	var labels []string
	for _, option := range columnNamed(t, after, "mood").Options {
		labels = append(labels, option.ID)
	}
	require.Equal(t, "sad,calm,happy", strings.Join(labels, ","))
	require.Equal(t, 9, columnNamed(t, after, "v").MaxLength)
	columnNamed(t, after, "more")
	results, err := c.Update(t.Context(), before, []connectors.WriteItem{{Key: "itm_1", RemoteID: "1", Values: models.Fields{"mood": text("calm")}}})
	require.NoError(t, err)
	require.Equal(t, connectors.Applied, results[0].Outcome, "%v", results[0].Err)

	d.exec(`ALTER TABLE things RENAME COLUMN v TO w`)
	results, err = c.Update(t.Context(), after, []connectors.WriteItem{{Key: "itm_2", RemoteID: "1", Values: models.Fields{"mood": text("sad")}}})
	e, ok := connectors.AsError(err)
	require.True(t, ok, "%v %v", err, results)
	require.Equal(t, "column_gone", e.Code)
	require.Equal(t, "v", e.Column)
	require.Equal(t, "calm", d.value(`SELECT mood::text FROM things WHERE id = 1`))
	d.exec(`ALTER TABLE things RENAME TO others`)
	_, err = c.Update(t.Context(), after, []connectors.WriteItem{{Key: "itm_3", RemoteID: "1", Values: models.Fields{"mood": text("sad")}}})
	require.ErrorIs(t, err, connectors.ErrNotFound)
}

// Two that write the same rows in opposite order: whoever the database ends may
// try again, and nothing is written by halves.
func TestDeadlocksAreTriedAgain(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE TABLE things (id int PRIMARY KEY, t text); INSERT INTO things SELECT n, 'x' FROM generate_series(1, 2) n;
		CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF NEW.t = 'mine' AND NEW.id = 1 THEN PERFORM pg_advisory_lock(4711); PERFORM pg_advisory_unlock(4711); END IF; RETURN NEW; END $$;
		CREATE TRIGGER dawdle AFTER UPDATE ON things FOR EACH ROW EXECUTE FUNCTION dawdle()`)
	d.grant("things")
	c := d.open()
	schema := describe(t, c, "public.things", "")
	records, _ := readWhole(t, c, schema)
	d.exec(`SELECT pg_advisory_lock(4711)`)
	d.exec(`BEGIN`)
	d.exec(`SET LOCAL deadlock_timeout = '10s'`) // ours is the one to be ended
	d.exec(`UPDATE things SET t = 'theirs' WHERE id = 2`)
	done := make(chan []connectors.WriteResult, 1)
	go func() {
		var items []connectors.WriteItem
		for _, r := range records {
			items = append(items, connectors.WriteItem{Key: "itm_" + r.RemoteID, RemoteID: r.RemoteID, Marker: r.Marker, Values: models.Fields{"t": text("mine")}})
		}
		results, _ := c.Update(t.Context(), schema, items)
		done <- results
	}()
	require.Eventually(t, func() bool {
		return d.value(`SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`) == "1"
	}, 10*time.Second, 20*time.Millisecond)
	d.exec(`SELECT pg_advisory_unlock(4711)`)
	d.exec(`UPDATE things SET t = 'theirs' WHERE id = 1`)
	d.exec(`COMMIT`)
	results := <-done
	require.Len(t, results, 2)
	for _, r := range results {
		require.NotEqual(t, connectors.Applied, r.Outcome)
		require.Contains(t, []connectors.Outcome{connectors.NotSent, connectors.Conflict}, r.Outcome, "%v", r.Err)
	}
	require.Equal(t, 2, d.count(`things WHERE t = 'theirs'`), "what somebody else wrote stays (Promise 4)")
}
