package models_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

var postColumns = []models.Column{
	{ID: "title", Name: "Title", Kind: models.ColumnText},
	{ID: "views", Name: "Views", Kind: models.ColumnInteger},
	{ID: "price", Name: "Price", Kind: models.ColumnNumber},
	{ID: "sticky", Name: "Sticky", Kind: models.ColumnBoolean},
	{ID: "status", Name: "Status", Kind: models.ColumnSelect, Options: []models.Option{{ID: "draft"}, {ID: "publish"}}},
	{ID: "tags", Name: "Tags", Kind: models.ColumnMultiSelect},
	{ID: "date", Name: "Date", Kind: models.ColumnDateTime},
	{ID: "link", Name: "Link", Kind: models.ColumnURL, ReadOnly: true},
	{ID: "mail", Name: "Mail", Kind: models.ColumnEmail},
	{ID: "old", Name: "Old", Kind: models.ColumnText, Removed: true},
}

func TestParseQuery(t *testing.T) {
	q, err := models.ParseQuery(`{"op":"and","nodes":[{"op":"eq","column":"title","value":"a"},{"op":"not","nodes":[{"op":"empty","column":"tags"}]},{"op":"id","value":["1",2]}]}`, "-date,title", postColumns)
	require.NoError(t, err)
	require.Equal(t, []models.Sort{{Column: "date", Descending: true}, {Column: "title"}}, q.Sort)
	require.Len(t, q.Filter.Nodes, 3)

	q, err = models.ParseQuery("", `[{"column":"title","descending":true}]`, postColumns)
	require.NoError(t, err)
	require.Nil(t, q.Filter)
	require.True(t, q.Sort[0].Descending)
}

func TestParseQueryNamesTheField(t *testing.T) {
	deep := strings.Repeat(`{"op":"not","nodes":[`, 9) + `{"op":"edited"}` + strings.Repeat(`]}`, 9)
	wide := `{"op":"or","nodes":[` + strings.TrimSuffix(strings.Repeat(`{"op":"edited"},`, 101), ",") + `]}`
	for filter, field := range map[string]string{
		`{"op":"eq","column":"nope","value":1}`:                "filter.column",
		`{"op":"eq","value":1}`:                                "filter.column",
		`{"op":"eq","column":"title"}`:                         "filter.value",
		`{"op":"eq","column":"views","value":"many"}`:          "filter.value",
		`{"op":"eq","column":"sticky","value":"yes"}`:          "filter.value",
		`{"op":"eq","column":"title","value":{"a":1}}`:         "filter.value",
		`{"op":"contains","column":"title","value":3}`:         "filter.value",
		`{"op":"contains","column":"title","value":"\u0000"}`:  "filter",
		`{"op":"search","value":""}`:                           "filter.value",
		`{"op":"search","column":"title","value":"x"}`:         "filter.column",
		`{"op":"in","column":"title","value":"x"}`:             "filter.value",
		`{"op":"in","column":"title","value":[]}`:              "filter.value",
		`{"op":"state","value":"gone"}`:                        "filter.value",
		`{"op":"id","value":["x"]}`:                            "filter.value[0]",
		`{"op":"and","nodes":[{"op":"drop table"}]}`:           "filter.nodes[0].op",
		`{"op":"not","nodes":[]}`:                              "filter.nodes",
		`{"op":"or","nodes":[]}`:                               "filter.nodes",
		`{"op":"edited","nodes":[{"op":"edited"}]}`:            "filter.nodes",
		`{"op":"empty","column":"title","value":1}`:            "filter.value",
		`{"op":"eq","column":"title","value":"a","sql":"1=1"}`: "filter",
		`[1]`: "filter",
		`{`:   "filter",
		deep:  "filter" + strings.Repeat(".nodes[0]", 8),
		wide:  "filter.nodes[99]",
		`{"op":"search","value":"` + strings.Repeat("x", 2000) + `"}`:  "filter.value",
		`{"op":"eq","column":"title","value":"` + longText(70) + `"}`:  "filter.value",
		`{"op":"eq","column":"title","value":"` + longText(300) + `"}`: "filter",
	} {
		_, err := models.ParseQuery(filter, "", postColumns)
		problem, ok := models.AsProblem(err)
		require.Truef(t, ok, "%.80s: %v", filter, err)
		require.Equal(t, "records.invalid_query", problem.Code)
		require.NotEmpty(t, problem.Hint)
		require.Equalf(t, field, problem.Fields[0].Field, "%.80s", filter)
	}
	for sort, field := range map[string]string{"nope": "sort[0].column", "title,title": "sort[1].column", "title,date,views,price,tags": "sort", `[{"by":"x"}]`: "sort"} {
		_, err := models.ParseQuery("", sort, postColumns)
		problem, _ := models.AsProblem(err)
		require.NotNil(t, problem, sort)
		require.Equal(t, field, problem.Fields[0].Field)
	}
}

func longText(kilobytes int) string { return strings.Repeat("x", kilobytes<<10) }

func FuzzParseQuery(f *testing.F) {
	f.Add(`{"op":"and","nodes":[{"op":"in","column":"title","value":["a"]}]}`, "-title")
	f.Add(`{"op":"eq","column":"views","value":1e2}`, `[{"column":"date"}]`)
	f.Fuzz(func(t *testing.T, filter, sort string) {
		q, err := models.ParseQuery(filter, sort, postColumns)
		if err != nil {
			_, ok := models.AsProblem(err)
			require.True(t, ok, "an error of another kind: %v", err)
			return
		}
		require.NoError(t, models.CheckQuery(&q, postColumns), "what was accepted once is accepted again")
	})
}

func TestCheckValue(t *testing.T) {
	for _, c := range []struct{ column, in, want string }{
		{"title", `"a"`, `"a"`},
		{"title", `null`, `null`},
		{"title", `3`, "records.invalid_value"},
		{"title", `"a\u0000"`, "records.invalid_character"},
		{"title", `{`, "records.invalid_json"},
		{"views", `12`, `"12"`},
		{"views", `"1.0"`, `"1"`},
		{"views", `"1.5"`, "records.invalid_value"},
		{"views", `""`, `null`},
		{"price", `1.50`, `"1.50"`},
		{"price", `"1e3"`, `"1000"`},
		{"price", `"cheap"`, "records.invalid_value"},
		{"price", `12345678901234567890.123456789`, `"12345678901234567890.123456789"`},
		{"sticky", `true`, `true`},
		{"sticky", `"true"`, "records.invalid_value"},
		{"status", `"draft"`, `"draft"`},
		{"status", `"secret"`, "records.unknown_option"},
		{"tags", `["a"]`, `["a"]`},
		{"tags", `"a"`, "records.invalid_value"},
		{"tags", `[1]`, "records.invalid_value"},
		{"date", `"2026-01-31T15:04:05+01:00"`, `"2026-01-31T14:04:05Z"`},
		{"date", `"2026-01-31T15:04:05"`, `"2026-01-31T15:04:05"`},
		{"date", `"yesterday"`, "records.invalid_value"},
		{"mail", `"a@b.example"`, `"a@b.example"`},
		{"mail", `"a"`, "records.invalid_value"},
		{"link", `"https://x.example"`, "records.column_read_only"},
		{"old", `"x"`, "records.column_removed"},
	} {
		column := models.Column{}
		for _, p := range postColumns {
			if p.ID == c.column {
				column = p
			}
		}
		got, err := models.CheckValue(column, json.RawMessage(c.in))
		if problem, ok := models.AsProblem(err); ok {
			require.Equalf(t, c.want, problem.Code, "%s = %s", c.column, c.in)
			require.NotEmpty(t, problem.Hint)
			require.Equal(t, c.column, problem.Fields[0].Field)
			continue
		}
		require.NoError(t, err)
		require.Equalf(t, c.want, string(got), "%s = %s", c.column, c.in)
	}
	_, err := models.CheckValue(postColumns[0], json.RawMessage(`"`+strings.Repeat("x", models.MaxCellBytes)+`"`))
	require.True(t, models.HasCode(err, "records.value_too_large"))
}

func TestCheckFieldsReportsEveryFault(t *testing.T) {
	_, err := models.CheckFields(postColumns, fields("views", `"x"`, "nope", `1`, "title", `"fine"`, "date", `3`))
	problem, ok := models.AsProblem(err)
	require.True(t, ok)
	var named []string
	for _, f := range problem.Fields {
		named = append(named, fmt.Sprintf("%s %s", f.Field, f.Code))
	}
	require.Equal(t, []string{"date records.invalid_value", "nope records.unknown_column", "views records.invalid_value"}, named)
}
