package api

import (
	"context"
	"net/http"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// View is a saved filter, sort and choice of columns.
type View struct {
	ID        string       `json:"id"`
	TableID   string       `json:"table_id"`
	Name      string       `json:"name"`
	Query     models.Query `json:"query"`
	Columns   []string     `json:"columns" nullable:"false" doc:"Shown, in order; empty shows all."`
	Version   int64        `json:"version"`
	CreatedAt time.Time    `json:"created_at"`
}

func showView(v models.View) View {
	return View{ID: v.ID, TableID: v.TableID, Name: v.Name, Query: v.Query, Columns: append([]string{}, v.Columns...), Version: v.Version, CreatedAt: v.CreatedAt}
}

// ViewPath names a view of a table. Embedded, so exported: that is
// where huma looks.
type ViewPath struct {
	TablePath
	VID string `path:"vid" maxLength:"64"`
}

// ViewBody is the body of a request that saves a view. Embedded, so exported: that is
// where huma looks.
type ViewBody struct {
	Body struct {
		Name    string       `json:"name" minLength:"1" maxLength:"200"`
		Query   models.Query `json:"query,omitempty"`
		Columns []string     `json:"columns,omitempty" maxItems:"2000"`
		Version int64        `json:"version,omitempty" doc:"On a change: the version you saw."`
	}
}

type createView struct {
	TablePath
	ViewBody
}

type changeView struct {
	ViewPath
	ViewBody
}

func (s *server) viewRoutes() {
	serve(s, route{method: http.MethodGet, path: tablePath + "/views", id: "list-views", summary: "A table's views"}, s.listViews)
	serve(s, route{method: http.MethodPost, path: tablePath + "/views", id: "create-view", summary: "Save a view", status: http.StatusCreated}, s.createView)
	serve(s, route{method: http.MethodPatch, path: tablePath + "/views/{vid}", id: "change-view", summary: "Change a view"}, s.changeView)
	serve(s, route{method: http.MethodDelete, path: tablePath + "/views/{vid}", id: "delete-view", summary: "Delete a view", status: noContent}, s.deleteView)
}

func (s *server) listViews(ctx context.Context, in *TablePath) (*body[list[View]], error) {
	if _, err := s.table(ctx, *in); err != nil {
		return nil, err
	}
	views, err := s.org(ctx).ListViews(ctx, in.TID)
	if err != nil {
		return nil, err
	}
	return listOf(views, "", showView), nil
}

func (s *server) createView(ctx context.Context, in *createView) (*body[View], error) {
	t, err := s.table(ctx, in.TablePath)
	if err != nil {
		return nil, err
	}
	if err := models.CheckQuery(&in.Body.Query, t.Columns); err != nil {
		return nil, err
	}
	v, err := s.org(ctx).CreateView(ctx, models.View{TableID: in.TID, Name: in.Body.Name, Query: in.Body.Query, Columns: in.Body.Columns})
	if err != nil {
		return nil, err
	}
	return answer(showView(v)), nil
}

func (s *server) changeView(ctx context.Context, in *changeView) (*body[View], error) {
	t, err := s.table(ctx, in.TablePath)
	if err != nil {
		return nil, err
	}
	if err := models.CheckQuery(&in.Body.Query, t.Columns); err != nil {
		return nil, err
	}
	v, err := s.org(ctx).UpdateView(ctx, models.View{
		ID: in.VID, TableID: in.TID, Name: in.Body.Name, Query: in.Body.Query, Columns: in.Body.Columns, Version: in.Body.Version,
	})
	if err != nil {
		return nil, err
	}
	return answer(showView(v)), nil
}

func (s *server) deleteView(ctx context.Context, in *ViewPath) (*nothing, error) {
	if _, err := s.table(ctx, in.TablePath); err != nil {
		return nil, err
	}
	return nil, s.org(ctx).DeleteView(ctx, in.VID)
}
