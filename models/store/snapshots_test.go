package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// newSnapshot makes a connection and a snapshot.
func newSnapshot(t *testing.T, org *Org) (models.Snapshot, models.Connection) {
	t.Helper()
	connection := models.Connection{ID: models.NewID(models.PrefixConnection), Service: "wordpress", Name: "Blog", Credential: []byte("sealed")}
	require.NoError(t, org.CreateConnection(t.Context(), connection))
	snapshot := models.Snapshot{ID: models.NewID(models.PrefixSnapshot), Name: "Autumn"}
	require.NoError(t, org.CreateSnapshot(t.Context(), snapshot))
	return snapshot, connection
}

// newTable adds a table of posts with a title and a body.
func newTable(t *testing.T, org *Org, snapshot models.Snapshot, connection models.Connection, remoteID string) models.Table {
	t.Helper()
	table, err := org.AddTable(t.Context(), models.Table{
		SnapshotID: snapshot.ID, ConnectionID: connection.ID, Service: "wordpress", RemoteID: remoteID, Name: remoteID,
		Columns: []models.Column{
			{ID: "title", Name: "Title", Kind: models.ColumnText, Compare: models.CompareExact},
			{ID: "body", Name: "Body", Kind: models.ColumnHTML, Compare: models.CompareHTML},
		},
	})
	require.NoError(t, err)
	return table
}

func TestConnections(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _ := newOrg(t, s)
		snapshot, connection := newSnapshot(t, org)
		got, err := org.Connection(ctx, connection.ID)
		require.NoError(t, err)
		require.Equal(t, models.ConnectionUntested, got.State)
		require.EqualValues(t, 1, got.Version)
		require.Equal(t, []byte("sealed"), got.Credential)

		// Two writers with the same version: one wins, the other is told.
		got.Name, got.State = "Blog 2", models.ConnectionReady
		got.Problem = models.NewProblem(models.KindForbidden, "connector.auth", "no", "")
		require.NoError(t, org.UpdateConnection(ctx, got))
		err = org.UpdateConnection(ctx, got)
		require.True(t, models.HasCode(err, "connection.changed"), "%v", err)
		again, err := org.Connection(ctx, connection.ID)
		require.NoError(t, err)
		require.Equal(t, "Blog 2", again.Name)
		require.Equal(t, "connector.auth", again.Problem.Code)

		// In use: kept, credential and all. Free: gone, its credential too.
		table := newTable(t, org, snapshot, connection, "posts")
		err = org.DeleteConnection(ctx, connection.ID)
		require.True(t, models.HasCode(err, "connection.in_use"), "%v", err)
		again, err = org.Connection(ctx, connection.ID)
		require.NoError(t, err)
		require.NotEmpty(t, again.Credential)
		require.NoError(t, org.RemoveTable(ctx, table.ID))
		require.NoError(t, org.DeleteConnection(ctx, connection.ID))
		_, err = org.Connection(ctx, connection.ID)
		require.True(t, models.HasCode(err, "connection.not_found"), "%v", err)
		require.Zero(t, count(t, s, "SELECT count(*) FROM connections WHERE credential IS NOT NULL"))
		list, _, err := org.ListConnections(ctx, Page{})
		require.NoError(t, err)
		require.Empty(t, list)
	})
}

func TestSnapshotsAreListedInPages(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _ := newOrg(t, s)
		var want []string
		for range 5 {
			snapshot := models.Snapshot{ID: models.NewID(models.PrefixSnapshot), Name: "S"}
			require.NoError(t, org.CreateSnapshot(ctx, snapshot))
			want = append(want, snapshot.ID)
		}
		var got []string
		page := Page{Limit: 2}
		for {
			list, next, err := org.ListSnapshots(ctx, page)
			require.NoError(t, err)
			for _, snapshot := range list {
				got = append(got, snapshot.ID)
			}
			if next == "" {
				break
			}
			page.Cursor = next
		}
		require.Equal(t, want, got)
		_, _, err := org.ListSnapshots(ctx, Page{Cursor: "con_1'; --"})
		require.True(t, models.HasCode(err, "list.bad_cursor"), "%v", err)

		require.NoError(t, org.RenameSnapshot(ctx, want[0], "Renamed"))
		renamed, err := org.Snapshot(ctx, want[0])
		require.NoError(t, err)
		require.Equal(t, "Renamed", renamed.Name)
		require.NoError(t, org.DeleteSnapshot(ctx, want[0]))
		_, err = org.Snapshot(ctx, want[0])
		require.True(t, models.HasCode(err, "snapshot.not_found"), "%v", err)
	})
}

func TestTablesAreAddedOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _ := newOrg(t, s)
		snapshot, connection := newSnapshot(t, org)
		table := newTable(t, org, snapshot, connection, "posts")
		require.Equal(t, models.TableEmpty, table.State)
		require.NoError(t, s.read.Exec("SELECT id, remote_id, base, base_hash, edits, edit_bases, marker, state, row_version, created_at, updated_at FROM "+recordTable(table.Seq)).Error)
		_, err := org.AddTable(ctx, models.Table{SnapshotID: snapshot.ID, ConnectionID: connection.ID, RemoteID: "posts", Name: "Posts"})
		require.True(t, models.HasCode(err, "table.already_added"), "%v", err)
		second := newTable(t, org, snapshot, connection, "pages")
		require.NotEqual(t, table.Seq, second.Seq)

		tables, err := org.ListTables(ctx, snapshot.ID)
		require.NoError(t, err)
		require.Len(t, tables, 2)
		require.Equal(t, 1, tables[0].Columns[1].Position)

		// Removed and added again: another physical table, nothing of the old.
		require.NoError(t, org.RemoveTable(ctx, table.ID))
		third := newTable(t, org, snapshot, connection, "posts")
		require.NotEqual(t, table.ID, third.ID)
		require.NotEqual(t, table.Seq, third.Seq)
		_, err = org.Table(ctx, table.ID)
		require.True(t, models.HasCode(err, "table.not_found"), "%v", err)
	})
}

// Breaks when a download's look at the columns loses a local column, forgets a
// removed one (edits would be orphaned), or reports a rename as new.
func TestApplySchema(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _ := newOrg(t, s)
		snapshot, connection := newSnapshot(t, org)
		table := newTable(t, org, snapshot, connection, "posts")
		local, err := org.AddColumn(ctx, table.ID, models.Column{Name: "Score", Kind: models.ColumnNumber, Compare: models.CompareNumber})
		require.NoError(t, err)
		require.True(t, local.Local)

		changes, err := org.ApplySchema(ctx, table.ID, []models.Column{
			{ID: "title", Name: "Headline", Kind: models.ColumnLongText, Compare: models.CompareExact},
			{ID: "slug", Name: "Slug", Kind: models.ColumnText, Compare: models.CompareExact},
		}, "Posts", false, "")
		require.NoError(t, err)
		kinds := map[string]string{}
		for _, c := range changes {
			kinds[c.Kind] = c.Column + ":" + c.From + ">" + c.To
		}
		require.Equal(t, map[string]string{
			"column_renamed": "title:Title>Headline", "column_retyped": "title:text>long_text",
			"column_added": "slug:>Slug", "column_removed": "body:Body>",
		}, kinds)
		got, err := org.Table(ctx, table.ID)
		require.NoError(t, err)
		ids := []string{}
		for _, c := range got.Columns {
			ids = append(ids, c.ID)
		}
		require.Equal(t, []string{"title", "slug", local.ID, "body"}, ids)
		body, _ := got.Column("body")
		require.True(t, body.Removed)
		require.Greater(t, got.SchemaVersion, table.SchemaVersion)

		// The same again changes nothing; the column that comes back is added.
		changes, err = org.ApplySchema(ctx, table.ID, got.Columns[:2], "Posts", false, "")
		require.NoError(t, err)
		require.Empty(t, changes)
		same, err := org.Table(ctx, table.ID)
		require.NoError(t, err)
		require.Equal(t, got.SchemaVersion, same.SchemaVersion)
		changes, err = org.ApplySchema(ctx, table.ID, []models.Column{got.Columns[0], got.Columns[1], body}, "Posts", true, "no rights")
		require.NoError(t, err)
		require.Len(t, changes, 1)
		require.Equal(t, "column_added", changes[0].Kind)
		_, err = org.ApplySchema(ctx, table.ID, got.Columns, "", true, "no rights")
		require.NoError(t, err)
		same, err = org.Table(ctx, table.ID)
		require.NoError(t, err)
		require.Equal(t, "Posts", same.Name, "a download took the table's name away")
		stored, _, err := org.ListSchemaChanges(ctx, table.ID, Page{})
		require.NoError(t, err)
		require.Len(t, stored, 5)
		require.Equal(t, "column_added", stored[0].Kind)
	})
}

func TestLocalColumns(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _ := newOrg(t, s)
		snapshot, connection := newSnapshot(t, org)
		table := newTable(t, org, snapshot, connection, "posts")
		_, err := org.AddColumn(ctx, table.ID, models.Column{Name: "Title", Kind: models.ColumnText})
		require.True(t, models.HasCode(err, "column.name_taken"), "%v", err)
		_, err = org.AddColumn(ctx, table.ID, models.Column{Name: "  "})
		require.True(t, models.HasCode(err, "column.no_name"), "%v", err)
		column, err := org.AddColumn(ctx, table.ID, models.Column{Name: "Note", Kind: models.ColumnText})
		require.NoError(t, err)
		column.Name = "Remark"
		column, err = org.UpdateColumn(ctx, table.ID, column)
		require.NoError(t, err)
		require.Equal(t, "Remark", column.Name)
		_, err = org.UpdateColumn(ctx, table.ID, models.Column{ID: "title", Name: "X"})
		require.True(t, models.HasCode(err, "column.not_local"), "%v", err)
		require.NoError(t, org.RemoveColumn(ctx, table.ID, column.ID))
		err = org.RemoveColumn(ctx, table.ID, column.ID)
		require.True(t, models.HasCode(err, "column.not_found"), "%v", err)
	})
}

func TestViews(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _ := newOrg(t, s)
		snapshot, connection := newSnapshot(t, org)
		table := newTable(t, org, snapshot, connection, "posts")
		view, err := org.CreateView(ctx, models.View{TableID: table.ID, Name: "Shouting", Query: models.Query{
			Filter: &models.Filter{Op: models.FilterContains, Column: "title", Value: []byte(`"A & <b>"`)}, Sort: []models.Sort{{Column: "title"}},
		}})
		require.NoError(t, err)
		got, err := org.View(ctx, table.ID, view.ID)
		require.NoError(t, err)
		require.Equal(t, view, got)
		got.Columns = []string{"title"}
		got, err = org.UpdateView(ctx, got)
		require.NoError(t, err)
		_, err = org.UpdateView(ctx, view)
		require.True(t, models.HasCode(err, "view.changed"), "%v", err)
		views, err := org.ListViews(ctx, table.ID)
		require.NoError(t, err)
		require.Equal(t, []models.View{got}, views)
		require.NoError(t, org.DeleteView(ctx, view.ID))
		_, err = org.View(ctx, table.ID, view.ID)
		require.True(t, models.HasCode(err, "view.not_found"), "%v", err)
	})
}

func TestUploadsAndAudit(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, actor := newOrg(t, s)
		upload := models.Upload{ID: models.NewID(models.PrefixUpload), Name: "a.csv", ContentType: "text/csv", Size: 3, SHA256: "00", Path: "a"}
		require.NoError(t, org.CreateUpload(ctx, upload))
		list, _, err := org.ListUploads(ctx, Page{})
		require.NoError(t, err)
		require.Len(t, list, 1)
		gone, err := org.DeleteUpload(ctx, upload.ID)
		require.NoError(t, err)
		require.Equal(t, "a", gone.Path)
		_, err = org.Upload(ctx, upload.ID)
		require.True(t, models.HasCode(err, "upload.not_found"), "%v", err)
		require.NoError(t, org.AppendAudit(ctx, models.AuditEvent{UserID: actor.UserID, Action: "upload.deleted", Subject: upload.ID, Detail: []byte(`{"name":"a.csv"}`)}))
		events, _, err := org.ListAudit(ctx, Page{})
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.JSONEq(t, `{"name":"a.csv"}`, string(events[0].Detail))
	})
}

// Breaks when a file that a connection reads can be deleted: the next download
// would find nothing.
func TestAnUploadInUseStays(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		org, _, _ := posts(t, s)
		upload := models.Upload{ID: models.NewID(models.PrefixUpload), Name: "a.csv", Path: "a"}
		require.NoError(t, org.CreateUpload(ctx, upload))
		other := upload
		other.ID, other.Path = models.NewID(models.PrefixUpload), "b"
		require.NoError(t, org.CreateUpload(ctx, other))
		c := models.Connection{ID: models.NewID(models.PrefixConnection), Service: "csv", Name: "Posts", UploadID: upload.ID}
		require.NoError(t, org.CreateConnection(ctx, c))
		_, err := org.DeleteUpload(ctx, upload.ID)
		require.True(t, models.HasCode(err, "upload.in_use"), "%v", err)
		_, err = org.Upload(ctx, upload.ID)
		require.NoError(t, err)

		c, err = org.Connection(ctx, c.ID)
		require.NoError(t, err)
		c.UploadID = other.ID
		require.NoError(t, org.UpdateConnection(ctx, c))
		_, err = org.DeleteUpload(ctx, upload.ID)
		require.NoError(t, err, "nothing reads it any more")
		_, err = org.DeleteUpload(ctx, other.ID)
		require.True(t, models.HasCode(err, "upload.in_use"), "%v", err)
		require.NoError(t, org.DeleteConnection(ctx, c.ID))
		_, err = org.DeleteUpload(ctx, other.ID)
		require.NoError(t, err)
	})
}
