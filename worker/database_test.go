package worker

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors/postgres"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
)

// shop is a user's own database, a real one.
type shop struct {
	s     *stack
	admin *pgx.Conn
	conn  models.Connection
}

func newShop(t *testing.T, s *stack, schema string) *shop {
	t.Helper()
	address := testkit.Postgres(t)
	admin, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, admin.Close(t.Context())) })
	d := &shop{s: s, admin: admin}
	d.exec(schema)
	d.conn = models.Connection{
		ID: models.NewID(models.PrefixConnection), OrganizationID: s.org.ID(), Service: postgres.Service, Name: "Shop",
		State: models.ConnectionReady, CreatedAt: time.Now().UTC(), UpdatedAt: time.Now().UTC(),
	}
	credential, err := json.Marshal(map[string]string{"url": address})
	require.NoError(t, err)
	d.conn.Credential, err = s.keys.Encrypt(t.Context(), credential, vault.ConnectionContext(s.org.ID(), d.conn.ID))
	require.NoError(t, err)
	require.NoError(t, s.org.CreateConnection(t.Context(), d.conn))
	return d
}

func (d *shop) exec(sql string) {
	d.s.t.Helper()
	_, err := d.admin.Exec(d.s.t.Context(), sql)
	require.NoError(d.s.t, err, "%s", sql)
}

func (d *shop) lines(sql string) []string {
	d.s.t.Helper()
	rows, err := d.admin.Query(d.s.t.Context(), sql)
	require.NoError(d.s.t, err, "%s", sql)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(d.s.t, err, "%s", sql)
	return lines
}

func (d *shop) table(remoteID, settings string) models.Table {
	d.s.t.Helper()
	table, err := d.s.org.AddTable(d.s.t.Context(), models.Table{
		ID: models.NewID(models.PrefixTable), OrganizationID: d.s.org.ID(), SnapshotID: d.s.snapshot.ID, ConnectionID: d.conn.ID,
		Service: postgres.Service, RemoteID: remoteID, Name: remoteID, Settings: json.RawMessage(settings),
	})
	require.NoError(d.s.t, err)
	return table
}

// A database is downloaded, edited, planned and published: what was changed
// elsewhere meanwhile stays and is a conflict, the rest is there once.
func TestDatabaseIsDownloadedEditedAndPublished(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *stack) {
		d := newShop(t, s, `
			CREATE TABLE authors (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
			CREATE TABLE books (isbn text PRIMARY KEY, title text NOT NULL, price numeric(8,2) CHECK (price > 0), author bigint REFERENCES authors,
				tags text[] NOT NULL DEFAULT '{}', "odd ""name"".1 🐘" jsonb, updated_at timestamptz NOT NULL DEFAULT now());
			INSERT INTO authors (name) VALUES ('Ana'), ('Ben');
			INSERT INTO books (isbn, title, price, author, tags) SELECT 'b' || n, 'Book ' || n, n, 1 + n % 2, ARRAY['t' || n] FROM generate_series(1, 200) n`)
		authors, books := d.table("public.authors", "{}"), d.table("public.books", `{"changed_column":"updated_at"}`)
		s.until(s.download(models.DownloadFull, authors, books), time.Minute, models.JobCompleted)
		records := s.records(books)
		require.Len(t, records, 200)
		require.Len(t, s.records(authors), 2)
		require.JSONEq(t, `{"isbn":"b7","title":"Book 7","price":"7.00","author":"2","tags":["t7"],"odd \"name\".1 🐘":null}`, without(t, records["b7"].Base, "updated_at"))

		_, err := s.org.WriteRecords(t.Context(), authors.ID, s.actor, models.NewID(models.PrefixOperation), []models.RecordWrite{
			{Op: models.OpCreate, Fields: models.Fields{"name": text("Carla")}},
		})
		require.NoError(t, err)
		carla := s.records(authors)["new"]
		s.write(books,
			models.RecordWrite{Op: models.OpCreate, Fields: models.Fields{
				"isbn": text("new"), "title": text("New"), "price": text("9.90"), "author": text(fmt.Sprintf("local:%s/%d", authors.ID, carla.ID)),
				`odd "name".1 🐘`: json.RawMessage(`{"deep":[1.50,"ü"]}`),
			}},
			models.RecordWrite{Op: models.OpUpdate, ID: records["b1"].ID, Fields: models.Fields{"title": text("Book one"), "tags": json.RawMessage(`["a","b c"]`)}},
			models.RecordWrite{Op: models.OpUpdate, ID: records["b2"].ID, Fields: models.Fields{"title": text("Mine")}},
			models.RecordWrite{Op: models.OpUpdate, ID: records["b3"].ID, Fields: models.Fields{"price": text("-3")}},
			models.RecordWrite{Op: models.OpUpdate, ID: records["b4"].ID, Fields: models.Fields{"price": text("4.40")}},
			models.RecordWrite{Op: models.OpDelete, ID: records["b5"].ID},
		)
		d.exec(`UPDATE books SET title = 'Theirs' WHERE isbn = 'b2'; UPDATE books SET title = 'Theirs too' WHERE isbn = 'b4'`)
		plan := s.plan()
		s.until(s.publish(plan), time.Minute, models.JobCompletedWithFailures)
		states := s.states(plan)
		require.Equal(t, map[models.ItemState]int{models.ItemApplied: 5, models.ItemConflict: 1, models.ItemFailed: 1}, states)
		require.Equal(t, []string{
			`b1|Book one|1.00|{a,"b c"}|Ben`, `b2|Theirs|2.00|{t2}|Ana`, `b3|Book 3|3.00|{t3}|Ben`, `b4|Theirs too|4.40|{t4}|Ana`, `new|New|9.90|{}|Carla`,
		}, d.lines(`SELECT concat_ws('|', isbn, title, price, tags::text, name) FROM books JOIN authors ON author = id WHERE isbn IN ('b1', 'b2', 'b3', 'b4', 'b5', 'new') ORDER BY isbn`))
		require.Equal(t, []string{"200", "3"}, d.lines(`SELECT count(*)::text FROM books UNION ALL SELECT count(*)::text FROM authors`))
		require.Equal(t, `{"deep":[1.50,"ü"]}`, string(models.CellOf(s.records(books)["new"].Base, `odd "name".1 🐘`)))

		d.exec(`UPDATE books SET title = 'Later', updated_at = now() WHERE isbn = 'b9'; DELETE FROM books WHERE isbn = 'b10'`)
		s.until(s.download(models.DownloadIncremental, books), time.Minute, models.JobCompleted)
		after := s.records(books)
		require.Equal(t, `"Later"`, string(models.CellOf(after["b9"].Base, "title")))
		require.Equal(t, `"Mine"`, string(after["b2"].Edits["title"]), "an edit is never written over (Promise 1)")
		require.Contains(t, after, "b10", "an incremental download removes nothing")
		s.until(s.download(models.DownloadFull, books), time.Minute, models.JobCompleted)
		require.NotContains(t, s.records(books), "b10")
	})
}

func without(t *testing.T, object json.RawMessage, column string) string {
	t.Helper()
	cells := models.CellsOf(object)
	require.Contains(t, cells, column)
	delete(cells, column)
	return string(cells.Object())
}

// A database that ends our session in the middle of a download is read on from
// the last page, and the download says that it spans two snapshots.
func TestDatabaseGoesAwayInMidDownload(t *testing.T) {
	s := newStack(t, testkit.SQLite(t), testkit.Temporal(t))
	const rows = 10_000 // of 4 KB: many times what is read ahead
	d := newShop(t, s, `CREATE TABLE long (id int PRIMARY KEY, body text);
		INSERT INTO long SELECT n, repeat('x', 4000) || n FROM generate_series(1, 10000) n`)
	table := d.table("public.long", "{}")
	job := s.download(models.DownloadFull, table)
	// A reading that gave no page yet begins anew, and spans nothing.
	require.Eventually(t, func() bool { return len(s.records(table)) > 0 }, time.Minute, time.Millisecond, "no page was stored")
	require.Eventually(t, func() bool {
		return len(d.lines(`SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'scratch' AND query LIKE 'SELECT%ORDER BY t.%' AND wait_event = 'ClientWrite'`)) > 0
	}, time.Minute, 5*time.Millisecond, "no reading was met in its middle")
	s.until(job, 2*time.Minute, models.JobCompleted)
	require.Len(t, s.records(table), rows)
	warnings := s.outcome(job, table).Warnings
	require.NotEmpty(t, warnings)
	require.Equal(t, "download.two_snapshots", warnings[0].Code)
}
