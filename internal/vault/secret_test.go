package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

// A Secret must not show through any of the ways a value gets printed; the
// unexported field is the one that fmt reads without asking for methods.
func TestSecretNeverShows(t *testing.T) {
	const canary = "canary-4711"
	secret := NewSecret(canary)
	holder := struct {
		Exported Secret
		hidden   Secret
		pointer  *Secret
		list     []Secret
		byName   map[string]Secret
	}{secret, secret, &secret, []Secret{secret}, map[string]Secret{"k": secret}}

	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%U"} {
		for _, value := range []any{secret, &secret, holder, &holder, []any{secret}, fmt.Errorf("wrapped: %v", secret)} {
			require.NotContains(t, fmt.Sprintf(verb, value), canary, "%s of %T", verb, value)
			require.NotContains(t, fmt.Sprintf(verb, value), fmt.Sprintf("%x", canary), "%s of %T", verb, value)
		}
	}
	require.Equal(t, "[redacted]", fmt.Sprint(secret))

	encoded, err := json.Marshal(map[string]any{"s": secret, "p": &secret, "h": holder})
	require.NoError(t, err)
	require.NotContains(t, string(encoded), canary)

	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("m", "s", secret, "p", &secret, "h", holder, slog.Group("g", "s", secret), "e", errors.Join(fmt.Errorf("%v", holder)))
	}
	require.NotContains(t, out.String(), canary)
	require.NotEmpty(t, out.String())

	_, err = secret.Value()
	require.ErrorIs(t, err, ErrSecretNotStorable)
	require.Equal(t, canary, secret.Reveal())
}

func TestSecretReadsAndCompares(t *testing.T) {
	var settings struct{ Token Secret }
	require.NoError(t, json.Unmarshal([]byte(`{"Token":"abc"}`), &settings))
	require.Equal(t, "abc", settings.Token.Reveal())
	require.True(t, settings.Token.Equal(NewSecret("abc")))
	require.False(t, settings.Token.Equal(NewSecret("abd")))
	require.True(t, NewSecret("").IsZero())
	require.Empty(t, NewSecret("").String(), "no secret shows as none")
}
