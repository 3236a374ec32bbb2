package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// Table is one remote table inside a snapshot.
type Table struct {
	ID            string            `json:"id"`
	SnapshotID    string            `json:"snapshot_id"`
	ConnectionID  string            `json:"connection_id"`
	Service       string            `json:"service"`
	RemoteID      string            `json:"remote_id"`
	Name          string            `json:"name"`
	State         models.TableState `json:"state" enum:"ready,empty,gone,deleted"`
	ReadOnly      bool              `json:"read_only"`
	ReadOnlyWhy   string            `json:"read_only_why,omitempty"`
	Columns       []models.Column   `json:"columns" nullable:"false"`
	RecordCount   int64             `json:"record_count"`
	EditedCount   int64             `json:"edited_count" doc:"Records that the next publish plan would hold."`
	Settings      json.RawMessage   `json:"settings,omitempty"`
	SchemaVersion int64             `json:"schema_version"`
	DownloadedAt  *time.Time        `json:"downloaded_at,omitempty"`
	CreatedAt     time.Time         `json:"created_at"`
}

func showTable(t models.Table) Table {
	return Table{
		ID: t.ID, SnapshotID: t.SnapshotID, ConnectionID: t.ConnectionID, Service: t.Service,
		RemoteID: t.RemoteID, Name: t.Name, State: t.State, ReadOnly: t.ReadOnly, ReadOnlyWhy: t.ReadOnlyWhy,
		Columns: append([]models.Column{}, t.Columns...), RecordCount: t.RecordCount, EditedCount: t.EditedCount,
		Settings: t.Settings, SchemaVersion: t.SchemaVersion, DownloadedAt: t.DownloadedAt, CreatedAt: t.CreatedAt,
	}
}

// SchemaChange is one difference a download found in a table's columns.
type SchemaChange struct {
	ID     string    `json:"id"`
	Kind   string    `json:"kind" enum:"column_added,column_removed,column_renamed,column_retyped"`
	Column string    `json:"column"`
	From   string    `json:"from,omitempty"`
	To     string    `json:"to,omitempty"`
	At     time.Time `json:"at"`
}

// TablePath names a table of a snapshot. Embedded, so exported: that is
// where huma looks.
type TablePath struct {
	ID  string `path:"id" maxLength:"64" doc:"Snapshot id."`
	TID string `path:"tid" maxLength:"64" doc:"Table id."`
}

type addTable struct {
	SnapshotPath
	Body struct {
		ConnectionID string          `json:"connection_id" maxLength:"64"`
		RemoteID     string          `json:"remote_id" maxLength:"1000"`
		Name         string          `json:"name,omitempty" maxLength:"200" doc:"Empty takes the service's name."`
		Settings     json.RawMessage `json:"settings,omitempty" doc:"As the connector's settings schema says."`
	}
}

type changeTable struct {
	TablePath
	NameBody
}

type addColumn struct {
	TablePath
	Body struct {
		Name string            `json:"name" minLength:"1" maxLength:"200"`
		Kind models.ColumnKind `json:"kind" enum:"text,long_text,html,markdown,number,integer,boolean,date,datetime,url,email,json"`
	}
}

// ColumnPath names a column of a table. Embedded, so exported: that is
// where huma looks.
type ColumnPath struct {
	TablePath
	CID string `path:"cid" maxLength:"200"`
}

type changeColumn struct {
	ColumnPath
	NameBody
}

type schemaChangesInput struct {
	TablePath
	Paging
}

const tablePath = "/api/v1/snapshots/{id}/tables/{tid}"

func (s *server) tableRoutes() {
	serve(s, route{method: http.MethodGet, path: "/api/v1/snapshots/{id}/tables", id: "list-tables", summary: "A snapshot's tables"}, s.listTables)
	serve(s, route{method: http.MethodPost, path: "/api/v1/snapshots/{id}/tables", id: "add-table", summary: "Add a remote table; download it next", status: http.StatusCreated}, s.addTable)
	serve(s, route{method: http.MethodGet, path: tablePath, id: "get-table", summary: "One table with its columns"}, s.getTable)
	serve(s, route{method: http.MethodPatch, path: tablePath, id: "rename-table", summary: "Rename a table here"}, s.renameTable)
	serve(s, route{method: http.MethodDelete, path: tablePath, id: "remove-table", summary: "Remove a table from the snapshot; nothing changes at the service", status: noContent}, s.removeTable)
	serve(s, route{method: http.MethodGet, path: tablePath + "/schema-changes", id: "list-schema-changes", summary: "What downloads found changed in the columns"}, s.listSchemaChanges)
	serve(s, route{method: http.MethodPost, path: tablePath + "/columns", id: "add-column", summary: "Add a Scratch column; it is never published", status: http.StatusCreated}, s.addColumn)
	serve(s, route{method: http.MethodPatch, path: tablePath + "/columns/{cid}", id: "rename-column", summary: "Rename a Scratch column"}, s.renameColumn)
	serve(s, route{method: http.MethodDelete, path: tablePath + "/columns/{cid}", id: "remove-column", summary: "Remove a Scratch column", status: noContent}, s.removeColumn)
	s.viewRoutes()
}

// table reads the table and holds it against the snapshot of the path, so that
// a mistyped pair of ids is not found rather than quietly right.
func (s *server) table(ctx context.Context, in TablePath) (models.Table, error) {
	t, err := s.org(ctx).Table(ctx, in.TID)
	if err != nil {
		return t, err
	}
	if t.SnapshotID != in.ID {
		return t, models.NewProblem(models.KindNotFound, "table.not_found", "This snapshot has no such table.", "List the snapshot's tables.")
	}
	return t, nil
}

func (s *server) listTables(ctx context.Context, in *SnapshotPath) (*body[list[Table]], error) {
	if _, err := s.org(ctx).Snapshot(ctx, in.ID); err != nil {
		return nil, err
	}
	tables, err := s.org(ctx).ListTables(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return listOf(tables, "", showTable), nil
}

func (s *server) addTable(ctx context.Context, in *addTable) (*body[Table], error) {
	if _, err := s.org(ctx).Snapshot(ctx, in.ID); err != nil {
		return nil, err
	}
	schema, service, err := s.describe(ctx, in)
	if err != nil {
		return nil, err
	}
	name := in.Body.Name
	if name == "" {
		name = schema.Name
	}
	t, err := s.org(ctx).AddTable(ctx, models.Table{
		SnapshotID: in.ID, ConnectionID: in.Body.ConnectionID, Service: service, RemoteID: schema.RemoteID,
		Name: name, Columns: schema.Columns, ReadOnly: schema.ReadOnly, ReadOnlyWhy: schema.Why, Settings: schema.Settings,
	})
	if err != nil {
		return nil, err
	}
	return answer(showTable(t)), nil
}

func (s *server) describe(ctx context.Context, in *addTable) (connectors.Schema, string, error) {
	ctx, cancel := context.WithTimeout(ctx, MaxServiceWait)
	defer cancel()
	c, _, err := s.Connecting.Open(ctx, actorOf(ctx).OrganizationID, in.Body.ConnectionID)
	if err != nil {
		return connectors.Schema{}, "", err
	}
	defer closeQuietly(ctx, s.Log, c)
	describer, err := connectors.As[connectors.Describer](c, "describe the table")
	if err != nil {
		return connectors.Schema{}, "", err
	}
	describe := describer.Describe
	if outliner, can := c.(connectors.Outliner); can {
		describe = outliner.Outline // a person waits; the download describes the whole
	}
	schema, err := describe(ctx, in.Body.RemoteID, in.Body.Settings)
	return schema, c.Service(), err
}

func (s *server) getTable(ctx context.Context, in *TablePath) (*body[Table], error) {
	t, err := s.table(ctx, *in)
	if err != nil {
		return nil, err
	}
	return answer(showTable(t)), nil
}

func (s *server) renameTable(ctx context.Context, in *changeTable) (*body[Table], error) {
	if _, err := s.table(ctx, in.TablePath); err != nil {
		return nil, err
	}
	t, err := s.org(ctx).UpdateTable(ctx, in.TID, store.TableUpdate{Name: &in.Body.Name})
	if err != nil {
		return nil, err
	}
	return answer(showTable(t)), nil
}

func (s *server) removeTable(ctx context.Context, in *TablePath) (*nothing, error) {
	if _, err := s.table(ctx, *in); err != nil {
		return nil, err
	}
	return nil, s.org(ctx).RemoveTable(ctx, in.TID)
}

func (s *server) listSchemaChanges(ctx context.Context, in *schemaChangesInput) (*body[list[SchemaChange]], error) {
	if _, err := s.table(ctx, in.TablePath); err != nil {
		return nil, err
	}
	changes, next, err := s.org(ctx).ListSchemaChanges(ctx, in.TID, in.page())
	if err != nil {
		return nil, err
	}
	return listOf(changes, next, func(c models.SchemaChange) SchemaChange {
		return SchemaChange{ID: c.ID, Kind: c.Kind, Column: c.Column, From: c.From, To: c.To, At: c.At}
	}), nil
}

func (s *server) addColumn(ctx context.Context, in *addColumn) (*body[models.Column], error) {
	if _, err := s.table(ctx, in.TablePath); err != nil {
		return nil, err
	}
	column, err := s.org(ctx).AddColumn(ctx, in.TID, models.Column{Name: in.Body.Name, Kind: in.Body.Kind})
	if err != nil {
		return nil, err
	}
	return answer(column), nil
}

func (s *server) renameColumn(ctx context.Context, in *changeColumn) (*body[models.Column], error) {
	table, err := s.table(ctx, in.TablePath)
	if err != nil {
		return nil, err
	}
	column, _ := table.Column(in.CID) // one that is not there is refused by the store
	column.ID, column.Name = in.CID, in.Body.Name
	column, err = s.org(ctx).UpdateColumn(ctx, in.TID, column)
	if err != nil {
		return nil, err
	}
	return answer(column), nil
}

func (s *server) removeColumn(ctx context.Context, in *ColumnPath) (*nothing, error) {
	if _, err := s.table(ctx, in.TablePath); err != nil {
		return nil, err
	}
	return nil, s.org(ctx).RemoveColumn(ctx, in.TID, in.CID)
}
