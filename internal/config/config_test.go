package config

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
)

var update = flag.Bool("update", false, "write .env.example anew")

func TestDefaultsServeOneMachine(t *testing.T) {
	s, err := Load(nil)
	require.NoError(t, err)
	require.Equal(t, RoleMonolith, s.Role)
	require.Equal(t, "http://127.0.0.1:3010", s.BaseURL())
	require.False(t, s.PostgreSQL())
	require.Equal(t, filepath.Join(".scratch", "scratch.db"), s.SQLitePath())
	require.EqualValues(t, 2<<30, s.UploadLimit)
	require.True(t, s.VaultSource().Create)
	require.False(t, s.TLS())
}

func TestEverySettingIsRead(t *testing.T) {
	keyset, err := vault.NewKeyset()
	require.NoError(t, err)
	cert := filepath.Join(t.TempDir(), "cert.pem")
	require.NoError(t, os.WriteFile(cert, nil, 0o600))
	values := map[string]string{
		"SCRATCH_ROLE": "Worker", "SCRATCH_DATA_DIR": "/data", "SCRATCH_LISTEN": "0.0.0.0:80",
		"SCRATCH_PUBLIC_URL": "https://scratch.example.com/", "SCRATCH_DATABASE_URL": "postgres://u:p@h/db",
		"SCRATCH_REDIS_URL": "rediss://:p@r:6380/2", "SCRATCH_TEMPORAL_ADDRESS": "t:7233", "SCRATCH_TEMPORAL_NAMESPACE": "n", "SCRATCH_TEMPORAL_API_KEY": "k",
		"SCRATCH_TEMPORAL_TLS": "true", "SCRATCH_TEMPORAL_TLS_CA": cert, "SCRATCH_TEMPORAL_TLS_CERT": cert,
		"SCRATCH_TEMPORAL_TLS_KEY": cert, "SCRATCH_TEMPORAL_TLS_SERVER_NAME": "s", "SCRATCH_TEMPORAL_UI_URL": "http://ui:8080",
		"SCRATCH_VAULT_KEYSET": keyset.Reveal(), "SCRATCH_UPLOAD_LIMIT": "500MB", "SCRATCH_NETGUARD_ALLOW": "10.0.0.0/8,wiki.internal",
		"SCRATCH_LOG_LEVEL": "DEBUG", "SCRATCH_LOG_FORMAT": "json", "SCRATCH_HEALTH_LISTEN": "0.0.0.0:81", "SCRATCH_DRAIN": "1m", "SCRATCH_TABLES_AT_ONCE": "40",
		"SCRATCH_OTLP_ENDPOINT": "https://logfire-eu.pydantic.dev/", "SCRATCH_OTLP_HEADERS": "Authorization=canary-4711%2Cx,b = c",
		"SCRATCH_TRACE_SAMPLE": "0.25", "SCRATCH_METRICS_LISTEN": "10.1.2.3:9464",
		"SCRATCH_DEPLOYMENT": "blog", "SCRATCH_BUILD_ID": "v2",
	}
	var environ []string
	for name, value := range values {
		environ = append(environ, name+"="+value)
	}
	for _, f := range fields() {
		require.Contains(t, values, f.name, "this test must set every setting")
	}
	s, err := Load(environ)
	require.NoError(t, err)
	require.Equal(t, Settings{
		Role: RoleWorker, DataDir: "/data", Listen: "0.0.0.0:80", PublicURL: "https://scratch.example.com",
		DatabaseURL: s.DatabaseURL, RedisURL: s.RedisURL, TemporalAddress: "t:7233", TemporalNamespace: "n", TemporalAPIKey: s.TemporalAPIKey,
		TemporalTLS: true, TemporalTLSCA: cert, TemporalTLSCert: cert, TemporalTLSKey: cert, TemporalTLSServerName: "s",
		TemporalUIURL: "http://ui:8080", VaultKeyset: s.VaultKeyset, UploadLimit: 500_000_000,
		NetguardAllow: []string{"10.0.0.0/8", "wiki.internal"}, LogLevel: "debug", LogFormat: LogJSON,
		Deployment: "blog", BuildID: "v2",
		HealthListen: "0.0.0.0:81", Drain: time.Minute, TablesAtOnce: 40,
		OTLPEndpoint: "https://logfire-eu.pydantic.dev", OTLPHeaders: s.OTLPHeaders, TraceSample: 0.25, MetricsListen: "10.1.2.3:9464",
	}, s)
	require.Equal(t, "https://logfire-eu.pydantic.dev/v1/traces", s.TracesURL())
	headers, err := s.TraceHeaders()
	require.NoError(t, err)
	require.Equal(t, map[string]string{"Authorization": "canary-4711,x", "b": "c"}, headers)
	require.NotContains(t, fmt.Sprintf("%+v %#v", s, s), "canary-4711", "printing settings must not show secrets")
	require.Equal(t, "postgres://u:p@h/db", s.DatabaseURL.Reveal())
	require.Equal(t, "rediss://:p@r:6380/2", s.RedisURL.Reveal())
	require.False(t, s.VaultSource().Create, "with a shared database no process may invent keys")
	require.NotContains(t, fmt.Sprintf("%+v %#v", s, s), "postgres://u:p", "printing settings must not show secrets")
	_, err = s.Netguard()
	require.NoError(t, err)
	_, err = vault.Open(s.VaultSource())
	require.NoError(t, err)
	require.Empty(t, Unknown(environ))
}

// An operator should not have to start ten times to learn of ten mistakes.
func TestAllProblemsAtOnce(t *testing.T) {
	_, err := Load([]string{
		"SCRATCH_ROLE=boss", "SCRATCH_LISTEN=3010", "SCRATCH_PUBLIC_URL=scratch.example.com", "SCRATCH_DATABASE_URL=mysql://u:canary-4711@h/db",
		"SCRATCH_TEMPORAL_ADDRESS=http://t:7233", "SCRATCH_TEMPORAL_TLS=maybe", "SCRATCH_TEMPORAL_TLS_CA=/no/such/file",
		"SCRATCH_TEMPORAL_TLS_CERT=/no/such/cert", "SCRATCH_VAULT_KEYSET=canary-4711", "SCRATCH_UPLOAD_LIMIT=lots",
		"SCRATCH_NETGUARD_ALLOW=10.0.0.0/99,https://x", "SCRATCH_LOG_LEVEL=loud", "SCRATCH_LOG_FORMAT=xml",
		"SCRATCH_TEMPORAL_UI_URL=http://user:canary-4711@ui", "SCRATCH_OTLP_ENDPOINT=collector:4318",
		"SCRATCH_OTLP_HEADERS=canary-4711", "SCRATCH_TRACE_SAMPLE=11", "SCRATCH_METRICS_LISTEN=8.8.8.8:9464",
	})
	problem, ok := models.AsProblem(err)
	require.True(t, ok)
	require.Equal(t, "config.invalid", problem.Code)
	require.NotEmpty(t, problem.Hint)
	named := map[string]bool{}
	for _, field := range problem.Fields {
		named[field.Field] = true
		require.Contains(t, problem.Detail, field.Field)
	}
	for _, name := range []string{
		"SCRATCH_ROLE", "SCRATCH_LISTEN", "SCRATCH_PUBLIC_URL", "SCRATCH_DATABASE_URL", "SCRATCH_TEMPORAL_ADDRESS", "SCRATCH_TEMPORAL_TLS",
		"SCRATCH_TEMPORAL_TLS_CA", "SCRATCH_TEMPORAL_TLS_CERT", "SCRATCH_VAULT_KEYSET", "SCRATCH_UPLOAD_LIMIT",
		"SCRATCH_NETGUARD_ALLOW", "SCRATCH_LOG_LEVEL", "SCRATCH_LOG_FORMAT", "SCRATCH_TEMPORAL_UI_URL",
		"SCRATCH_OTLP_ENDPOINT", "SCRATCH_OTLP_HEADERS", "SCRATCH_TRACE_SAMPLE", "SCRATCH_METRICS_LISTEN",
	} {
		require.True(t, named[name], name)
	}
	require.NotContains(t, err.Error(), "canary-4711")
}

func TestSingleMistakes(t *testing.T) {
	cases := map[string][]string{
		"SCRATCH_DATABASE_URL":     {"SCRATCH_ROLE=worker"},
		"SCRATCH_PUBLIC_URL":       {"SCRATCH_LISTEN=:3010"},
		"SCRATCH_ROLE":             {"SCRATCH_ROLE=worker", "SERVICE_TYPE=cron", "SCRATCH_DATABASE_URL=postgres://h/d"},
		"SCRATCH_VAULT_KEYSET":     {"SCRATCH_VAULT_KEYSET=a", "SCRATCH_VAULT_KEYSET_FILE=/b"},
		"SCRATCH_TEMPORAL_ADDRESS": {"SCRATCH_TEMPORAL_ADDRESS=t:99999"},
		"SCRATCH_DEPLOYMENT":       {"SCRATCH_DEPLOYMENT=scratch.blog"},
		"SCRATCH_BUILD_ID":         {"SCRATCH_BUILD_ID=__mine"},
		"SCRATCH_HEALTH_LISTEN":    {"SCRATCH_HEALTH_LISTEN=3011"},
		"SCRATCH_DRAIN":            {"SCRATCH_DRAIN=1h"},
		"SCRATCH_TABLES_AT_ONCE":   {"SCRATCH_TABLES_AT_ONCE=0"},
		"SCRATCH_OTLP_HEADERS":     {"SCRATCH_OTLP_HEADERS=a=b"},
		"SCRATCH_METRICS_LISTEN":   {"SCRATCH_LISTEN=127.0.0.1:3010", "SCRATCH_METRICS_LISTEN=127.0.0.1:3010"},
	}
	for name, environ := range cases {
		_, err := Load(environ)
		problem, ok := models.AsProblem(err)
		require.True(t, ok, name)
		found := false
		for _, field := range problem.Fields {
			found = found || field.Field == name
		}
		require.True(t, found, "%s: %v", name, err)
	}
	for _, url := range []string{"postgres://u:canary-4711%@h/db", "postgres://u:canary-4711@h/", "u:canary-4711@h"} {
		_, err := Load([]string{"SCRATCH_DATABASE_URL=" + url})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "canary-4711")
	}
	for _, url := range []string{
		"http://:canary-4711@h", "redis://:canary-4711%@h", "redis://:canary-4711@", "redis://:canary-4711@h/name", "redis://:canary-4711@h/-1",
		"redis://:canary-4711@h?protocol=3", "canary-4711", "redis://:canary-4711@h:port",
	} {
		_, err := Load([]string{"SCRATCH_REDIS_URL=" + url})
		require.ErrorContains(t, err, "SCRATCH_REDIS_URL", url)
		require.NotContains(t, err.Error(), "canary-4711")
	}
}

// Breaks when metrics could be served to the open internet without a token, or
// an address that keeps them inside is refused.
func TestMetricsAreServedInsideOnly(t *testing.T) {
	for address, fine := range map[string]bool{
		"127.0.0.1:9464": true, "10.0.0.5:9464": true, "[fd00::5]:9464": true, "[::1]:1": true, "0.0.0.0:9464": true, ":9464": true,
		"100.64.1.2:9464": true, "metrics.internal:9464": true,
		"8.8.8.8:9464": false, "[2001:4860:4860::8888]:9464": false, "[::ffff:8.8.8.8]:9464": false, "127.0.0.1": false,
	} {
		_, err := Load([]string{"SCRATCH_METRICS_LISTEN=" + address})
		require.Equal(t, fine, err == nil, "%s: %v", address, err)
	}
}

func TestServiceTypeIsTheRole(t *testing.T) {
	s, err := Load([]string{"SERVICE_TYPE=cron", "SCRATCH_DATABASE_URL=postgres://h/d"})
	require.NoError(t, err)
	require.Equal(t, RoleCron, s.Role)
	require.True(t, RoleMonolith.Serves(RoleWorker))
	require.False(t, RoleFrontend.Serves(RoleWorker))
}

func TestEmptyMeansDefault(t *testing.T) {
	s, err := Load([]string{"SCRATCH_UPLOAD_LIMIT=", "SCRATCH_ROLE= ", "SCRATCH_TEMPORAL_TLS="})
	require.NoError(t, err)
	require.Equal(t, RoleMonolith, s.Role)
	require.EqualValues(t, 2<<30, s.UploadLimit)
}

func TestSecretsFromFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "url")
	require.NoError(t, os.WriteFile(file, []byte("postgres://u:p@h/db\n"), 0o600))
	s, err := Load([]string{"SCRATCH_DATABASE_URL_FILE=" + file})
	require.NoError(t, err)
	require.Equal(t, "postgres://u:p@h/db", s.DatabaseURL.Reveal())

	_, err = Load([]string{"SCRATCH_DATABASE_URL_FILE=" + file + ".missing"})
	require.ErrorContains(t, err, "SCRATCH_DATABASE_URL_FILE")
}

func TestUnknownNamesAreFound(t *testing.T) {
	require.Equal(t, []string{"SCRATCH_DATA_DIR_FILE", "SCRATCH_UPLOAD_LIMITS"}, Unknown([]string{
		"SCRATCH_UPLOAD_LIMITS=1", "SCRATCH_DATABASE_URL_FILE=x", "SCRATCH_DATA_DIR_FILE=x", "SCRATCH_TEST_POSTGRES_URL=x", "PATH=/bin",
	}))
}

func TestExampleFileIsCurrent(t *testing.T) {
	path := filepath.Join("..", "..", ".env.example")
	var want bytes.Buffer
	require.NoError(t, Example(&want))
	if *update {
		require.NoError(t, os.WriteFile(path, want.Bytes(), 0o644))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want.String(), string(got), "run `go generate ./internal/config`")
	for _, f := range fields() {
		require.NotEmpty(t, f.doc, f.name)
		require.True(t, strings.HasPrefix(f.name, "SCRATCH_"))
	}

	// The example, with its defaults switched on, must itself load.
	var environ []string
	for line := range strings.Lines(want.String()) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "#SCRATCH_"); ok {
			environ = append(environ, "SCRATCH_"+name)
		}
	}
	compose := 0
	for _, f := range fieldsOf(reflect.TypeFor[Compose]()) {
		require.NotEmpty(t, f.doc, f.name)
		if strings.HasPrefix(f.name, "SCRATCH_") {
			compose++
		}
	}
	require.Len(t, environ, len(fields())+compose)
	_, err = Load(environ)
	require.NoError(t, err)
	require.Empty(t, Unknown(environ))
}
