package csv

import (
	stdcsv "encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// The reader agrees with the standard library wherever that one is content, and
// restarts at any record in any encoding.
func FuzzRows(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,2\n", "\"a\"\"b\",c\r\n\"x\ny\",z\r\n", "a\n\n\nb", "\"\"\n", ",\n,", "a,\"b\n", "\"a\"b,c\n", "a\r\r\nb\r", "é,ü\n", "\"\r\n\"",
		"a\"b,c\n", "\xff\n", "a,b,c\n1\n1,2,3,4\n",
	} {
		f.Add(seed, uint8(3))
	}
	f.Fuzz(func(t *testing.T, text string, chunk uint8) {
		all, err := collect(newRowsIn(&slowly{text, int(chunk)%7 + 1}, form{comma: ',', eol: '\n'}, 2+int(chunk)%11))
		whole, wholeErr := collect(newRowsIn(strings.NewReader(text), form{comma: ',', eol: '\n'}, len(text)+1))
		require.Equal(t, whole, all, "how the text arrives changes what it says")
		require.Equal(t, err == nil, wholeErr == nil)
		if err != nil {
			return
		}
		std := stdcsv.NewReader(strings.NewReader(text))
		std.FieldsPerRecord = -1
		want, err := std.ReadAll()
		if err != nil || strings.Contains(text, "\r") { // it turns CRLF in cells into LF
			return
		}
		require.Len(t, all, len(want))
		for i := range want {
			require.Equal(t, want[i], all[i])
		}
	})
}

type slowly struct {
	text  string
	chunk int
}

func (s *slowly) Read(p []byte) (int, error) {
	if s.text == "" {
		return 0, io.EOF
	}
	n := copy(p, s.text[:min(s.chunk, len(s.text))])
	s.text = s.text[n:]
	return n, nil
}

func collect(r *rows) ([][]string, error) {
	var all [][]string
	for {
		err := r.next()
		if isEnd(err) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		cells := make([]string, len(r.cells))
		for i, c := range r.cells {
			cells[i] = string(c)
		}
		all = append(all, cells)
	}
}

// Whatever is uploaded, the connector answers with records that are canonical
// and complete, or with a typed error; and it can go on from any page.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "\ufeffx;y\n\"1\";2026-01-01\n", "\xff\xfea\x00\n\x00", "a\x00b\n", "a,a,a\n1\n1,2,3,4,5\n", "t\n2026-01-01T10:00:00+01:00\n"} {
		f.Add([]byte(seed), `{}`)
	}
	f.Fuzz(func(t *testing.T, text []byte, settings string) {
		c := connect(t, &folder{text: string(text)})
		schema, err := c.Describe(t.Context(), TableID, json.RawMessage(settings))
		if err != nil {
			_, typed := connectors.AsError(err)
			require.True(t, typed, "%v", err)
			return
		}
		columns := map[string]models.Column{}
		for _, column := range schema.Columns {
			columns[column.ID] = column
		}
		pages, err := c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema})
		require.NoError(t, err)
		for {
			page, err := pages.Next(t.Context())
			if errors.Is(err, io.EOF) {
				return
			}
			require.NoError(t, err, "what was described cannot be read")
			for _, r := range page.Records {
				canonical, err := models.Canonical(r.Fields)
				require.NoError(t, err)
				require.Equal(t, string(canonical), string(r.Fields))
				for id, value := range models.CellsOf(r.Fields) {
					_, err := models.CheckValue(columns[id], value)
					require.NoError(t, err)
				}
			}
			_, err = c.ReadAll(t.Context(), connectors.ReadRequest{Schema: schema, Cursor: page.Cursor})
			require.NoError(t, err)
		}
	})
}
