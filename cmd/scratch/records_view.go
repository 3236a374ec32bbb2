package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

// maxShownColumns bounds the columns a table for people has when none are named.
const maxShownColumns = 5

func writeRecords(w io.Writer, t api.Table, page api.RecordsPage, wanted string) error {
	shown, err := shownColumns(t, wanted)
	if err != nil {
		return err
	}
	list := columns{heads: []string{"ID", "STATE"}, limits: []int{20, 24}}
	for _, c := range shown {
		list.heads = append(list.heads, plain(c.Name))
		list.limits = append(list.limits, 0)
	}
	for _, r := range page.Items {
		row := []string{r.ID, recordState(r)}
		for _, c := range shown {
			row = append(row, cellText(models.CellOf(r.Fields, c.ID)))
		}
		list.add(row...)
	}
	if err := list.write(w); err != nil {
		return err
	}
	total := grouped(page.Total)
	if !page.TotalExact {
		total += "+"
	}
	fmt.Fprintf(w, "\n%s of %s", grouped(int64(len(page.Items))), total)
	if page.Preparing {
		fmt.Fprint(w, "; an index for this sort is being built")
	}
	if page.NextCursor != "" {
		fmt.Fprintf(w, "; more with --cursor %s", plain(page.NextCursor))
	}
	_, err = fmt.Fprintln(w)
	return err
}

func shownColumns(t api.Table, wanted string) ([]models.Column, error) {
	var shown []models.Column
	if wanted != "" {
		for _, said := range strings.Split(wanted, ",") {
			c, err := columnOf(t, strings.TrimSpace(said))
			if err != nil {
				return nil, err
			}
			shown = append(shown, c)
		}
		return shown, nil
	}
	for _, c := range t.Columns {
		if !c.Removed && len(shown) < maxShownColumns {
			shown = append(shown, c)
		}
	}
	return shown, nil
}

// recordState says what is particular about a record; nothing for most.
func recordState(r api.Record) string {
	var words []string
	if r.State != models.RecordLive.String() {
		words = append(words, r.State)
	}
	if len(r.Edits) > 0 && r.State == models.RecordLive.String() {
		words = append(words, "edited")
	}
	if len(r.Conflicts) > 0 {
		words = append(words, "conflict")
	}
	return strings.Join(words, ", ")
}

// cellText is a cell in words: text as it is, everything else as JSON.
func cellText(value json.RawMessage) string {
	if len(value) == 0 || string(value) == "null" {
		return ""
	}
	var text string
	if value[0] == '"' && json.Unmarshal(value, &text) == nil {
		return text
	}
	var b bytes.Buffer
	if json.Compact(&b, value) != nil {
		return string(value)
	}
	return b.String()
}
