package csv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/conformance"
	"github.com/scratch-platform/scratch/models"
)

const upload = "upl_01abcdefghjkmnpqrstvwxyz01"

// file is an upload in memory.
type file struct {
	*bytes.Reader
	name string
}

func (f file) Close() error { return nil }
func (f file) Name() string { return f.name }

func memory(text string) file { return file{bytes.NewReader([]byte(text)), "Products.csv"} }

// folder opens one upload.
type folder struct{ text string }

func (f *folder) Open(_ context.Context, id string) (connectors.File, error) {
	if id != upload {
		return nil, models.NewProblem(models.KindNotFound, "upload.not_found", "There is no such upload.", "")
	}
	return memory(f.text), nil
}

func connect(t *testing.T, f *folder) *Connector {
	t.Helper()
	c, err := Definition().Open(connectors.Dependencies{Files: f}, json.RawMessage(`{"upload_id":"`+upload+`"}`))
	require.NoError(t, err)
	return c.(*Connector)
}

func TestConformance(t *testing.T) {
	immutable := "an uploaded file does not change and is not asked over a network"
	for name, settings := range map[string]string{"by row": `{}`, "by identity": `{"identity":["sku","size"]}`} {
		t.Run(name, func(t *testing.T) {
			f := &folder{}
			lacks := map[conformance.Fault]string{}
			for _, fault := range []conformance.Fault{
				conformance.FaultRateLimit, conformance.FaultUnavailable, conformance.FaultSecondPage, conformance.FaultHTML,
				conformance.FaultUnauthorized, conformance.FaultQuote, conformance.FaultHang, conformance.FaultLost,
				conformance.FaultNothing, conformance.FaultCursor, conformance.FaultShort, conformance.FaultDuplicate, conformance.HookChange,
			} {
				lacks[fault] = immutable
			}
			conformance.Run(t, conformance.Subject{
				Definition: Definition(), Table: TableID, Settings: json.RawMessage(settings), PageSize: pageRows, Lacks: lacks,
				Open: func() (connectors.Connector, error) { return connect(t, f), nil },
				Service: conformance.Service{Reset: func(n int) {
					var b strings.Builder
					b.WriteString("sku,size,name,price,stock,added,on sale,\"note \"\"x\"\"\"\r\n")
					for i := range n {
						fmt.Fprintf(&b, "A%d,%d,\"Thing \"\"%d\"\"\",%d.50,%d,2026-01-%02d,%v,\"two\nlines, é\"\r\n", i/3, i%3, i, i, i, i%28+1, i%2 == 0)
					}
					f.text = b.String()
				}},
			})
		})
	}
}

func preview(t *testing.T, text, settings string) Sheet {
	t.Helper()
	s, err := Preview(t.Context(), memory(text), json.RawMessage(settings))
	require.NoError(t, err)
	return s
}

func requireFault(t *testing.T, text, settings, code string) *models.Problem {
	t.Helper()
	_, err := Preview(t.Context(), memory(text), json.RawMessage(settings))
	p, ok := models.AsProblem(err)
	require.True(t, ok, "no problem: %v", err)
	require.Equal(t, "csv."+code, p.Code, p.Detail)
	require.NotEmpty(t, p.Hint)
	return p
}

func TestDelimiterAndHeaderAreFound(t *testing.T) {
	for _, tc := range []struct {
		name, text, delimiter string
		header                bool
		columns               []string
		rows                  int64
	}{
		{"comma", "id,name\n1,a\n2,b\n", ",", true, []string{"id", "name"}, 2},
		{"semicolon with decimal commas", "id;price\n1;1,50\n2;2,75\n", ";", true, []string{"id", "price"}, 2},
		{"tab", "id\tname\n1\ta, b\n", "\t", true, []string{"id", "name"}, 1},
		{"bar", "id|name\n1|a\n", "|", true, []string{"id", "name"}, 1},
		{"one column", "name\nAna\nBo\n", ",", true, []string{"name"}, 2},
		{"no header", "1,a,2.5\n2,b,3.5\n", ",", false, []string{"column_1", "column_2", "column_3"}, 2},
		{"header of years", "name,2023,2024\nA,1,2\n", ",", false, []string{"column_1", "column_2", "column_3"}, 2},
		{"text over numbers", "id,1st\n1,2\n", ",", true, []string{"id", "1st"}, 1},
		{"header alone", "id,name\n", ",", true, []string{"id", "name"}, 0},
		{"quoted delimiters", "\"a,b\";c\n\"1,2\";3\n", ";", true, []string{"a,b", "c"}, 1},
		{"no line end at the end", "id,name\r\n1,a", ",", true, []string{"id", "name"}, 1},
		{"old Mac", "id,name\r1,a\r2,b\r", ",", true, []string{"id", "name"}, 2},
		{"blank lines", "\n\nid,name\n\n1,a\n\n", ",", true, []string{"id", "name"}, 1},
		{"spaces around names", " id , full   name \n1,a\n", ",", true, []string{"id", "full name"}, 1},
		{"empty name", "id,\n1,a\n", ",", true, []string{"id", "column_2"}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := preview(t, tc.text, "{}")
			require.Equal(t, tc.delimiter, s.Delimiter)
			require.Equal(t, tc.header, s.Header)
			var ids []string
			for _, c := range s.Columns {
				ids = append(ids, c.ID)
			}
			require.Equal(t, tc.columns, ids)
			require.Equal(t, tc.rows, s.RowCount)
		})
	}
	s := preview(t, "name,2023\nA,1\n", `{"header":true}`)
	require.Equal(t, "2023", s.Columns[1].ID, "the setting has the last word")
	require.Equal(t, ";", preview(t, "a,b;c,d\n", `{"delimiter":";"}`).Delimiter)
}

func TestKindsAreInferredOverTheWholeFile(t *testing.T) {
	kind := func(values ...string) models.ColumnKind {
		text := "h,x\n"
		for _, v := range values {
			text += `"` + strings.ReplaceAll(v, `"`, `""`) + "\",y\n"
		}
		return preview(t, text, `{"header":true}`).Columns[0].Kind
	}
	require.Equal(t, models.ColumnInteger, kind("1", "", "-20", "9007199254740993"))
	require.Equal(t, models.ColumnNumber, kind("1", "2.50", "-0.1"))
	require.Equal(t, models.ColumnText, kind("007", "12"), "a post code keeps its zeros")
	require.Equal(t, models.ColumnText, kind("1", "2", "n/a"))
	require.Equal(t, models.ColumnText, kind("1e5"))
	require.Equal(t, models.ColumnText, kind("+49", "12"))
	require.Equal(t, models.ColumnBoolean, kind("true", "FALSE", ""))
	require.Equal(t, models.ColumnText, kind("true", "maybe"))
	require.Equal(t, models.ColumnText, kind("true", "1"))
	require.Equal(t, models.ColumnDate, kind("2026-02-28", ""))
	require.Equal(t, models.ColumnText, kind("2026-02-30"))
	require.Equal(t, models.ColumnText, kind("02/03/2026"), "day or month first is not to be known")
	require.Equal(t, models.ColumnDateTime, kind("2026-02-28T10:00:00Z", "2026-02-28 10:00:00"))
	require.Equal(t, models.ColumnText, kind("2026-02-28", "2026-02-28T10:00:00Z"))
	require.Equal(t, models.ColumnLongText, kind("two\nlines"))
	require.Equal(t, models.ColumnLongText, kind(strings.Repeat("x", 300)))
	require.Equal(t, models.ColumnText, kind("", ""))
	numbers := strings.Repeat("1\n", 5000) + "x\n"
	require.Equal(t, models.ColumnText, preview(t, "h\n"+numbers, `{"header":true}`).Columns[0].Kind, "the last row counts too")
}

func read(t *testing.T, text, settings string) []connectors.Record {
	t.Helper()
	c := connect(t, &folder{text: text})
	schema, err := c.Describe(t.Context(), TableID, json.RawMessage(settings))
	require.NoError(t, err)
	pages, err := c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema})
	require.NoError(t, err)
	var all []connectors.Record
	for {
		page, err := pages.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, page.Records...)
	}
}

func TestValues(t *testing.T) {
	rows := read(t, "n,i,b,d,t,s\n2.50,7,TRUE,2026-01-31,2026-01-31T10:00:00+02:00,\"say \"\"hi\"\",\r\n\\ok\"\n,,,,,\n 3.0 , 8 ,false,2026-02-01,2026-02-01 08:30:00, x \n", "{}")
	require.JSONEq(t, `{"n":"2.50","i":"7","b":true,"d":"2026-01-31","t":"2026-01-31T08:00:00Z","s":"say \"hi\",\r\n\\ok"}`, string(rows[0].Fields))
	require.JSONEq(t, `{"n":null,"i":null,"b":null,"d":null,"t":null,"s":""}`, string(rows[1].Fields))
	require.JSONEq(t, `{"n":"3.0","i":"8","b":false,"d":"2026-02-01","t":"2026-02-01T08:30:00","s":" x "}`, string(rows[2].Fields))
}

func TestEncodings(t *testing.T) {
	const text = "name,city\nJosé,Łódź – €\n"
	const plain = "name,city\nJosé,Genève\n"
	utf16le, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(text)
	require.NoError(t, err)
	utf16be, err := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String(text)
	require.NoError(t, err)
	windows, err := charmap.Windows1252.NewEncoder().String(plain)
	require.NoError(t, err)
	for name, tc := range map[string]struct{ text, settings, city string }{
		"utf-8":                    {text, "{}", "Łódź – €"},
		"utf-8 with mark":          {"\ufeff" + text, "{}", "Łódź – €"},
		"utf-16 little-endian":     {utf16le, "{}", "Łódź – €"},
		"utf-16 big-endian":        {utf16be, "{}", "Łódź – €"},
		"utf-16 mark over setting": {utf16be, `{"encoding":"utf-8"}`, "Łódź – €"},
		"utf-16 without mark":      {utf16le[2:], `{"encoding":"utf-16le"}`, "Łódź – €"},
		"windows-1252 as told":     {windows, `{"encoding":"windows-1252"}`, "Genève"},
		"latin-1 as told":          {windows, `{"encoding":"iso-8859-1"}`, "Genève"},
	} {
		t.Run(name, func(t *testing.T) {
			s := preview(t, tc.text, tc.settings)
			require.Equal(t, "name", s.Columns[0].ID, "the mark is no part of the first name")
			require.Equal(t, tc.city, s.Rows[0][1])
			rows := read(t, tc.text, tc.settings)
			require.Contains(t, string(rows[0].Fields), tc.city)
		})
	}
	p := requireFault(t, windows, "{}", "encoding")
	require.Contains(t, p.Detail, "Line 2")
	require.Contains(t, p.Detail, "José")
	require.Contains(t, p.Hint, "windows-1252")
	p = requireFault(t, utf16le[2:], "{}", "encoding")
	require.Contains(t, p.Hint, "utf-16le")
	late := "name\n" + strings.Repeat("plain\n", 30000) + "Jos\xe9\n"
	require.Contains(t, requireFault(t, late, "{}", "encoding").Detail, "Line 30002")
}

func TestFilesThatAreNone(t *testing.T) {
	_ = requireFault(t, "", "{}", "file_empty")
	_ = requireFault(t, " \n\n \r\n", "{}", "file_empty")
	_ = requireFault(t, "\ufeff", "{}", "file_empty")
	_ = requireFault(t, "PK\x03\x04"+strings.Repeat("\x00\x01", 50), "{}", "not_text")
	_ = requireFault(t, "%PDF-1.7\n", "{}", "not_text")
	_ = requireFault(t, strings.Repeat("\x01\x02\x03abc", 100), "{}", "not_text")
	require.Contains(t, requireFault(t, "a,b\n1,\"open\n2,3\n", "{}", "quote_unclosed").Detail, "Line 2")
	_ = requireFault(t, strings.Repeat("a,", maxColumns+1)+"\n", "{}", "columns_too_many")
	_ = requireFault(t, "a\n1\n", `{"delimiter":"x"}`, "settings_invalid")
	_ = requireFault(t, "a\n1\n", `{"unknown":1}`, "settings_invalid")
	_ = requireFault(t, "a\n1\n", `{"encoding":"ebcdic"}`, "settings_invalid")
	_ = requireFault(t, "a\n1\n", `{"identity":["b"]}`, "identity_unknown")

	c, err := Definition().Open(connectors.Dependencies{Files: &folder{}}, json.RawMessage(`{"upload_id":"upl_01abcdefghjkmnpqrstvwxyz02"}`))
	require.NoError(t, err)
	_, err = c.(connectors.Validator).Validate(t.Context())
	require.ErrorIs(t, err, connectors.ErrNotFound)
	_, err = Definition().Open(connectors.Dependencies{Files: &folder{}}, json.RawMessage(`{"upload_id":"../x"}`))
	require.Error(t, err)
}

func TestOddRowsAreKeptAndTold(t *testing.T) {
	text := "id,name,name\n1,a,b\n2,c\n3,d,e,extra\n4,\"f\"x,g\n5,nu\x00l,h\n"
	s := preview(t, text, "{}")
	require.Equal(t, []string{"id", "name", "name (2)", "column_4"}, []string{s.Columns[0].ID, s.Columns[1].ID, s.Columns[2].ID, s.Columns[3].ID})
	told := map[string]string{}
	for _, w := range s.Warnings {
		told[w.Code] = w.Detail
		require.NotEmpty(t, w.Detail)
	}
	require.Contains(t, told["csv.ragged_short"], "line 3:")
	require.Contains(t, told["csv.ragged_long"], "line 4:")
	require.Contains(t, told["csv.text_after_quote"], "line 5:")
	require.Contains(t, told["csv.nul_character"], "line 6:")
	require.Contains(t, told, "csv.duplicate_header")
	rows := read(t, text, "{}")
	require.JSONEq(t, `{"id":"2","name":"c"}`, string(rows[1].Fields), "a cell that is not there is not empty")
	require.JSONEq(t, `{"id":"3","name":"d","name (2)":"e","column_4":"extra"}`, string(rows[2].Fields))
	require.JSONEq(t, `{"id":"4","name":"fx","name (2)":"g"}`, string(rows[3].Fields))
	require.JSONEq(t, `{"id":"5","name":"nu\ufffdl","name (2)":"h"}`, string(rows[4].Fields))
	c := connect(t, &folder{text: text})
	schema, err := c.Describe(t.Context(), TableID, nil)
	require.NoError(t, err)
	pages, err := c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema})
	require.NoError(t, err)
	page, err := pages.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, page.Warnings, 5)
}

func TestIdentity(t *testing.T) {
	rows := read(t, "sku,size,n\nA,1,x\nA,2,y\n", `{"identity":["sku","size"]}`)
	require.Equal(t, `["A","1"]`, rows[0].RemoteID)
	require.Equal(t, "x", read(t, "n,v\nx,1\n", `{"identity":["n"]}`)[0].RemoteID)

	p := requireFault(t, "sku,n\nA,1\nB,2\n A ,3\nB,4\n", `{"identity":["sku"]}`, "identity_duplicate")
	require.Len(t, p.Fields, 2)
	require.Equal(t, "line 4", p.Fields[0].Field)
	require.Contains(t, p.Fields[0].Detail, "line 2")
	p = requireFault(t, "sku,n\nA,1\n,2\n", `{"identity":["sku"]}`, "identity_empty")
	require.Contains(t, p.Detail, "Line 3")
	_ = requireFault(t, "a,b,n\n1,1,1\n,,2\n", `{"identity":["a","b"]}`, "identity_empty")
	require.Len(t, read(t, "a,b,n\n1,1,1\n,2,2\n", `{"identity":["a","b"]}`), 2)

	// Without identity, the rows of another file are other rows.
	one, two := rowID(nil, "upl_1", 1), rowID(nil, "upl_2", 1)
	require.NotEqual(t, one, two)
}

// Keys are looked for in parts when there are many: a double one is found
// whichever part it is in.
func TestDuplicateKeysInEveryPart(t *testing.T) {
	for doubled := range 50 {
		k := newKeys([]int{0})
		var text strings.Builder
		text.WriteString("id\n")
		for i := range 1000 {
			fmt.Fprintf(&text, "k%d\n", i)
		}
		fmt.Fprintf(&text, "k%d\n", doubled)
		f := form{encoding: utf8Name, comma: ',', eol: '\n', header: true}
		k.parts = 8 // as after three doublings, part 0 of which finds nothing
		k.part = 0
		require.NoError(t, k.again(t.Context(), memory(text.String()), f))
		err := k.finish(t.Context(), memory(text.String()), f)
		require.Error(t, err)
		require.Contains(t, err.Error(), fmt.Sprintf("line 1002 has the same identity as line %d", doubled+2))
	}
}

func TestCursorBelongsToOneFile(t *testing.T) {
	f := &folder{text: "id\n" + strings.Repeat("row\n", 3000)}
	c := connect(t, f)
	schema, err := c.Describe(t.Context(), TableID, nil)
	require.NoError(t, err)
	pages, err := c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema})
	require.NoError(t, err)
	page, err := pages.Next(t.Context())
	require.NoError(t, err)
	f.text = strings.Replace(f.text, "row", "raw", 1)
	_, err = c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema, Cursor: page.Cursor})
	require.ErrorIs(t, err, connectors.ErrCursorExpired)
}
