package config

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/scratch-platform/scratch/internal/netguard"
	"github.com/scratch-platform/scratch/internal/vault"
)

// Settings is everything that is configured from outside. Secrets can also be
// given as files: the variable's name with _FILE behind it holds the path.
type Settings struct {
	Role         Role   `env:"SCRATCH_ROLE" envDefault:"monolith" doc:"What this process does. frontend: the API, the page and the truth of jobs. worker: downloads, publishes and clean-up. cron: keeps schedules right, clean-up's among them; one is enough, a second stands by. monolith: all of it. SERVICE_TYPE is another name for it."`
	DataDir      string `env:"SCRATCH_DATA_DIR" envDefault:".scratch" doc:"Folder for uploads and, on one machine, the database and the keyset."`
	Listen       string `env:"SCRATCH_LISTEN" envDefault:"127.0.0.1:3010" doc:"Address a frontend or monolith serves the API and the page on."`
	HealthListen string `env:"SCRATCH_HEALTH_LISTEN" doc:"Address a worker or cron answers /healthz and /readyz on, and nothing else: 0.0.0.0:3011. Empty: it answers nothing. A frontend or monolith answers them on SCRATCH_LISTEN."`
	PublicURL    string `env:"SCRATCH_PUBLIC_URL" doc:"Address users reach Scratch under, for links and origin checks. Empty: the listen address, which must then be on this machine."`

	DatabaseURL vault.Secret `env:"SCRATCH_DATABASE_URL" doc:"PostgreSQL 15 or newer: postgres://user:password@host:5432/name. Empty: a SQLite file in the data folder, for one process."`

	RedisURL vault.Secret `env:"SCRATCH_REDIS_URL" doc:"Redis 6.2 or newer, or Valkey, for several processes: redis://user:password@host:6379/0, or rediss:// for TLS. It shares request limits and speeds up locks and live events; nothing is kept there alone. Empty: each worker keeps limits by itself, and events of other processes are up to a second late."`

	TemporalAddress       string       `env:"SCRATCH_TEMPORAL_ADDRESS" envDefault:"127.0.0.1:7233" doc:"Host and port of the Temporal server or of Temporal Cloud."`
	TemporalNamespace     string       `env:"SCRATCH_TEMPORAL_NAMESPACE" envDefault:"default" doc:"Temporal namespace."`
	TemporalAPIKey        vault.Secret `env:"SCRATCH_TEMPORAL_API_KEY" doc:"API key of Temporal Cloud. It switches TLS on."`
	TemporalTLS           bool         `env:"SCRATCH_TEMPORAL_TLS" envDefault:"false" doc:"Speak TLS to Temporal. The three files below switch it on as well."`
	TemporalTLSCA         string       `env:"SCRATCH_TEMPORAL_TLS_CA" doc:"File with the certificate authority of the Temporal server (PEM). Empty: the system's."`
	TemporalTLSCert       string       `env:"SCRATCH_TEMPORAL_TLS_CERT" doc:"File with our certificate for mutual TLS (PEM)."`
	TemporalTLSKey        string       `env:"SCRATCH_TEMPORAL_TLS_KEY" doc:"File with the key of that certificate (PEM)."`
	TemporalTLSServerName string       `env:"SCRATCH_TEMPORAL_TLS_SERVER_NAME" doc:"Name in the Temporal server's certificate, where it is not the host of the address."`
	TemporalUIURL         string       `env:"SCRATCH_TEMPORAL_UI_URL" doc:"Address of Temporal's Web UI, for links from jobs and for showing decrypted payloads there."`

	Deployment string `env:"SCRATCH_DEPLOYMENT" doc:"Name of the worker deployment, for worker versioning: runs stay on the build they began with, and new ones go to the build that 'scratch deploy' put into service. Empty, and in the role monolith: off. Every worker needs the same."`
	BuildID    string `env:"SCRATCH_BUILD_ID" doc:"Name of this build in the deployment. Empty: the program's own version, or its commit and a hash of the program."`

	VaultKeyset vault.Secret `env:"SCRATCH_VAULT_KEYSET" doc:"Keys that credentials and workflow payloads are encrypted with (base64; every process needs the same). Empty: a file in the data folder, created on the first start with SQLite."`

	UploadLimit   Size     `env:"SCRATCH_UPLOAD_LIMIT" envDefault:"2GiB" doc:"Largest file that can be uploaded."`
	NetguardAllow []string `env:"SCRATCH_NETGUARD_ALLOW" envSeparator:"," doc:"Addresses, ranges and host names, separated by commas, that connections may reach although they are not on the public internet: 10.1.0.0/16,wiki.internal"`

	Drain time.Duration `env:"SCRATCH_DRAIN" envDefault:"20s" doc:"How long a process that is told to stop lets requests end and running work come to a checkpoint, from 1s to 10m. The supervisor that sends the signal must wait a little longer. A second signal ends the process at once; nothing is lost by it."`

	TablesAtOnce int `env:"SCRATCH_TABLES_AT_ONCE" envDefault:"12" doc:"How many tables one worker downloads at a time, from 1 to 100. Each takes a few megabytes, and several requests side by side where the service permits; others wait for their turn, here or at another worker. More of them help while a worker mostly waits for services."`

	LogLevel  LogLevel  `env:"SCRATCH_LOG_LEVEL" envDefault:"info" doc:"debug, info, warn or error."`
	LogFormat LogFormat `env:"SCRATCH_LOG_FORMAT" envDefault:"auto" doc:"text, json, or auto: text on a terminal, else JSON."`

	OTLPEndpoint  string       `env:"SCRATCH_OTLP_ENDPOINT" doc:"Where traces are sent, as OTLP over HTTP: http://collector:4318 or https://logfire-eu.pydantic.dev; /v1/traces is put behind it. Empty: no traces are made."`
	OTLPHeaders   vault.Secret `env:"SCRATCH_OTLP_HEADERS" doc:"Headers sent with traces, as name=value separated by commas, with percent-encoded values: Authorization=<write token>"`
	TraceSample   Share        `env:"SCRATCH_TRACE_SAMPLE" envDefault:"1" doc:"Share of requests that are traced, 0 to 1, with all they cause. Every process needs the same."`
	MetricsListen string       `env:"SCRATCH_METRICS_LISTEN" doc:"Address on which /metrics is served to Prometheus without a token, such as 127.0.0.1:9464; it must not be public. Empty: only /metrics of the API answers, to API tokens with the scope operate."`
}

// PostgreSQL reports whether a PostgreSQL server is configured; else the store is
// the SQLite file.
func (s Settings) PostgreSQL() bool { return !s.DatabaseURL.IsZero() }

// SQLitePath is the database file of a store on one machine.
func (s Settings) SQLitePath() string { return filepath.Join(s.DataDir, "scratch.db") }

// UploadDir is where uploaded files are kept.
func (s Settings) UploadDir() string { return filepath.Join(s.DataDir, "uploads") }

// BaseURL is the address users reach Scratch under, without a slash at the end.
func (s Settings) BaseURL() string {
	if s.PublicURL != "" {
		return s.PublicURL
	}
	return "http://" + s.Listen
}

// TLS reports whether Temporal is spoken to over TLS.
func (s Settings) TLS() bool {
	return s.TemporalTLS || !s.TemporalAPIKey.IsZero() || s.TemporalTLSCA != "" || s.TemporalTLSCert != ""
}

// Versioned reports whether workers take part in a deployment. One process alone
// has no second build to work beside.
func (s Settings) Versioned() bool { return s.Deployment != "" && s.Role != RoleMonolith }

// VaultSource is where the vault's keys come from. A keyset file is only made
// beside a SQLite file: with a shared database, a new key made by one process, on
// a disk that may not outlive it, would lose credentials.
func (s Settings) VaultSource() vault.Source {
	return vault.Source{
		Configured: s.VaultKeyset,
		File:       filepath.Join(s.DataDir, "keyset.json"),
		Create:     !s.PostgreSQL(),
	}
}

// TracesURL is where traces are posted; empty when none are made.
func (s Settings) TracesURL() string {
	if s.OTLPEndpoint == "" || strings.HasSuffix(s.OTLPEndpoint, tracesPath) {
		return s.OTLPEndpoint
	}
	return s.OTLPEndpoint + tracesPath
}

// tracesPath is where OTLP takes traces over HTTP.
const tracesPath = "/v1/traces"

// TraceHeaders are sent with traces. Load has checked them, so it fails on
// Settings made by hand only.
func (s Settings) TraceHeaders() (map[string]string, error) {
	return parseHeaders(s.OTLPHeaders.Reveal())
}

// Netguard is the policy for addresses that users choose. Load has checked the
// list, so it fails on Settings made by hand only.
func (s Settings) Netguard() (netguard.Policy, error) {
	return netguard.ParsePolicy(s.NetguardAllow)
}
