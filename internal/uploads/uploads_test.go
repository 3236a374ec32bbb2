package uploads_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/uploads"
	"github.com/scratch-platform/scratch/models"
)

// rows is the store's part: one upload per tenant and id.
type rows map[string]models.Upload

func (r rows) Upload(_ context.Context, organizationID, id string) (models.Upload, error) {
	u, ok := r[organizationID+"/"+id]
	if !ok {
		return u, models.NewProblem(models.KindNotFound, "upload.not_found", "There is no such upload.", "")
	}
	return u, nil
}

func folder(t *testing.T, limit int64) (*uploads.Folder, rows) {
	known := rows{}
	return &uploads.Folder{Dir: t.TempDir(), Limit: limit, Rows: known, Now: time.Now}, known
}

// left counts the files in the folder, incoming ones included.
func left(t *testing.T, f *uploads.Folder) int {
	n := 0
	require.NoError(t, filepath.WalkDir(f.Dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	}))
	return n
}

func TestSavedFileIsReadBackByItsTenantOnly(t *testing.T) {
	f, known := folder(t, 100)
	saved, err := f.Save(t.Context(), "org_a", `C:\evil\..\..\posts.csv`, "text/csv", strings.NewReader("id,title\n1,One\n"))
	require.NoError(t, err)
	require.Equal(t, "posts.csv", saved.Name, "a client's path is a label at most")
	require.EqualValues(t, 15, saved.Size)
	known["org_a/"+saved.ID] = saved

	opened, err := f.Files("org_a").Open(t.Context(), saved.ID)
	require.NoError(t, err)
	content, err := io.ReadAll(opened)
	require.NoError(t, err)
	require.NoError(t, opened.Close())
	require.Equal(t, "id,title\n1,One\n", string(content))

	_, err = f.Files("org_b").Open(t.Context(), saved.ID)
	require.True(t, models.HasCode(err, "upload.not_found"), "another tenant opened it: %v", err)

	require.NoError(t, f.Remove(t.Context(), saved))
	require.NoError(t, f.Remove(t.Context(), saved), "removing twice is no error")
	_, err = f.Files("org_a").Open(t.Context(), saved.ID)
	require.True(t, models.HasCode(err, "upload.file_missing"), "%v", err)
}

func TestRefusedUploadLeavesNothingBehind(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	cases := map[string]struct {
		ctx  context.Context
		from io.Reader
		code string
	}{
		"over the limit":  {t.Context(), strings.NewReader(strings.Repeat("x", 101)), "upload.too_large"},
		"empty":           {t.Context(), strings.NewReader(""), "upload.empty"},
		"client vanished": {t.Context(), iotest.ErrReader(errors.New("connection reset")), "upload.broken"},
		"cancelled":       {cancelled, strings.NewReader("id\n"), ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f, _ := folder(t, 100)
			_, err := f.Save(c.ctx, "org_a", "x.csv", "text/csv", c.from)
			require.Error(t, err)
			if c.code != "" {
				require.True(t, models.HasCode(err, c.code), "%v", err)
			}
			require.Zero(t, left(t, f), "a refused upload left a file behind")
		})
	}
}

func TestFileOfExactlyTheLimitIsTaken(t *testing.T) {
	f, _ := folder(t, 100)
	_, err := f.Save(t.Context(), "org_a", "x.csv", "text/csv", strings.NewReader(strings.Repeat("x", 100)))
	require.NoError(t, err)
}
