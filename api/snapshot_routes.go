package api

import (
	"context"
	"net/http"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// Snapshot is a workspace of tables.
type Snapshot struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func showSnapshot(m models.Snapshot) Snapshot {
	return Snapshot{ID: m.ID, Name: m.Name, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt}
}

// SnapshotPath names a snapshot. Embedded, so exported: that is
// where huma looks.
type SnapshotPath struct {
	ID string `path:"id" maxLength:"64"`
}

// NameBody is the body of a request that names something. Embedded, so exported: that is
// where huma looks.
type NameBody struct {
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"200"`
	}
}

type renameSnapshot struct {
	SnapshotPath
	NameBody
}

func (s *server) snapshotRoutes() {
	serve(s, route{method: http.MethodGet, path: "/api/v1/snapshots", id: "list-snapshots", summary: "Your snapshots"}, s.listSnapshots)
	serve(s, route{method: http.MethodPost, path: "/api/v1/snapshots", id: "create-snapshot", summary: "Make an empty snapshot", status: http.StatusCreated}, s.createSnapshot)
	serve(s, route{method: http.MethodGet, path: "/api/v1/snapshots/{id}", id: "get-snapshot", summary: "One snapshot"}, s.getSnapshot)
	serve(s, route{method: http.MethodPatch, path: "/api/v1/snapshots/{id}", id: "rename-snapshot", summary: "Rename a snapshot"}, s.renameSnapshot)
	serve(s, route{method: http.MethodDelete, path: "/api/v1/snapshots/{id}", id: "delete-snapshot", summary: "Delete a snapshot and everything in it; nothing changes at the services", status: noContent}, s.deleteSnapshot)
}

func (s *server) listSnapshots(ctx context.Context, in *Paging) (*body[list[Snapshot]], error) {
	items, next, err := s.org(ctx).ListSnapshots(ctx, in.page())
	if err != nil {
		return nil, err
	}
	return listOf(items, next, showSnapshot), nil
}

func (s *server) createSnapshot(ctx context.Context, in *NameBody) (*body[Snapshot], error) {
	id := models.NewID(models.PrefixSnapshot)
	if err := s.org(ctx).CreateSnapshot(ctx, models.Snapshot{ID: id, Name: in.Body.Name}); err != nil {
		return nil, err
	}
	return s.getSnapshot(ctx, &SnapshotPath{ID: id})
}

func (s *server) getSnapshot(ctx context.Context, in *SnapshotPath) (*body[Snapshot], error) {
	m, err := s.org(ctx).Snapshot(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(showSnapshot(m)), nil
}

func (s *server) renameSnapshot(ctx context.Context, in *renameSnapshot) (*body[Snapshot], error) {
	if err := s.org(ctx).RenameSnapshot(ctx, in.ID, in.Body.Name); err != nil {
		return nil, err
	}
	return s.getSnapshot(ctx, &in.SnapshotPath)
}

func (s *server) deleteSnapshot(ctx context.Context, in *SnapshotPath) (*nothing, error) {
	return nil, s.org(ctx).DeleteSnapshot(ctx, in.ID)
}
