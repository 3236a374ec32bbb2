package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/scratch-platform/scratch/connectors"
)

//nolint:gosec // a form with a field named password, no password
const credentialForm = `{
  "type": "object",
  "title": "PostgreSQL database",
  "additionalProperties": false,
  "anyOf": [{"required": ["host", "database", "user"]}, {"required": ["url"]}],
  "properties": {
    "host": {"type": "string", "title": "Host", "minLength": 1, "maxLength": 253,
      "description": "Name or address of the server, such as db.example.com. Host, database and user are needed where no URL is given."},
    "port": {"type": "integer", "title": "Port", "minimum": 1, "maximum": 65535, "description": "5432 when left out."},
    "database": {"type": "string", "title": "Database", "minLength": 1, "maxLength": 63},
    "user": {"type": "string", "title": "User", "minLength": 1, "maxLength": 63,
      "description": "A role of its own with rights on the tables you work with, not the server's administrator."},
    "password": {"type": "string", "title": "Password", "maxLength": 1000, "writeOnly": true},
    "tls": {"type": "string", "title": "TLS", "enum": ["verify-full", "verify-ca", "require", "disable"],
      "description": "verify-full (when left out) checks certificate and host name, verify-ca the certificate alone, require encrypts without checking, disable sends everything in the clear."},
    "ca": {"type": "string", "title": "CA certificate", "maxLength": 60000,
      "description": "PEM text of the authority that signed the server's certificate, where it is not a public one."},
    "url": {"type": "string", "title": "URL", "maxLength": 4000, "writeOnly": true,
      "description": "In place of the fields above: postgres://user:password@host:5432/database?sslmode=require. A field that is filled in goes before the URL's."},
    "requests_at_once": {"type": "integer", "title": "Connections at once, at most", "minimum": 2, "maximum": 8,
      "description": "8 when left out, all of Scratch together: half of them to read tables, the others to look up and to write. A smaller number leaves more to others, and reads fewer tables at a time."}
  }
}`

// The TLS modes, in libpq's words.
const (
	tlsDisable    = "disable"
	tlsRequire    = "require"
	tlsVerifyCA   = "verify-ca"
	tlsVerifyFull = "verify-full"
)

// credential is where to sign in and as whom.
type credential struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	Database string `json:"database"`
	User     string `json:"user"`
	Password string `json:"password"`
	TLS      string `json:"tls"`
	CA       string `json:"ca"`
	URL      string `json:"url"`
}

func readCredential(raw json.RawMessage) (credential, error) {
	var c credential
	if json.Unmarshal(raw, &c) != nil {
		return c, badCredential("the credential is not the form's JSON", "")
	}
	if c.URL != "" {
		if err := c.takeURL(); err != nil {
			return c, err
		}
	}
	if c.Port == 0 {
		c.Port = 5432
	}
	if inner, ok := strings.CutPrefix(c.Host, "["); ok { // an IPv6 address as URLs have it
		c.Host = strings.TrimSuffix(inner, "]")
	}
	if c.TLS == "" {
		c.TLS = tlsVerifyFull
	}
	switch {
	case c.Host == "", c.Database == "", c.User == "":
		return c, badCredential("host, database or user is missing", "Fill in all three, or give a URL that holds them.")
	case strings.ContainsAny(c.Host, "/,@ "):
		return c, badCredential("the host is no name or address of one server", "Unix sockets and lists of hosts are not taken.")
	case c.Port < 1 || c.Port > 65535:
		return c, badCredential("the port is not between 1 and 65535", "")
	case strings.ContainsRune(c.Host+c.Database+c.User+c.Password, 0):
		return c, badCredential("a field holds the character U+0000", "")
	}
	switch c.TLS {
	case tlsDisable, tlsRequire, tlsVerifyCA, tlsVerifyFull:
		return c, nil
	default:
		return c, badCredential("the TLS mode is not one of verify-full, verify-ca, require and disable", "")
	}
}

// takeURL fills in what the URL says and the fields do not.
func (c *credential) takeURL() error {
	u, err := url.Parse(strings.TrimSpace(c.URL))
	// The error of Parse quotes the URL, password included.
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return badCredential("the URL is not of the form postgres://user:password@host:5432/database",
			"Write special characters of the password as %21 and the like, or use the fields.")
	}
	fill := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	password, _ := u.User.Password()
	fill(&c.Host, u.Hostname())
	fill(&c.Database, strings.TrimPrefix(u.Path, "/"))
	fill(&c.User, u.User.Username())
	fill(&c.Password, password)
	if port := u.Port(); c.Port == 0 && port != "" {
		if c.Port, err = strconv.Atoi(port); err != nil {
			return badCredential("the URL's port is no number", "")
		}
	}
	switch mode := u.Query().Get("sslmode"); mode {
	case "allow", "prefer": // never in the clear because a server, or somebody in between, says so
		fill(&c.TLS, tlsRequire)
	default:
		fill(&c.TLS, mode)
	}
	return nil
}

func badCredential(reason, hint string) error {
	return &connectors.Error{Kind: connectors.KindInvalid, Service: Service, Tried: "read the credential", Code: "credential_invalid", Reason: reason, Hint: hint}
}

func (c *credential) secrets() []string { return []string{c.Password, c.URL} }

// address is the server as people write it.
func (c *credential) address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

const (
	connectTime = 15 * time.Second
	closeTime   = time.Second
	// maxMessage bounds what one row may take in memory on its way in. The query
	// leaves cells too large for a record out; this is for rows of many.
	maxMessage = 96 << 20
)

// configure says how to connect. Nothing comes from the process's environment:
// PGHOST, PGPASSWORD, service files and their like are the operator's.
func (c *Connector) configure() (*pgconn.Config, error) {
	config, err := pgconn.ParseConfig("host=localhost port=5432 user=x password=x dbname=x sslmode=disable connect_timeout=0 passfile='' target_session_attrs=any")
	if err != nil {
		return nil, fmt.Errorf("prepare a connection: %w", err)
	}
	security, err := c.security()
	if err != nil {
		return nil, err
	}
	config.Host, config.Port = c.target.Host, uint16(c.target.Port) //nolint:gosec // between 1 and 65535
	config.Database, config.User, config.Password = c.target.Database, c.target.User, c.target.Password
	config.TLSConfig, config.Fallbacks, config.ValidateConnect, config.AfterConnect = nil, nil, nil, nil // TLS is dial's
	config.KerberosSrvName, config.KerberosSpn = "", ""
	config.RuntimeParams = map[string]string{"application_name": "scratch", "client_encoding": "UTF8"}
	config.ConnectTimeout = connectTime
	config.MaxProtocolMessageBodyLen = maxMessage
	// The guard wants the name that the user entered, and looks it up itself.
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.DialFunc = c.dialer(security)
	return config, nil
}

// errNoTLS is for a server that speaks none.
var errNoTLS = errors.New("the server refused TLS")

// sslRequest asks a server to go on in TLS; it answers S or N.
var sslRequest = []byte{0, 0, 0, 8, 4, 210, 22, 47}

// dialer connects behind the guard, and in TLS where security is not nil. It is
// here and not left to pgconn so that each way to fail has a type.
func (c *Connector) dialer(security *tls.Config) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := c.deps.Dial(ctx, network, address)
		if err != nil || security == nil {
			return conn, err
		}
		secured, err := secure(ctx, conn, security)
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return secured, nil
	}
}

func secure(ctx context.Context, conn net.Conn, security *tls.Config) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(sslRequest); err != nil {
		return nil, fmt.Errorf("ask for TLS: %w", err)
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return nil, fmt.Errorf("ask for TLS: %w", err)
	}
	if answer[0] != 'S' {
		return nil, errNoTLS
	}
	secured := tls.Client(conn, security)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("begin TLS: %w", err)
	}
	return secured, nil
}

// security is the TLS configuration of the chosen mode, nil for none.
func (c *Connector) security() (*tls.Config, error) {
	mode := c.target.TLS
	if mode == tlsDisable {
		return nil, nil //nolint:nilnil // no TLS is what was asked for
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.target.Host}
	if c.target.CA != "" {
		var ok bool
		if config.RootCAs, ok = authorities(c.target.CA); !ok {
			return nil, badCredential("the CA certificate is not PEM text", "Paste the text between and with the lines BEGIN CERTIFICATE and END CERTIFICATE.")
		}
		if mode == tlsRequire { // as libpq does: an authority that is given is checked
			mode = tlsVerifyCA
		}
	}
	switch mode {
	case tlsRequire:
		config.InsecureSkipVerify = true // what the mode means; the form says so
	case tlsVerifyCA:
		config.InsecureSkipVerify = true // VerifyConnection checks all but the host name
		config.VerifyConnection = verifyAuthority(config.RootCAs)
	}
	return config, nil
}

// inPEM finds certificates in PEM text. Forms of one line take the line breaks
// out of what is pasted into them, which PEM proper does not bear.
var inPEM = regexp.MustCompile(`-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----`)

func authorities(text string) (*x509.CertPool, bool) {
	pool, found := x509.NewCertPool(), false
	for _, match := range inPEM.FindAllStringSubmatch(text, -1) {
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(match[1]), ""))
		if err != nil {
			return nil, false
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, false
		}
		pool.AddCert(certificate)
		found = true
	}
	return pool, found
}

// verifyAuthority checks the chain of certificates and not the host name.
func verifyAuthority(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("the server sent no certificate")
		}
		options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, certificate := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(certificate)
		}
		_, err := state.PeerCertificates[0].Verify(options)
		return err
	}
}
