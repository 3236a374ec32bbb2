package devserver

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Breaks when a mere look downloads or builds a CLI, or misses one that is there.
func TestLookBringsNothing(t *testing.T) {
	t.Setenv("SCRATCH_TEMPORAL_CLI", "")
	dir := t.TempDir()
	finder := Finder{
		lookPath: func(string) (string, error) { return "", exec.ErrNotFound },
		cacheDir: func() (string, error) { return dir, nil },
		download: func(context.Context, string) (string, error) { t.Error("downloaded"); return "", errNoDownload },
		build:    func(context.Context, func(string)) (string, error) { t.Error("built"); return "", errNoBuild },
	}
	_, err := finder.Look(t.Context())
	require.ErrorIs(t, err, ErrNoCLI)
	want := writeCLI(t, filepath.Join(dir, "tools", "temporal-9.9.9", "temporal"), "1.5.1 (Server 1.29.1, UI 2.42.1)")
	got, err := finder.Look(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, got)
}
