package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/scratch-platform/scratch/internal/netguard"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
)

// tidy removes what people add without meaning it.
func (s *Settings) tidy() {
	for _, text := range []*string{&s.DataDir, &s.Listen, &s.HealthListen, &s.PublicURL, &s.TemporalAddress, &s.TemporalNamespace, &s.TemporalUIURL, &s.OTLPEndpoint, &s.MetricsListen, &s.Deployment, &s.BuildID} {
		*text = strings.TrimSpace(*text)
	}
	s.PublicURL = strings.TrimRight(s.PublicURL, "/")
	s.TemporalUIURL = strings.TrimRight(s.TemporalUIURL, "/")
	s.OTLPEndpoint = strings.TrimRight(s.OTLPEndpoint, "/")
}

// check finds what is well-formed and yet cannot work.
func (s *Settings) check(found *findings) {
	s.checkAddresses(found)
	s.checkDatabase(found)
	s.checkRedis(found)
	s.checkTemporal(found)
	s.checkTelemetry(found)
	if s.TablesAtOnce < 1 || s.TablesAtOnce > maxTablesAtOnce {
		found.add("SCRATCH_TABLES_AT_ONCE", fmt.Sprintf("it must lie between 1 and %d", maxTablesAtOnce))
	}
	if !s.VaultKeyset.IsZero() {
		if _, err := vault.Open(vault.Source{Configured: s.VaultKeyset}); err != nil {
			found.add("SCRATCH_VAULT_KEYSET", explain(err))
		}
	}
	if _, err := netguard.ParsePolicy(s.NetguardAllow); err != nil {
		found.add("SCRATCH_NETGUARD_ALLOW", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}

func (s *Settings) checkAddresses(found *findings) {
	if problem := badAddress(s.Listen); problem != "" {
		found.add("SCRATCH_LISTEN", problem)
	} else if s.PublicURL == "" && !onThisMachine(s.Listen) {
		found.add("SCRATCH_PUBLIC_URL", "it must be set when the listen address "+s.Listen+" can be reached from elsewhere: https://scratch.example.com")
	}
	if problem := badAddress(s.HealthListen); s.HealthListen != "" && problem != "" {
		found.add("SCRATCH_HEALTH_LISTEN", problem)
	}
	if s.Drain < time.Second || s.Drain > 10*time.Minute {
		found.add("SCRATCH_DRAIN", "it must lie between 1s and 10m")
	}
	for name, value := range map[string]string{"SCRATCH_PUBLIC_URL": s.PublicURL, "SCRATCH_TEMPORAL_UI_URL": s.TemporalUIURL} {
		if problem := badURL(value); value != "" && problem != "" {
			found.add(name, problem)
		}
	}
}

func (s *Settings) checkDatabase(found *findings) {
	const name = "SCRATCH_DATABASE_URL"
	if !s.PostgreSQL() {
		if s.Role != RoleMonolith && s.Role != "" {
			found.add(name, fmt.Sprintf("the role %s needs PostgreSQL: a SQLite file serves one process", s.Role))
		}
		return
	}
	// The URL holds a password and stays out of every message, the parser's too.
	u, err := url.Parse(s.DatabaseURL.Reveal())
	switch {
	case err != nil:
		found.add(name, "it is not a URL; special characters in the password must be percent-encoded")
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		found.add(name, "it must start with postgres://")
	case strings.Trim(u.Path, "/") == "":
		found.add(name, "the database's name is missing at the end of the path")
	}
}

func (s *Settings) checkRedis(found *findings) {
	if s.RedisURL.IsZero() {
		return
	}
	const name = "SCRATCH_REDIS_URL"
	// As above: nothing of the URL may appear in a message.
	u, err := url.Parse(s.RedisURL.Reveal())
	if err != nil {
		found.add(name, "it is not a URL; special characters in the password must be percent-encoded")
		return
	}
	number, err := strconv.Atoi(strings.Trim(u.Path, "/"))
	switch {
	case u.Scheme != "redis" && u.Scheme != "rediss":
		found.add(name, "it must start with redis://, or rediss:// for TLS")
	case u.Hostname() == "":
		found.add(name, "the host is missing")
	case strings.Trim(u.Path, "/") != "" && (err != nil || number < 0):
		found.add(name, "the path is the number of a database: redis://host:6379/0")
	case u.RawQuery != "" || u.Fragment != "":
		found.add(name, "it must end after the number of the database")
	}
}

func (s *Settings) checkTemporal(found *findings) {
	if problem := badAddress(s.TemporalAddress); problem != "" {
		found.add("SCRATCH_TEMPORAL_ADDRESS", problem)
	}
	if (s.TemporalTLSCert == "") != (s.TemporalTLSKey == "") {
		found.add("SCRATCH_TEMPORAL_TLS_CERT", "the certificate and SCRATCH_TEMPORAL_TLS_KEY go together; set both or neither")
	}
	// The server's rules for both names; it tells of them only when a worker polls.
	if strings.ContainsAny(s.Deployment, ".:") || strings.HasPrefix(s.Deployment, "__") || len(s.Deployment) > maxVersionName {
		found.add("SCRATCH_DEPLOYMENT", "it must hold no '.' and no ':', not begin with '__', and have at most 100 bytes")
	}
	if strings.HasPrefix(s.BuildID, "__") || len(s.BuildID) > maxVersionName {
		found.add("SCRATCH_BUILD_ID", "it must not begin with '__' and have at most 100 bytes")
	}
	for name, path := range map[string]string{
		"SCRATCH_TEMPORAL_TLS_CA": s.TemporalTLSCA, "SCRATCH_TEMPORAL_TLS_CERT": s.TemporalTLSCert, "SCRATCH_TEMPORAL_TLS_KEY": s.TemporalTLSKey,
	} {
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err != nil {
			found.add(name, fmt.Sprintf("the file cannot be read: %v", err))
		} else if !info.Mode().IsRegular() {
			found.add(name, path+" is not a file")
		}
	}
}

// maxTablesAtOnce leaves a worker's cancels and job states a place beside its
// tables, and its memory below a gigabyte.
const maxTablesAtOnce = 100

// maxVersionName keeps both names together below the server's limit of an id.
const maxVersionName = 100

func badAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Sprintf("%q is not a host and a port such as 127.0.0.1:3010", address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Sprintf("%q is not a port", port)
	}
	if strings.ContainsAny(host, "/@ ") {
		return fmt.Sprintf("%q is not a host", host)
	}
	return ""
}

func badURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Sprintf("%q is not an address such as https://scratch.example.com", text)
	}
	if u.User != nil {
		return "it must not contain a user or password"
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return "it must end after the path"
	}
	return ""
}

func onThisMachine(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func explain(err error) string {
	if problem, ok := models.AsProblem(err); ok {
		return problem.Detail + ". " + problem.Hint
	}
	return err.Error()
}
