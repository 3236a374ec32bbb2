package postgres_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/postgres"
	"github.com/scratch-platform/scratch/internal/netguard"
)

// signIn tries a credential and gives the error, nil when it works.
func signIn(t *testing.T, credential map[string]any) *connectors.Error {
	t.Helper()
	c, err := openWith(credential)
	if err == nil {
		defer func() { require.NoError(t, c.Close()) }()
		validator, ok := c.(connectors.Validator)
		require.True(t, ok)
		_, err = validator.Validate(t.Context())
	}
	if err == nil {
		return nil
	}
	e, ok := connectors.AsError(err)
	require.True(t, ok, "%v", err)
	return e
}

func with(credential map[string]any, name string, value any) map[string]any {
	out := map[string]any{}
	for k, v := range credential {
		out[k] = v
	}
	out[name] = value
	return out
}

func TestCredentialsAreTakenAsFieldsOrURL(t *testing.T) {
	d := newDatabase(t)
	fields := d.credential()
	require.Nil(t, signIn(t, fields))
	address := fmt.Sprintf("postgresql://%s:%s@%s/%s?sslmode=disable", url.PathEscape(d.role), url.QueryEscape(d.password), d.proxy.listener.Addr(), d.name)
	address = strings.ReplaceAll(address, "+", "%20")
	require.Nil(t, signIn(t, map[string]any{"url": address}))
	require.Equal(t, "28P01", signIn(t, map[string]any{"url": address, "password": "another"}).Code, "a field goes before the URL's")
	for name, bad := range map[string]map[string]any{
		"no host": with(fields, "host", ""), "a socket": with(fields, "host", "/var/run/postgresql"), "two hosts": with(fields, "host", "a,b"),
		"no TLS mode": with(fields, "tls", "maybe"), "another URL": {"url": "mysql://user:secret-word@host/db"}, "a broken URL": {"url": "postgres://user:secret-word@host:port/%zz"},
		"no PEM": with(with(fields, "tls", "verify-ca"), "ca", "text"),
	} {
		t.Run(name, func(t *testing.T) {
			e := signIn(t, bad)
			require.NotNil(t, e)
			require.Equal(t, connectors.KindInvalid, e.Kind)
			require.NotContains(t, e.Error(), "secret-word")
		})
	}
	for name, c := range map[string]struct {
		credential map[string]any
		kind       connectors.Kind
		code       string
	}{
		"wrong password": {with(fields, "password", "not it, not at all"), connectors.KindAuth, "28P01"},
		"no database":    {with(fields, "database", "none"), connectors.KindAuth, "3D000"},
		"no TLS there":   {with(fields, "tls", "require"), connectors.KindAuth, "tls_refused"},
		"nothing there":  {with(fields, "port", 1), connectors.KindUnavailable, "connection_refused"},
	} {
		t.Run(name, func(t *testing.T) {
			e := signIn(t, c.credential)
			require.NotNil(t, e)
			require.Equal(t, c.kind, e.Kind, "%v", e)
			require.Equal(t, c.code, e.Code)
			require.NotEmpty(t, e.Hint)
		})
	}
}

// The registry's form takes what the connector takes, and shows no secret.
func TestCredentialForm(t *testing.T) {
	for credential, fits := range map[string]bool{
		`{"host":"db.example","database":"shop","user":"ana","password":"correct horse battery"}`:            true,
		`{"host":"db.example","port":6432,"database":"shop","user":"ana","tls":"require","ca":"-----BEGIN"}`: true,
		`{"url":"postgres://ana:correct%20horse@db.example/shop"}`:                                           true,
		`{"host":"db.example","user":"ana"}`:                                                                 false,
		`{"host":"db.example","database":"shop","user":"ana","tls":"prefer"}`:                                false,
		`{"host":"db.example","database":"shop","user":"ana","port":"5432"}`:                                 false,
		`{}`: false,
	} {
		hint, err := connectors.CheckCredential(postgres.Definition(), json.RawMessage(credential))
		require.Equal(t, fits, err == nil, "%s: %v", credential, err)
		require.NotContains(t, string(hint), "horse b")
		require.NotContains(t, string(hint), "ana:correct")
	}
}

// A host that resolves to an address of the operator's own network is not
// contacted.
func TestPrivateHostsAreRefused(t *testing.T) {
	raw, err := json.Marshal(map[string]any{"host": "localhost", "database": "shop", "user": "ana"})
	require.NoError(t, err)
	opened, err := postgres.Definition().Open(connectors.Dependencies{Dial: netguard.DialContext(netguard.Policy{}), Now: time.Now}, raw)
	require.NoError(t, err)
	defer func() { require.NoError(t, opened.Close()) }()
	c, _ := opened.(*postgres.Connector)
	_, err = c.ListTables(t.Context())
	e, ok := connectors.AsError(err)
	require.True(t, ok, "%v", err)
	require.Equal(t, connectors.KindInvalid, e.Kind)
	require.Equal(t, "network.address_refused", e.Code)
}

// Whatever way an IPv6 address is written, it is the one that is dialled.
func TestIPv6Hosts(t *testing.T) {
	for host, dialled := range map[string]string{"::1": "[::1]:5432", "[::1]": "[::1]:5432", "2001:db8::7": "[2001:db8::7]:5432"} {
		for _, credential := range []map[string]any{
			{"host": host, "database": "shop", "user": "ana"}, {"url": "postgres://ana:x@[" + strings.Trim(host, "[]") + "]/shop"},
		} {
			raw, err := json.Marshal(credential)
			require.NoError(t, err)
			var got string
			opened, err := postgres.Definition().Open(connectors.Dependencies{Now: time.Now, Dial: func(_ context.Context, _, address string) (net.Conn, error) {
				got = address
				return nil, errors.New("not today")
			}}, raw)
			require.NoError(t, err)
			c, _ := opened.(*postgres.Connector)
			_, err = c.ListTables(t.Context())
			require.Error(t, err)
			require.Equal(t, dialled, got)
			require.NoError(t, c.Close())
		}
	}
}

// certificate makes a server's certificate for a name, signed by itself.
func certificate(t *testing.T, name string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestTLSModes(t *testing.T) {
	d := newDatabase(t)
	for _, c := range []struct {
		name, host, mode string
		ca               bool
		code             string
	}{
		{"encrypted, not checked", "db.example", "require", false, ""},
		{"an authority that is given is checked", "db.example", "require", true, ""},
		{"the authority is checked", "db.example", "verify-ca", true, ""},
		{"nobody known signed it", "127.0.0.1", "verify-full", false, "tls_certificate"},
		{"nobody known signed it, host or not", "127.0.0.1", "verify-ca", false, "tls_certificate"},
		{"for another host", "db.example", "verify-full", true, "tls_certificate"},
		{"all is well", "127.0.0.1", "verify-full", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			own, ca := certificate(t, c.host)
			d.proxy.secure = &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
			credential := with(d.credential(), "tls", c.mode)
			if c.ca {
				credential["ca"] = strings.ReplaceAll(ca, "\n", " ") // as a form of one line gives it
			}
			e := signIn(t, credential)
			if c.code == "" {
				require.Nil(t, e)
				return
			}
			require.NotNil(t, e, "a certificate that proves nothing was taken")
			require.Equal(t, c.code, e.Code)
			require.Equal(t, connectors.KindAuth, e.Kind)
			require.NotEmpty(t, e.Hint)
		})
	}
}

func TestTablesAreListed(t *testing.T) {
	d := newDatabase(t)
	role := pgx.Identifier{d.role}.Sanitize()
	d.exec(`CREATE SCHEMA other; CREATE TABLE plain (id int PRIMARY KEY); CREATE TABLE loose (a int); CREATE TABLE secret (id int PRIMARY KEY);
		CREATE TABLE other.spread (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE other.spread_1 PARTITION OF other.spread FOR VALUES FROM (0) TO (1000);
		CREATE VIEW summary AS SELECT count(*) AS n FROM plain; CREATE MATERIALIZED VIEW kept AS SELECT 1 AS n;
		CREATE TABLE looked_at (id int PRIMARY KEY, t text, hidden text);
		INSERT INTO plain SELECT generate_series(1, 500); INSERT INTO other.spread SELECT generate_series(1, 300); ANALYZE`)
	d.exec(`GRANT ALL ON plain, loose, summary, kept TO ` + role + `; GRANT USAGE ON SCHEMA other TO ` + role + `; GRANT ALL ON other.spread, other.spread_1 TO ` + role +
		`; GRANT SELECT (id, t) ON looked_at TO ` + role)
	c := d.open()
	tables, err := c.ListTables(t.Context())
	require.NoError(t, err)
	type line struct {
		id       string
		readOnly bool
		rows     int64
	}
	var got []line
	for _, table := range tables {
		got = append(got, line{table.RemoteID, table.ReadOnly, table.Rows})
		require.Equal(t, table.ReadOnly, describe(t, c, table.RemoteID, "").ReadOnly, "%s", table.RemoteID)
	}
	require.Equal(t, []line{
		{"public.kept", true, 1},
		{"public.looked_at", true, 0},
		{"public.loose", true, 0},
		{"public.plain", false, 500},
		{"public.summary", true, -1},
		{"other.spread", false, 300},
	}, got)
	account, err := c.Validate(t.Context())
	require.NoError(t, err)
	require.Contains(t, account.Name, d.role+" at "+d.name)
	require.Equal(t, d.proxy.listener.Addr().String()+"/"+d.name, account.Realm)
	require.Contains(t, strings.Join(account.Cannot, "\n"), "read public.secret")
	schema := describe(t, c, "public.looked_at", "")
	require.Len(t, schema.Columns, 2, "a column the role may not read is no column of ours")
	records, _ := readWhole(t, c, schema)
	require.Empty(t, records)
}

// An incremental download gives what changed, whatever clocks and hands put
// into the column.
func TestChangesSince(t *testing.T) {
	d := newDatabase(t)
	d.exec(`CREATE TABLE things (id int PRIMARY KEY, at timestamptz, day date, version int, wall timestamp);
		INSERT INTO things SELECT g, now() - g * interval '1 day', current_date - g, 100000 - 10 * g, now() AT TIME ZONE 'UTC' - g * interval '1 day' FROM generate_series(1, 3000) g;
		INSERT INTO things VALUES (4000, 'infinity', 'infinity', NULL, now() + interval '100 years'), (4001, NULL, NULL, NULL, NULL)`)
	d.grant("things")
	c := d.open()
	for column, overlap := range map[string]string{"at": "60", "day": "0", "version": "5", "wall": "60"} {
		t.Run(column, func(t *testing.T) {
			d.exec(`DELETE FROM things WHERE id BETWEEN 5000 AND 6000`)
			schema := describe(t, c, "public.things", fmt.Sprintf(`{"changed_column":%q,"overlap":%s}`, column, overlap))
			mark := marksOf(t, c, schema, nil)
			d.exec(`INSERT INTO things VALUES (5000, now(), current_date, 200000, now() AT TIME ZONE 'UTC')`)
			d.exec(`UPDATE things SET at = now(), day = current_date, version = 200001, wall = now() AT TIME ZONE 'UTC' WHERE id = 2999`)
			var ids []string
			mark = marksOf(t, c, schema, mark, &ids)
			require.Contains(t, ids, "5000")
			require.Contains(t, ids, "2999")
			require.Contains(t, ids, "4001", "of a row without a value nothing is known")
			require.Less(t, len(ids), 20, "what did not change was read again")
			require.NotNil(t, mark)
		})
	}
	_, err := c.ReadSince(t.Context(), connectors.ReadRequest{Schema: describe(t, c, "public.things", ""), Since: []byte(`{}`)})
	require.ErrorIs(t, err, connectors.ErrUnsupported)
	var all []string
	marksOf(t, c, describe(t, c, "public.things", `{"changed_column":"version"}`), []byte(`{"column":"at","value":"2026-01-01"}`), &all)
	require.Greater(t, len(all), 3000, "the mark of another column hid changes")
}

// marksOf reads everything, or what changed since a mark, and gives the next.
func marksOf(t *testing.T, c *postgres.Connector, schema connectors.Schema, since []byte, ids ...*[]string) []byte {
	t.Helper()
	read, request := c.ReadAll, connectors.ReadRequest{Schema: schema, Since: since, Budget: 8 << 20}
	if since != nil {
		read = c.ReadSince
	}
	pages, err := read(t.Context(), request)
	require.NoError(t, err)
	defer func() { require.NoError(t, pages.Close()) }()
	var mark []byte
	for {
		page, err := pages.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return mark
		}
		require.NoError(t, err)
		require.True(t, mark == nil || bytes.Equal(mark, page.Watermark), "the mark moved while its snapshot stood")
		mark = page.Watermark
		for _, r := range page.Records {
			for _, to := range ids {
				*to = append(*to, r.RemoteID)
			}
		}
	}
}
