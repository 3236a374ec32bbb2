package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

// Paths of the API.
const (
	connectionsPath = "/api/v1/connections"
	snapshotsPath   = "/api/v1/snapshots"
	plansPath       = "/api/v1/publish-plans"
	jobsPath        = "/api/v1/jobs"
	uploadsPath     = "/api/v1/uploads"
)

func snapshotPath(id string) string { return snapshotsPath + "/" + url.PathEscape(id) }

func tablePath(t api.Table) string {
	return snapshotPath(t.SnapshotID) + "/tables/" + url.PathEscape(t.ID)
}

func connectionPath(id string) string { return connectionsPath + "/" + url.PathEscape(id) }

func jobPath(id string) string { return jobsPath + "/" + url.PathEscape(id) }

func planPath(id string) string { return plansPath + "/" + url.PathEscape(id) }

// get reads one thing.
func get[T any](ctx context.Context, c *client, path string) (T, error) {
	return ask[T](ctx, c, http.MethodGet, path, nil)
}

// ask sends a request and reads its answer.
func ask[T any](ctx context.Context, c *client, method, path string, in any) (T, error) {
	var out T
	err := c.call(ctx, method, path, in, &out)
	return out, err
}

// named is a thing that can be called by id or by name, its own name first.
type named struct {
	id    string
	names []string
}

// lists are the commands that list what is not listed by '<word> list'.
var lists = map[string]string{"connector": "connectors", "table": "table list <snapshot>", "column": "table show <snapshot> <table>"}

// pick finds the one thing a person means: by id, then by its name, then by the
// other names it goes by, then by a name that differs in case only. Two that
// fit equally well are refused with both ids.
func pick[T any](word, said string, items []T, what func(T) named) (T, error) {
	var none T
	fits := []func(named) bool{
		func(n named) bool { return n.id == said },
		func(n named) bool { return len(n.names) > 0 && n.names[0] == said },
		func(n named) bool { return slices.Contains(n.names, said) },
		func(n named) bool {
			return slices.ContainsFunc(n.names, func(name string) bool { return strings.EqualFold(name, said) })
		},
	}
	for _, fit := range fits {
		var found []T
		var ids []string
		for _, item := range items {
			if n := what(item); fit(n) {
				found, ids = append(found, item), append(ids, n.id)
			}
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			return none, badInput(word+".ambiguous", fmt.Sprintf("%d %ss are called %q.", len(found), word, plain(said)), "Name one by its id: "+strings.Join(ids, ", ")+".")
		}
	}
	list, ok := lists[word]
	if !ok {
		list = word + " list"
	}
	return none, badInput(word+".not_found", fmt.Sprintf("There is no %s %q.", word, plain(said)), "List them with 'scratch "+list+"'.")
}

func (s *session) snapshot(ctx context.Context, said string) (api.Snapshot, error) {
	if models.ValidID(models.PrefixSnapshot, said) {
		return get[api.Snapshot](ctx, s.client, snapshotPath(said))
	}
	items, err := all[api.Snapshot](ctx, s.client, snapshotsPath, nil)
	if err != nil {
		return api.Snapshot{}, err
	}
	return pick("snapshot", said, items, func(m api.Snapshot) named { return named{m.ID, []string{m.Name}} })
}

func (s *session) connection(ctx context.Context, said string) (api.Connection, error) {
	if models.ValidID(models.PrefixConnection, said) {
		return get[api.Connection](ctx, s.client, connectionPath(said))
	}
	items, err := all[api.Connection](ctx, s.client, connectionsPath, nil)
	if err != nil {
		return api.Connection{}, err
	}
	return pick("connection", said, items, func(c api.Connection) named { return named{c.ID, []string{c.Name}} })
}

func (s *session) tables(ctx context.Context, snapshotID string) ([]api.Table, error) {
	return all[api.Table](ctx, s.client, snapshotPath(snapshotID)+"/tables", nil)
}

// table finds a table of a snapshot, both by name or id.
func (s *session) table(ctx context.Context, snapshot, said string) (api.Table, error) {
	tables, err := s.chosen(ctx, snapshot, []string{said})
	if err != nil {
		return api.Table{}, err
	}
	return tables[0], nil
}

// chosen finds the named tables of a snapshot.
func (s *session) chosen(ctx context.Context, snapshot string, said []string) ([]api.Table, error) {
	m, err := s.snapshot(ctx, snapshot)
	if err != nil {
		return nil, err
	}
	tables, err := s.tables(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	return pickTables(tables, said)
}

func pickTables(tables []api.Table, said []string) ([]api.Table, error) {
	chosen := make([]api.Table, 0, len(said))
	for _, one := range said {
		t, err := pick("table", one, tables, func(t api.Table) named { return named{t.ID, []string{t.Name, t.RemoteID}} })
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, t)
	}
	return chosen, nil
}

// columnOf finds a table's column by id or name.
func columnOf(t api.Table, said string) (models.Column, error) {
	c, err := pick("column", said, t.Columns, func(c models.Column) named { return named{c.ID, []string{c.Name}} })
	if err == nil {
		return c, nil
	}
	names := make([]string, 0, len(t.Columns))
	for _, one := range t.Columns {
		names = append(names, one.ID)
	}
	p, _ := models.AsProblem(err)
	if p.Code == "column.not_found" {
		return c, badInput(p.Code, p.Detail, "The table has: "+models.Bound(plain(strings.Join(names, ", ")), 500)+".")
	}
	return c, err
}
