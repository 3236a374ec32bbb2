package csv

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

func TestWriter(t *testing.T) {
	columns := []models.Column{
		{ID: "a", Name: "Name", Kind: models.ColumnText},
		{ID: "n", Name: "=n", Kind: models.ColumnNumber},
		{ID: "j", Name: "Tags, all", Kind: models.ColumnMultiSelect},
		{ID: "b", Name: "B", Kind: models.ColumnBoolean},
	}
	var b bytes.Buffer
	w, err := NewWriter(&b, columns)
	require.NoError(t, err)
	for _, fields := range []string{
		`{"a":"plain","b":true,"j":["x","y"],"n":"-5"}`,
		`{"a":"=1+1","n":"-5+cmd"}`,
		`{"a":"say \"hi\",\nthere","n":null}`,
		`{"a":"\t=x"}`, `{"a":" @x"}`, `{"a":"-5"}`, `{}`,
	} {
		require.NoError(t, w.Write(json.RawMessage(fields)))
	}
	require.NoError(t, w.Flush())
	require.Equal(t, "Name,'=n,\"Tags, all\",B\r\n"+
		"plain,-5,\"[\"\"x\"\",\"\"y\"\"]\",true\r\n"+
		"'=1+1,'-5+cmd,,\r\n"+
		"\"say \"\"hi\"\",\nthere\",,,\r\n"+
		"\"'\t=x\",,,\r\n\"' @x\",,,\r\n'-5,,,\r\n,,,\r\n", b.String())
}

// What is exported is read back as it was, but for the guard.
func FuzzWriter(f *testing.F) {
	f.Add("a", "b\"c")
	f.Add("=x", "\r\n")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, one, two string) {
		if !utf8.ValidString(one) || !utf8.ValidString(two) || strings.ContainsRune(one+two, 0) {
			return
		}
		var b bytes.Buffer
		w, err := NewWriter(&b, []models.Column{{ID: "1", Name: "one", Kind: models.ColumnText}, {ID: "2", Name: "two", Kind: models.ColumnText}})
		require.NoError(t, err)
		fields := models.Fields{"1": models.AppendJSONString(nil, one), "2": models.AppendJSONString(nil, two)}
		require.NoError(t, w.Write(fields.Object()))
		require.NoError(t, w.Flush())
		r := newRowsIn(&b, form{comma: ',', eol: '\n'}, 1<<10)
		require.NoError(t, r.next())
		require.NoError(t, r.next())
		require.Len(t, r.cells, 2)
		for i, want := range []string{one, two} {
			got := string(r.cells[i])
			if formula(want) {
				want = "'" + want
			}
			require.Equal(t, want, got)
			require.False(t, formula(got))
		}
	})
}
