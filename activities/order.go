package activities

import (
	"slices"
	"strings"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// ordered puts groups into the order they go out: creates of a referenced table
// before those of the tables that refer to it, then updates, then deletes, where
// the referring table goes first. Tables that refer to each other keep the
// order of their ids; their items wait for one another (see references.go).
func ordered(planned []store.PlanGroup, tables map[string]models.Table) []Group {
	rank := ranks(tables)
	stage := map[models.Operation]int{models.OpCreate: 0, models.OpUpdate: 1, models.OpDelete: 2}
	groups := make([]Group, 0, len(planned))
	for _, g := range planned {
		groups = append(groups, Group{TableID: g.TableID, Op: g.Op, ConnectionID: tables[g.TableID].ConnectionID})
	}
	slices.SortFunc(groups, func(a, b Group) int {
		if by := stage[a.Op] - stage[b.Op]; by != 0 {
			return by
		}
		by := rank[a.TableID] - rank[b.TableID]
		if a.Op == models.OpDelete {
			by = -by
		}
		if by != 0 {
			return by
		}
		return strings.Compare(a.TableID, b.TableID)
	})
	return groups
}

// ranks numbers tables so that a referenced one comes before its referrers,
// cycles aside.
func ranks(tables map[string]models.Table) map[string]int {
	ids := make([]string, 0, len(tables))
	byRemote := make(map[[2]string]string, len(tables))
	for id, t := range tables {
		ids = append(ids, id)
		byRemote[[2]string{t.ConnectionID, t.RemoteID}] = id
	}
	slices.Sort(ids)
	rank := make(map[string]int, len(tables))
	visiting := make(map[string]bool)
	var visit func(id string)
	visit = func(id string) {
		if _, done := rank[id]; done || visiting[id] {
			return
		}
		visiting[id] = true
		t := tables[id]
		for _, c := range t.Columns {
			if to, here := byRemote[[2]string{t.ConnectionID, c.References}]; here && c.References != "" && !c.Removed {
				visit(to)
			}
		}
		rank[id] = len(rank)
	}
	for _, id := range ids {
		visit(id)
	}
	return rank
}
