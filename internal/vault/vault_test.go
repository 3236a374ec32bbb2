package vault

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

func openFile(t *testing.T) (*Vault, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data", "keyset.json")
	v, err := Open(Source{File: path, Create: true})
	require.NoError(t, err)
	return v, path
}

func TestRoundTripBindsToItsPlace(t *testing.T) {
	v, _ := openFile(t)
	ctx := t.Context()
	place := ConnectionContext("org_1", "con_1")

	for _, plaintext := range [][]byte{nil, []byte("x"), []byte(`{"password":"hunter2"}`), bytes.Repeat([]byte{0}, 3<<20)} {
		sealed, err := v.Encrypt(ctx, plaintext, place)
		require.NoError(t, err)
		if len(plaintext) > 4 {
			require.NotContains(t, string(sealed), string(plaintext))
		}
		opened, err := v.Decrypt(ctx, sealed, place)
		require.NoError(t, err)
		require.True(t, bytes.Equal(plaintext, opened))

		_, err = v.Decrypt(ctx, sealed, ConnectionContext("org_2", "con_1"))
		require.ErrorIs(t, err, ErrWrongContext, "another tenant's row must not open it")
	}
	require.NotEqual(t, ConnectionContext("a", "bc"), ConnectionContext("ab", "c"))
}

func TestEveryChangedByteIsNoticed(t *testing.T) {
	v, _ := openFile(t)
	sealed, err := v.Encrypt(t.Context(), []byte("the secret"), nil)
	require.NoError(t, err)
	for i := range sealed {
		damaged := bytes.Clone(sealed)
		damaged[i] ^= 0x40
		_, err := v.Decrypt(t.Context(), damaged, nil)
		require.Errorf(t, err, "byte %d was changed", i)
		requireHint(t, err)
	}
	for n := range len(sealed) {
		_, err := v.Decrypt(t.Context(), sealed[:n], nil)
		require.Errorf(t, err, "cut to %d bytes", n)
	}
}

func TestWrongKeyIsNamed(t *testing.T) {
	v, _ := openFile(t)
	other, _ := openFile(t)
	sealed, err := v.Encrypt(t.Context(), []byte("the secret"), nil)
	require.NoError(t, err)

	_, err = other.Decrypt(t.Context(), sealed, nil)
	require.ErrorIs(t, err, ErrUnknownKey)
	requireHint(t, err)
	require.Contains(t, err.Error(), v.PrimaryKeyID().String())
}

func TestRotation(t *testing.T) {
	v, path := openFile(t)
	ctx := t.Context()
	old, err := v.Encrypt(ctx, []byte("before"), nil)
	require.NoError(t, err)
	require.False(t, v.NeedsRewrap(old))

	// A second process, opened before the rotation, must read what comes after it.
	neighbour, err := Open(Source{File: path})
	require.NoError(t, err)

	id, err := v.Rotate()
	require.NoError(t, err)
	require.Equal(t, id, v.PrimaryKeyID())
	require.True(t, v.NeedsRewrap(old))

	opened, err := v.Decrypt(ctx, old, nil)
	require.NoError(t, err, "old values stay readable")
	require.Equal(t, "before", string(opened))

	renewed, err := v.Rewrap(ctx, old, nil)
	require.NoError(t, err)
	require.False(t, v.NeedsRewrap(renewed))
	carried, err := renewed.KeyID()
	require.NoError(t, err)
	require.Equal(t, id, carried)

	opened, err = neighbour.Decrypt(ctx, renewed, nil)
	require.NoError(t, err, "the neighbour picks the new key up")
	require.Equal(t, "before", string(opened))

	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestRotationRefusesToRunTwice(t *testing.T) {
	v, path := openFile(t)
	require.NoError(t, os.WriteFile(path+".lock", nil, 0o600))
	_, err := v.Rotate()
	require.ErrorIs(t, err, ErrKeyset)
	requireHint(t, err)
}

func TestConfiguredKeysetRotatesInTwoSteps(t *testing.T) {
	ctx := t.Context()
	first, err := NewKeyset()
	require.NoError(t, err)
	old, err := Open(Source{Configured: first})
	require.NoError(t, err)
	_, err = old.Rotate()
	require.ErrorIs(t, err, ErrKeyset)
	requireHint(t, err)

	staged, id, err := StageKey(first)
	require.NoError(t, err)
	ready, err := Open(Source{Configured: staged})
	require.NoError(t, err)
	require.Equal(t, old.PrimaryKeyID(), ready.PrimaryKeyID(), "a staged key writes nothing")

	promoted, err := PromoteKey(staged, id)
	require.NoError(t, err)
	next, err := Open(Source{Configured: promoted})
	require.NoError(t, err)
	require.Equal(t, id, next.PrimaryKeyID())

	sealed, err := next.Encrypt(ctx, []byte("new"), nil)
	require.NoError(t, err)
	_, err = ready.Decrypt(ctx, sealed, nil)
	require.NoError(t, err, "processes with the staged key read the new values")
	_, err = old.Decrypt(ctx, sealed, nil)
	require.ErrorIs(t, err, ErrUnknownKey)

	_, err = PromoteKey(staged, id+1)
	require.ErrorIs(t, err, ErrUnknownKey)
}

func TestBadKeysets(t *testing.T) {
	_, path := openFile(t)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	write := func(content []byte, mode os.FileMode) Source {
		file := filepath.Join(t.TempDir(), "keyset.json")
		require.NoError(t, os.WriteFile(file, content, mode))
		return Source{File: file, Create: true}
	}
	cases := map[string]Source{
		"none":                 {},
		"missing file":         {File: filepath.Join(t.TempDir(), "missing.json")},
		"readable by others":   write(good, 0o644),
		"empty file":           write(nil, 0o600),
		"cut short":            write(good[:len(good)/2], 0o600),
		"a canary in bad JSON": write([]byte(`{"canary-4711": true}`), 0o600),
		"not base64":           {Configured: NewSecret("canary-4711 !")},
		"base64 of no keyset":  {Configured: NewSecret("Y2FuYXJ5LTQ3MTE=")},
	}
	for name, source := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Open(source)
			require.ErrorIs(t, err, ErrKeyset)
			requireHint(t, err)
			require.NotContains(t, err.Error(), "canary-4711", "key material must not reach an error")
		})
	}
}

// Two processes that start at once on an empty directory must end with one keyset:
// otherwise what one of them encrypted is lost.
func TestFirstStartTwiceAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyset.json")
	vaults := make([]*Vault, 8)
	var wg sync.WaitGroup
	for i := range vaults {
		wg.Go(func() {
			v, err := Open(Source{File: path, Create: true})
			if err == nil {
				vaults[i] = v
			}
		})
	}
	wg.Wait()
	for _, v := range vaults {
		require.NotNil(t, v)
		require.Equal(t, vaults[0].PrimaryKeyID(), v.PrimaryKeyID())
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file stays behind")
}

func TestCancelledContextIsHonoured(t *testing.T) {
	v, _ := openFile(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := v.Encrypt(ctx, []byte("x"), nil)
	require.ErrorIs(t, err, context.Canceled)
}

func requireHint(t *testing.T, err error) {
	t.Helper()
	problem, ok := models.AsProblem(err)
	require.True(t, ok, "%v", err)
	require.NotEmpty(t, problem.Hint)
	require.True(t, strings.HasPrefix(problem.Code, "vault."))
}

func BenchmarkEncrypt4KB(b *testing.B) {
	v, err := Open(Source{File: filepath.Join(b.TempDir(), "k"), Create: true})
	require.NoError(b, err)
	value := make([]byte, 4<<10)
	for b.Loop() {
		_, _ = v.Encrypt(b.Context(), value, nil)
	}
}
