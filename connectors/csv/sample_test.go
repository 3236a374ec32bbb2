package csv

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

// Breaks when a person waits for the whole of a large file, is not told that only
// its beginning was read, or when the import itself goes by the beginning too.
func TestALargeFileIsPreviewedByItsBeginning(t *testing.T) {
	const line = "1234567,some text that fills the line so that there are fewer of them,\"in, quotes\"\n"
	n := glanceBytes/len(line) + 40_000
	text := "id,body,more\n" + strings.Repeat(line, n) + "not a number,x,y\n"
	s := preview(t, text, `{}`)
	require.True(t, s.Sampled)
	require.Equal(t, models.ColumnInteger, s.Columns[0].Kind)
	require.InEpsilon(t, n, s.RowCount, 0.1, "an estimate")
	require.Len(t, s.Rows, previewRows)
	require.Equal(t, "csv.sampled", s.Warnings[len(s.Warnings)-1].Code)

	c := connect(t, &folder{text})
	outline, err := c.Outline(t.Context(), TableID, nil)
	require.NoError(t, err)
	require.Equal(t, models.ColumnInteger, outline.Columns[0].Kind)
	require.Zero(t, outline.Rows, "not counted")
	whole, err := c.Describe(t.Context(), TableID, nil)
	require.NoError(t, err)
	require.Equal(t, models.ColumnText, whole.Columns[0].Kind, "by its last row")
	require.EqualValues(t, n+1, whole.Rows)
}

// Breaks when a file that is read whole is called an estimate, or its repeated
// keys are not told when the table is added.
func TestASmallFileIsReadWhole(t *testing.T) {
	s := preview(t, "id,n\n1,2\n3,4\n", `{}`)
	require.False(t, s.Sampled)
	require.EqualValues(t, 2, s.RowCount)
	require.Empty(t, s.Warnings)
	_, err := connect(t, &folder{"id,n\n1,2\n1,4\n"}).Outline(t.Context(), TableID, []byte(`{"identity":["id"]}`))
	require.Error(t, err)
}

// Breaks when a sample that ends in the middle of a quoted cell is taken for a
// file whose quote is never closed, in any encoding of a cut.
func TestASampleEndsBetweenRows(t *testing.T) {
	text := "id,body\n" + strings.Repeat("1,\"two\nlines, é\"\n", 100)
	for cut := int64(1); cut < int64(len(text)); cut++ {
		s, err := scan(t.Context(), memory(text), settings{}, extent{bytes: cut})
		require.NoError(t, err, "cut at %d", cut)
		require.LessOrEqual(t, s.rows, int64(100))
		require.Equal(t, models.ColumnInteger, s.columns()[0].Kind)
	}
}
