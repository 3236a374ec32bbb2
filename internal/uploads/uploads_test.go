package uploads_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
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

// index is what a store says of uploads.
type index struct{ organizations, uploads []string }

func (i index) HasOrganization(_ context.Context, id string) (bool, error) {
	return slices.Contains(i.organizations, id), nil
}

func (i index) KnownUploads(_ context.Context, _ string, ids []string) ([]string, error) {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !slices.Contains(i.uploads, id) }), nil
}

// Breaks when a file that somebody needs goes, or one that is not ours.
func TestSweepTakesOrphansAlone(t *testing.T) {
	dir := t.TempDir()
	ours, foreign := models.NewID(models.PrefixOrganization), models.NewID(models.PrefixOrganization)
	known, orphan, young := models.NewID(models.PrefixUpload), models.NewID(models.PrefixUpload), models.NewID(models.PrefixUpload)
	for _, file := range []string{
		ours + "/" + known, ours + "/" + orphan, ours + "/" + young, ours + "/.incoming-1", ours + "/.incoming-2", ours + "/notes.txt",
		foreign + "/" + orphan, "elsewhere/" + orphan, "scratch.db",
	} {
		path := filepath.Join(dir, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
		at := time.Now().Add(-25 * time.Hour)
		if strings.HasSuffix(file, young) || strings.HasSuffix(file, ".incoming-2") {
			at = time.Now()
		}
		require.NoError(t, os.Chtimes(path, at, at))
	}
	s := &uploads.Sweeper{Dir: dir, Index: index{[]string{ours}, []string{known}}, Now: time.Now}
	files, err := s.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, files)
	for file, there := range map[string]bool{
		ours + "/" + known: true, ours + "/" + young: true, ours + "/" + orphan: false, ours + "/.incoming-1": false, ours + "/.incoming-2": true,
		ours + "/notes.txt": true, foreign + "/" + orphan: true, "elsewhere/" + orphan: true, "scratch.db": true,
	} {
		_, err := os.Stat(filepath.Join(dir, file))
		require.Equal(t, there, err == nil, file)
	}
	files, err = (&uploads.Sweeper{Dir: filepath.Join(dir, "none"), Index: index{}, Now: time.Now}).Sweep(t.Context())
	require.NoError(t, err)
	require.Zero(t, files)
}
