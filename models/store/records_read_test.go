package store

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/scratch-platform/scratch/models"
)

// remoteIDs reads all pages of a query, a few records at a time, and gives the
// records' remote ids in order.
func remoteIDs(t require.TestingT, org *Org, tableID string, query models.Query, limit int) []string {
	var ids []string
	options := ReadOptions{Query: query, Limit: limit, At: -1}
	for {
		page, err := org.ReadRecords(contextOf(t), tableID, options)
		require.NoError(t, err)
		for _, r := range page.Records {
			ids = append(ids, r.RemoteID)
		}
		if page.NextCursor == "" {
			require.EqualValues(t, len(ids), page.Total, "the total is what was read")
			require.True(t, page.TotalExact)
			return ids
		}
		options.Cursor = page.NextCursor
	}
}

func query(t require.TestingT, filter, sort string, columns []models.Column) models.Query {
	q, err := models.ParseQuery(filter, sort, columns)
	require.NoError(t, err)
	return q
}

func TestFiltersAndSorts(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _, table := posts(t, s)
		download(t, org, table, job(t, org, 1),
			remote("a", "title", `"Zebra"`, "views", `"10"`, "tags", `["x","y"]`, "sticky", `true`, "date", `"2026-01-01T00:00:00Z"`),
			remote("b", "title", `"apple \"pie\""`, "views", `"9.50"`, "tags", `[]`, "sticky", `false`),
			remote("c", "title", `""`, "views", `"-1"`, "tags", `null`),
			remote("d", "title", `null`, "views", `"12345678901234567890"`, "tags", `["Y"]`),
			remote("e", "views", `"12345678901234567891"`, "date", `"2025-12-31T00:00:00Z"`),
			remote("f", "title", `"Éclair"`, "views", `"many"`),
			remote("g", "title", `"apple"`, "views", `"0.5e1"`))
		edit(t, org, table.ID, "g", "title", `"Banana"`)
		edit(t, org, table.ID, "e", "note", `"a note"`)
		for _, c := range []struct{ filter, sort, want string }{
			{``, ``, "abcdefg"},
			{``, `title`, "bgafcde"},
			{``, `-title`, "fagbcde"},
			{``, `views`, "cgbadef"},
			{``, `-views`, "edabgcf"},
			{``, `-sticky`, "abcdefg"},
			{``, `sticky`, "bacdefg"},
			{``, `tags`, "adbcefg"},
			{``, `-date`, "aebcdfg"},
			{``, `-tags,title`, "dabgfce"},
			{`{"op":"eq","column":"title","value":"Banana"}`, ``, "g"},
			{`{"op":"eq","column":"title","value":"banana"}`, ``, ""},
			{`{"op":"ne","column":"title","value":"Banana"}`, ``, "abcdef"},
			{`{"op":"eq","column":"title","value":""}`, ``, "c"},
			{`{"op":"eq","column":"views","value":"5.0"}`, ``, "g"},
			{`{"op":"eq","column":"views","value":12345678901234567890}`, ``, "d"},
			{`{"op":"gt","column":"views","value":9.5}`, `views`, "ade"},
			{`{"op":"gte","column":"views","value":9.5}`, `views`, "bade"},
			{`{"op":"lt","column":"views","value":5}`, ``, "c"},
			{`{"op":"lte","column":"views","value":5}`, ``, "cg"},
			{`{"op":"eq","column":"sticky","value":true}`, ``, "a"},
			{`{"op":"ne","column":"sticky","value":true}`, ``, "bcdefg"},
			{`{"op":"contains","column":"title","value":"APP"}`, ``, "b"},
			{`{"op":"contains","column":"title","value":"\"pie"}`, ``, "b"},
			{`{"op":"not_contains","column":"title","value":"app"}`, ``, "acdefg"},
			{`{"op":"contains","column":"title","value":"%"}`, ``, ""},
			{`{"op":"starts_with","column":"title","value":"É"}`, ``, "f"},
			{`{"op":"starts_with","column":"title","value":"bAn"}`, ``, "g"},
			{`{"op":"in","column":"title","value":["Zebra","Éclair","zebra"]}`, ``, "af"},
			{`{"op":"in","column":"views","value":[10,"-1"]}`, ``, "ac"},
			{`{"op":"has","column":"tags","value":"y"}`, ``, "a"},
			{`{"op":"eq","column":"tags","value":"Y"}`, ``, "d"},
			{`{"op":"empty","column":"title"}`, ``, "cde"},
			{`{"op":"not_empty","column":"tags"}`, ``, "ad"},
			{`{"op":"empty","column":"tags"}`, ``, "bcefg"},
			{`{"op":"search","value":"note"}`, ``, "e"},
			{`{"op":"search","value":"x\",\"y"}`, ``, "a"},
			{`{"op":"search","value":"apple"}`, ``, "b"},
			{`{"op":"edited"}`, ``, "g"},
			{`{"op":"edited","column":"note"}`, ``, "e"},
			{`{"op":"not","nodes":[{"op":"edited"}]}`, ``, "abcdef"},
			{`{"op":"state","value":"live"}`, ``, "abcdefg"},
			{`{"op":"state","value":"deleted"}`, ``, ""},
			{`{"op":"id","value":["1","3",99]}`, ``, "ac"},
			{`{"op":"conflict"}`, ``, ""},
			{`{"op":"suggested"}`, ``, ""},
			{`{"op":"or","nodes":[{"op":"eq","column":"title","value":"Zebra"},{"op":"and","nodes":[{"op":"not_empty","column":"date"},{"op":"lt","column":"date","value":"2026"}]}]}`, `-title`, "ae"},
			{`{"op":"not","nodes":[{"op":"gt","column":"views","value":0}]}`, ``, "cf"},
		} {
			for _, limit := range []int{1, 2, 100} {
				got := remoteIDs(t, org, table.ID, query(t, c.filter, c.sort, table.Columns), limit)
				require.Equalf(t, c.want, strings.Join(got, ""), "filter %s sort %s by %d", c.filter, c.sort, limit)
			}
		}

		download(t, org, table, job(t, org, 2), remote("g", "title", `"changed there"`))
		require.Equal(t, []string{"g"}, remoteIDs(t, org, table.ID, query(t, `{"op":"conflict"}`, ``, table.Columns), 10))
		require.Equal(t, []string{"g"}, remoteIDs(t, org, table.ID, query(t, `{"op":"conflict","column":"title"}`, ``, table.Columns), 10))
		require.Empty(t, remoteIDs(t, org, table.ID, query(t, `{"op":"conflict","column":"views"}`, ``, table.Columns), 10))
	})
}

func TestReadingByOrdinalAndByCursorAgree(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _, table := posts(t, s)
		var records []RemoteRecord
		for i := range 57 {
			title := `""`
			if i%3 > 0 {
				title = fmt.Sprintf(`"t%02d"`, i%7)
			}
			records = append(records, remote(fmt.Sprintf("r%02d", i), "title", title, "views", fmt.Sprintf(`"%d"`, i%4)))
		}
		download(t, org, table, job(t, org, 1), records...)
		for _, sort := range []string{"", "title", "-title", "views,-title", "-title,views"} {
			q := query(t, `{"op":"ne","column":"views","value":3}`, sort, table.Columns)
			all := remoteIDs(t, org, table.ID, q, 7)
			for at := range len(all) + 1 {
				page, err := org.ReadRecords(t.Context(), table.ID, ReadOptions{Query: q, At: int64(at), Limit: 5})
				require.NoError(t, err)
				var got []string
				for _, r := range page.Records {
					got = append(got, r.RemoteID)
				}
				require.Equalf(t, all[at:min(at+5, len(all))], append([]string{}, got...), "sort %q at %d", sort, at)
			}
			// The anchors of large tables must say the same as skipping does.
			v, err := org.view(t.Context(), table.ID, q)
			require.NoError(t, err)
			places, err := v.everyNth(t.Context(), 10)
			require.NoError(t, err)
			require.Len(t, places, (len(all)+9)/10)
			for i, p := range places {
				got, _, _, err := v.read(t.Context(), &startAt{place: p, inclusive: true}, 0, 3)
				require.NoError(t, err)
				for j, r := range got {
					require.Equalf(t, all[i*10+j], r.RemoteID, "sort %q anchor %d", sort, i)
				}
			}
		}
	})
}

func TestACursorOfAnotherQueryIsRefused(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _, table := posts(t, s)
		download(t, org, table, job(t, org, 1), remote("a", "title", `"A"`), remote("b", "title", `"B"`))
		page, err := org.ReadRecords(t.Context(), table.ID, ReadOptions{Query: query(t, "", "title", table.Columns), Limit: 1})
		require.NoError(t, err)
		for _, bad := range []string{page.NextCursor, "rubbish", "e30", strings.Repeat("A", 10_000)} {
			_, err = org.ReadRecords(t.Context(), table.ID, ReadOptions{Query: query(t, "", "views", table.Columns), Cursor: bad})
			require.Truef(t, models.HasCode(err, "list.bad_cursor"), "%.20s: %v", bad, err)
		}
		stranger, _ := newOrg(t, s)
		_, err = stranger.ReadRecords(t.Context(), table.ID, ReadOptions{}) // Promise 11
		require.True(t, models.HasCode(err, "table.not_found"), "%v", err)
		_, err = stranger.Record(t.Context(), table.ID, 1)
		require.True(t, models.HasCode(err, "table.not_found"), "%v", err)
	})
}

func TestColumnIDsAreNeverSQL(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, _ := newOrg(t, s)
		snapshot, connection := newSnapshot(t, org)
		odd := []string{`it's`, `a"b`, `back\slash`, `$.path`, `[0]`, `what?`, `%s`, `a.b`, `ключ`, `"; DROP TABLE records_1; --`, `$1`, `:x`}
		var columns []models.Column
		pairs := []string{}
		for _, id := range odd {
			columns = append(columns, models.Column{ID: id, Name: id, Kind: models.ColumnText})
			pairs = append(pairs, id, `"Value"`)
		}
		table, err := org.AddTable(t.Context(), models.Table{SnapshotID: snapshot.ID, ConnectionID: connection.ID, RemoteID: "odd", Name: "odd", Columns: columns})
		require.NoError(t, err)
		download(t, org, table, job(t, org, 1), remote("a", pairs...), remote("b"))
		for _, id := range odd {
			name, err := json.Marshal(id)
			require.NoError(t, err)
			sort := fmt.Sprintf(`[{"column":%s,"descending":true}]`, name)
			require.Equalf(t, []string{"a", "b"}, remoteIDs(t, org, table.ID, query(t, "", sort, columns), 1), "sort by %s", id)
			filter := fmt.Sprintf(`{"op":"eq","column":%s,"value":"Value"}`, name)
			require.Equalf(t, []string{"a"}, remoteIDs(t, org, table.ID, query(t, filter, "", columns), 1), "filter by %s", id)
		}
	})
}

// Breaks when the two databases answer one query differently.
func TestBothDatabasesAnswerAlike(t *testing.T) {
	lite := openStore(t, filepath.Join(t.TempDir(), "scratch.db"))
	big := openStore(t, postgresDatabase(t))
	type side struct {
		org   *Org
		table models.Table
	}
	var sides []side
	random := rapid.Custom(drawRecord).Example
	var records []RemoteRecord
	for i := range 60 {
		r := random(i)
		r.RemoteID = fmt.Sprintf("r%02d", i)
		records = append(records, r)
	}
	for _, s := range []*Store{lite, big} {
		org, _, table := posts(t, s)
		download(t, org, table, job(t, org, 1), records...)
		for i := range 10 {
			edit(t, org, table.ID, fmt.Sprintf("r%02d", i*5), "title", someTexts[i])
		}
		sides = append(sides, side{org, table})
	}
	rapid.Check(t, func(t *rapid.T) {
		filter := rapid.Custom(func(t *rapid.T) models.Filter { return drawFilter(t, 2) }).Draw(t, "filter")
		q := models.Query{Filter: &filter}
		for _, column := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"title", "views", "tags", "sticky", "date"}), 0, 3, rapid.ID[string]).Draw(t, "sort") {
			q.Sort = append(q.Sort, models.Sort{Column: column, Descending: rapid.Bool().Draw(t, "descending")})
		}
		var answers [][]string
		for _, s := range sides {
			answers = append(answers, remoteIDs(t, s.org, s.table.ID, q, 13))
		}
		if !slices.Equal(answers[0], answers[1]) {
			text, _ := json.Marshal(q)
			t.Fatalf("%s\nsqlite   %v\npostgres %v", text, answers[0], answers[1])
		}
	})
}

var someTexts = []string{`null`, `""`, `"a"`, `"A"`, `"b c"`, `"é"`, `"É"`, `"Ω"`, `"a, b"`, `"{\"k\": 1}"`, `"\n"`, `" a"`, `"10"`, `"😀"`, `"~"`}

func drawRecord(t *rapid.T) RemoteRecord {
	var pairs []string
	add := func(column string, values ...string) {
		if v := rapid.SampledFrom(append(values, "")).Draw(t, column); v != "" {
			pairs = append(pairs, column, v)
		}
	}
	add("title", someTexts...)
	add("views", `null`, `"1"`, `"1.0"`, `"-1"`, `"-1.5"`, `"1e2"`, `"100"`, `"x"`, `"123456789012345678901"`, `"0.1"`, `"-0"`, `" 5 "`, `7`, `7.50`)
	add("tags", `null`, `[]`, `["a"]`, `["b","a"]`, `["a, b"]`, `["A"]`, `"a"`)
	add("sticky", `true`, `false`, `null`)
	add("date", `"2026-01-01T00:00:00Z"`, `"2025-01-01T00:00:00Z"`, `""`)
	return remote("", pairs...)
}

func drawFilter(t *rapid.T, depth int) models.Filter {
	ops := []models.FilterOp{
		models.FilterEqual, models.FilterNotEqual, models.FilterLess, models.FilterMoreEqual, models.FilterContains,
		models.FilterNotContains, models.FilterStartsWith, models.FilterIn, models.FilterHas, models.FilterEmpty, models.FilterNotEmpty,
		models.FilterSearch, models.FilterEdited, models.FilterState,
	}
	if depth > 0 {
		ops = append(ops, models.FilterAnd, models.FilterOr, models.FilterNot)
	}
	f := models.Filter{Op: rapid.SampledFrom(ops).Draw(t, "op")}
	text := func() json.RawMessage {
		return json.RawMessage(rapid.SampledFrom([]string{`"a"`, `"A"`, `"b"`, `","`, `"é"`, `"É"`, `"😀"`, `"10"`, `" "`, `"2026"`}).Draw(t, "text"))
	}
	switch f.Op {
	case models.FilterAnd, models.FilterOr:
		f.Nodes = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) models.Filter { return drawFilter(t, depth-1) }), 1, 3).Draw(t, "nodes")
	case models.FilterNot:
		f.Nodes = []models.Filter{drawFilter(t, depth-1)}
	case models.FilterSearch:
		f.Value = text()
	case models.FilterState:
		f.Value = json.RawMessage(`"live"`)
	case models.FilterEdited:
	default:
		f.Column = rapid.SampledFrom([]string{"title", "views", "tags", "sticky", "date"}).Draw(t, "column")
		switch f.Op {
		case models.FilterEmpty, models.FilterNotEmpty:
		case models.FilterContains, models.FilterNotContains, models.FilterStartsWith:
			f.Value = text()
		default:
			switch f.Column {
			case "views":
				f.Value = json.RawMessage(rapid.SampledFrom([]string{`1`, `"1.00"`, `-1`, `100`, `"123456789012345678901"`, `5`}).Draw(t, "number"))
			case "sticky":
				f.Value = json.RawMessage(rapid.SampledFrom([]string{`true`, `false`}).Draw(t, "boolean"))
			default:
				f.Value = text()
			}
			if f.Op == models.FilterIn {
				f.Value = json.RawMessage("[" + string(f.Value) + "]")
			}
		}
	}
	return f
}
