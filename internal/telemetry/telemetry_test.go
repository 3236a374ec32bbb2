package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"

	"github.com/scratch-platform/scratch/internal/config"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
)

const canary = "canary-4711/x+y z"

func both(t *testing.T, redactor *Redactor, write func(*slog.Logger)) string {
	t.Helper()
	var out bytes.Buffer
	for _, format := range []config.LogFormat{config.LogText, config.LogJSON} {
		before := out.Len()
		write(NewLogger(Options{Writer: &out, Level: slog.LevelDebug, Format: format, Redactor: redactor}))
		require.Greater(t, out.Len(), before, "nothing was written")
	}
	return out.String()
}

type credential struct {
	User     string
	Password string `json:"app_password"`
	Nested   map[string]any
	hidden   string
}

type stubborn struct{ text string }

func (s stubborn) LogValue() slog.Value {
	return slog.GroupValue(slog.String("token", s.text), slog.String("kept", "kept"))
}

type broken struct{}

func (*broken) String() string { panic("nil inside") }

// The canary is put wherever a careless line could put a secret; it must come out
// nowhere (Promise 10).
func TestCanaryNeverReachesTheOutput(t *testing.T) {
	secret := vault.NewSecret(canary)
	u, err := url.Parse("https://user:" + url.QueryEscape(canary) + "@blog.example.com/wp-json")
	require.NoError(t, err)
	header := http.Header{"Authorization": {"Basic " + canary}, "X-Api-Key": {canary}, "Accept": {"kept"}}
	request := &http.Request{Header: header, URL: u}
	credentials := credential{User: "kept", Password: canary, hidden: canary, Nested: map[string]any{"refresh_token": []any{canary}, "n": 1}}

	out := both(t, nil, func(l *slog.Logger) {
		for _, name := range []string{
			"password", "Password", "app_password", "db.passwd", "token", "access_token", "refreshToken", "secret", "client_secret",
			"authorization", "Proxy-Authorization", "api_key", "apiKey", "API-KEY", "cookie", "Set-Cookie", "credential", "credentials",
			"private_key", "passphrase", "vault_keyset",
		} {
			l.Info("m", name, canary)
			l.Info("m", name, []string{canary})
			l.Info("m", name, map[string]string{"x": canary})
			l.Info("m", name, errors.New(canary))
			l.Info("m", name, []byte(canary))
			l.With(name, canary).Info("m")
			l.Info("m", slog.Group("g", slog.Group("h", name, canary)))
			l.Info("m", slog.Group(name, "x", canary, slog.Group("deeper", "y", canary)))
			l.WithGroup(name).Info("m", "x", canary)
			l.WithGroup("g").WithGroup(name).With("x", canary).Info("m")
			l.Info("m", "settings", map[string]any{name: canary, "list": []any{map[string]any{name: canary}}})
		}
		l.Info("m", "s", secret, "p", &secret, "in", struct{ S vault.Secret }{secret}, "c", credentials, "cp", &credentials)
		l.Info("m", "e", fmt.Errorf("open: %v", secret), "sealed", vault.Sealed(canary))
		l.Info("m", "url", u, "urls", u.String(), "header", header, "request", request)
		l.Info("m", "v", stubborn{canary}, "g", slog.Group("", "token", canary))
		l.InfoContext(With(context.Background(), slog.String("token", canary)), "m")
	})
	requireNoCanary(t, out)
	require.Contains(t, out, "kept", "what is no secret stays readable")
}

// A secret inside text is known by its form.
func TestSecretsInsideTextAreFound(t *testing.T) {
	const token = "Zm9vOmJhcjQ3MTEx"
	texts := []string{
		"401 for Authorization: Bearer " + token,
		"sent bearer " + token + " to the service",
		"sent Basic " + token + "==",
		"dial postgres://scratch:" + token + "@db:5432/scratch?sslmode=disable: refused",
		"GET https://api.example.com/v1?access_token=" + token + "&page=2",
		`body {"app_password": "` + token + `", "user": "a"}`,
		`body {\"app_password\":\"` + token + `\",\"user\":\"a\"}`,
		"password=" + token + " rejected",
		"client_secret='" + token + "'",
		"Set-Cookie: session=" + token + "; Path=/",
		"map[Cookie:[a=" + token + "] X-Api-Key:[" + token + "]]",
		"key scr_" + token + token + " is unknown",
		"sk-" + token + "abcdefgh",
		"token eyJhbGciOiJIUzI1NiJ9." + token + "." + token,
		"-----BEGIN RSA PRIVATE KEY-----\n" + token + "\n-----END RSA PRIVATE KEY-----",
		"-----BEGIN PRIVATE KEY-----\n" + token,
	}
	redactor := NewRedactor()
	for _, text := range texts {
		clean := redactor.Text(text)
		require.NotContains(t, clean, token, text)
		require.Contains(t, clean, Redacted, text)
		out := both(t, redactor, func(l *slog.Logger) {
			l.Error(text) //nolint:sloglint // a message that is not static is what is tested
			l.Error("m", "err", fmt.Errorf("download: %w", errors.New(text)))
			l.Error("m", "problem", models.NewProblem(models.KindInternal, "x.y", text, text))
			l.Error("m", "list", []string{text})
			l.Error("m", text, "a secret as a name")
		})
		require.NotContains(t, out, token, text)
	}
}

func TestProseAndNumbersStay(t *testing.T) {
	redactor := NewRedactor()
	for _, text := range []string{
		"basic authentication failed", "The token is not accepted.", "wait for the request limit of con_1",
		"password is wrong", "https://blog.example.com:8080/wp-json/wp/v2/posts?page=2", "invalid token: expired", "user@example.com: not found",
		"12:30 at https://a.example/b@c",
	} {
		require.Equal(t, text, redactor.Text(text))
	}
	out := both(t, redactor, func(l *slog.Logger) { l.Info("m", "input_tokens", 512, "has_secret", true) })
	require.Contains(t, out, "input_tokens=512")
	require.Contains(t, out, `"input_tokens":512`)
	require.NotContains(t, out, Redacted)
}

func TestRegisteredSecretsAreHiddenEverywhere(t *testing.T) {
	redactor := NewRedactor()
	redactor.Hide(canary, "short", "")
	out := both(t, redactor, func(l *slog.Logger) {
		l.Info("said "+canary, "err", fmt.Errorf("service: %q", canary), "url", "https://a/?q="+url.QueryEscape(canary),
			"path", url.PathEscape(canary), "data", map[string]string{"note": canary}, "kept", "short")
	})
	requireNoCanary(t, out)
	require.Contains(t, out, "short", "too short to be hidden without hiding everything")

	many := make([]string, 2*maxHidden)
	for i := range many {
		many[i] = fmt.Sprintf("registered-%d", i)
	}
	redactor.Hide(many...)
	require.LessOrEqual(t, len(redactor.hidden), maxHidden)
	require.LessOrEqual(t, len(redactor.known), maxHidden)
	require.Equal(t, Redacted, redactor.Text(fmt.Sprintf("registered-%d", 2*maxHidden-1)))
}

func TestLinesAreBounded(t *testing.T) {
	huge := strings.Repeat("a long text ", 1<<18)
	deep := any("end")
	for range 100 {
		deep = map[string]any{"d": deep}
	}
	out := both(t, nil, func(l *slog.Logger) {
		l.Info(huge, "s", huge, "e", errors.New(huge), "m", map[string]string{"k": huge}, "deep", deep, "f", func() {}, "b", (*broken)(nil), "nil", nil) //nolint:sloglint // a message that is not static is what is tested
	})
	require.Less(t, len(out), 2*5*maxText)
	// A secret that the cut would split is found before the cut.
	edge := strings.Repeat("a", maxText-10) + " password=" + canary
	requireNoCanary(t, both(t, nil, func(l *slog.Logger) { l.Info(edge) })) //nolint:sloglint // a message that is not static is what is tested
}

func TestContextReachesTheLine(t *testing.T) {
	ctx := With(WithRequestID(t.Context(), "req_1"), slog.String("job", "job_1"))
	a, b := With(ctx, slog.String("table", "tbl_a")), With(ctx, slog.String("table", "tbl_b"))
	var out bytes.Buffer
	l := NewLogger(Options{Writer: &out, Format: config.LogAuto})
	l.InfoContext(a, "first")
	l.InfoContext(b, "second")
	var lines []map[string]any
	for line := range strings.Lines(out.String()) {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &fields), "not a terminal, so JSON")
		lines = append(lines, fields)
	}
	require.Equal(t, "req_1", lines[0]["request_id"])
	require.Equal(t, "job_1", lines[1]["job"])
	require.Equal(t, "tbl_a", lines[0]["table"])
	require.Equal(t, "tbl_b", lines[1]["table"])
	require.Equal(t, "req_1", RequestID(ctx))
	require.Empty(t, RequestID(t.Context()))
}

func TestRequestIDsFromOutside(t *testing.T) {
	require.True(t, ValidRequestID(NewRequestID()))
	require.True(t, ValidRequestID("a-B_9.z"))
	for _, id := range []string{"", strings.Repeat("a", 65), "a b", "a\nb", `a"b`, "ä"} {
		require.False(t, ValidRequestID(id), id)
	}
}

func TestTemporalLogsThroughTheRedaction(t *testing.T) {
	out := both(t, nil, func(l *slog.Logger) {
		logger := log.NewStructuredLogger(l)
		logger.Error("activity error", "Error", errors.New("password="+canary), "Attempt", 3)
		logger.Info("m", "token", canary)
	})
	require.NotContains(t, out, "canary-4711")
	require.Contains(t, out, "Attempt")
}

func requireNoCanary(t *testing.T, out string) {
	t.Helper()
	for line := range strings.Lines(out) {
		require.NotContains(t, line, "canary")
	}
}

func BenchmarkLine(b *testing.B) {
	l := NewLogger(Options{Writer: &bytes.Buffer{}, Format: config.LogJSON})
	ctx := WithRequestID(b.Context(), "req_1")
	for b.Loop() {
		l.InfoContext(ctx, "a page was written", "job", "job_01k", "table", "tbl_01k", "records", 100, "took", "12ms")
	}
}
