package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

// Limits of a plan as it is printed.
const (
	maxShownItems = 100
	itemsPage     = 200
	valueWidth    = 60
	diffContext   = 20 // characters kept on each side of what differs
)

// writePlan prints a plan for review: the sum, what the service would refuse,
// and every change as old → new, page by page.
func (s *session) writePlan(ctx context.Context, w io.Writer, plan api.Plan, query url.Values, every bool) error {
	fmt.Fprintf(w, "Plan %s, %s: %s\n", plan.ID, plan.State, countsLine(plan.Counts))
	fmt.Fprintf(w, "Hash %s\n", plain(plan.Hash))
	for i := range plan.Problems {
		writeProblem(w, "would fail", &plan.Problems[i])
	}
	tables, err := s.tables(ctx, plan.SnapshotID)
	if err != nil {
		return err
	}
	known := make(map[string]api.Table, len(tables))
	for _, t := range tables {
		known[t.ID] = t
	}
	query.Set("limit", strconv.Itoa(itemsPage))
	shown := 0
	for {
		page, err := get[listOf[api.Item]](ctx, s.client, planPath(plan.ID)+"/items?"+query.Encode())
		if err != nil {
			return err
		}
		for i := range page.Items {
			if !every && shown == maxShownItems {
				_, err := fmt.Fprintf(w, "\n… and more: 'scratch publish show %s --all' shows every change.\n", plan.ID)
				return err
			}
			writeItem(w, known[page.Items[i].TableID], &page.Items[i])
			shown++
		}
		if page.NextCursor == "" {
			return nil
		}
		query.Set("cursor", page.NextCursor)
	}
}

var itemWords = map[models.Operation]string{models.OpCreate: "create", models.OpUpdate: "update", models.OpDelete: "delete"}

func writeItem(w io.Writer, t api.Table, item *api.Item) {
	name := item.Label
	if name == "" {
		name = "record " + item.RecordID
	}
	fmt.Fprintf(w, "\n%s  %s: %s  [%s]", itemWords[item.Op], fit(t.Name, 40), fit(name, 80), item.ID)
	if item.State != models.ItemPlanned {
		fmt.Fprintf(w, "  %s", item.State)
	}
	if item.Blocked {
		fmt.Fprint(w, "  blocked: it will not be sent")
	}
	fmt.Fprintln(w)
	if item.Op == models.OpUpdate {
		_ = writeChanges(w, t, item.EditBases, item.Values)
	}
	if item.Op == models.OpCreate {
		for _, column := range slices.Sorted(maps.Keys(item.Values)) {
			fmt.Fprintf(w, "  %s: %s\n", columnLabel(t, column), shownValue(item.Values[column], 2*valueWidth))
		}
	}
	for _, column := range slices.Sorted(maps.Keys(item.Theirs)) {
		fmt.Fprintf(w, "  %s at the service now: %s\n", columnLabel(t, column), shownValue(item.Theirs[column], 2*valueWidth))
	}
	if item.Problem != nil {
		writeProblem(w, "  problem", item.Problem)
	}
}

// writeChanges prints one line per cell: column: old → new.
func writeChanges(w io.Writer, t api.Table, from, to models.Fields) error {
	for _, column := range slices.Sorted(maps.Keys(to)) {
		before, after := narrowed(cellText(from[column]), cellText(to[column]))
		if _, err := fmt.Fprintf(w, "  %s: %s → %s\n", columnLabel(t, column), emptyOr(before), emptyOr(after)); err != nil {
			return err
		}
	}
	return nil
}

func columnLabel(t api.Table, id string) string {
	for _, c := range t.Columns {
		if c.ID == id {
			return fit(c.Name, 40)
		}
	}
	return fit(id, 40)
}

func shownValue(value json.RawMessage, width int) string { return emptyOr(fit(cellText(value), width)) }

func emptyOr(text string) string {
	if text == "" {
		return "(empty)"
	}
	return text
}

// narrowed cuts two long texts to where they differ, so that a comma changed on
// the tenth page can be seen.
func narrowed(before, after string) (string, string) {
	if utf8.RuneCountInString(before) <= valueWidth && utf8.RuneCountInString(after) <= valueWidth {
		return fit(before, valueWidth), fit(after, valueWidth)
	}
	a, b := []rune(before), []rune(after)
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < len(a)-start && end < len(b)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	return window(a, start, end), window(b, start, end)
}

func window(text []rune, start, end int) string {
	from, to := max(0, start-diffContext), min(len(text), len(text)-end+diffContext)
	lead, trail := "", ""
	if from > 0 {
		lead = "…"
	}
	if to < len(text) {
		trail = "…"
	}
	return lead + fit(string(text[from:to]), valueWidth) + trail
}
