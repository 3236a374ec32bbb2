package postgres_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/postgres"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
)

// ownServer is a server of a test's own with a database in it, and the
// credential of its administrator.
func ownServer(t *testing.T) (*testkit.PostgresServer, map[string]any, func(sql string)) {
	t.Helper()
	server := testkit.OwnPostgres(t)
	address := server.Database()
	location, err := url.Parse(address)
	require.NoError(t, err)
	at, err := strconv.Atoi(location.Port())
	require.NoError(t, err)
	password, _ := location.User.Password()
	credential := map[string]any{"host": location.Hostname(), "port": at, "database": location.Path[1:], "user": location.User.Username(), "password": password, "tls": "disable"}
	return server, credential, func(sql string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), address)
		require.NoError(t, err)
		defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
		_, err = conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
}

func openedWith(t *testing.T, credential map[string]any) *postgres.Connector {
	t.Helper()
	opened, err := openWith(credential)
	require.NoError(t, err)
	c, ok := opened.(*postgres.Connector)
	require.True(t, ok)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// Each TLS mode against a real server: with TLS off, on, and demanded. Nothing
// goes in the clear that was not to, whatever the server says.
func TestTLSModesOnARealServer(t *testing.T) {
	server, credential, _ := ownServer(t)
	own, ca := certificate(t, "127.0.0.1")
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	require.NoError(t, err)
	_, stranger := certificate(t, "127.0.0.1")
	modes := func(mode, ca string) map[string]any {
		out := with(credential, "tls", mode)
		if ca != "" {
			out["ca"] = ca
		}
		return out
	}
	byURL := func(mode string) map[string]any {
		password, _ := credential["password"].(string)
		user, _ := credential["user"].(string)
		host, _ := credential["host"].(string)
		database, _ := credential["database"].(string)
		at, _ := credential["port"].(int)
		u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: host + ":" + strconv.Itoa(at), Path: "/" + database, RawQuery: "sslmode=" + mode}
		return map[string]any{"url": u.String()}
	}
	type try struct {
		name       string
		credential map[string]any
		code       string // "" is in
	}
	all := func(codes ...string) []try {
		tries := []try{
			{"disable", modes("disable", ""), ""},
			{"require", modes("require", ""), ""},
			{"require, its authority", modes("require", ca), ""},
			{"require, another authority", modes("require", stranger), ""},
			{"verify-ca", modes("verify-ca", ca), ""},
			{"verify-ca, another authority", modes("verify-ca", stranger), ""},
			{"verify-full", modes("verify-full", ca), ""},
			{"verify-full, no authority", modes("verify-full", ""), ""},
			{"another name", with(modes("verify-full", ca), "host", "localhost"), ""},
			{"prefer by URL", byURL("prefer"), ""},
			{"allow by URL", byURL("allow"), ""},
			{"none by URL", byURL("disable"), ""},
			{"nonsense by URL", byURL("maybe"), ""},
		}
		for i := range tries {
			tries[i].code = codes[i]
		}
		return tries
	}
	const off, bad, out, wrong = "tls_refused", "tls_certificate", "28000", "credential_invalid"
	for _, stage := range []struct {
		name, conf, hba string
		tries           []try
	}{
		{"off", "", "", all("", off, off, off, off, off, off, off, off, off, off, "", wrong)},
		{"on", "ssl = on\n", "", all("", "", "", bad, "", bad, "", bad, bad, "", "", "", wrong)},
		{"demanded", "ssl = on\n", "hostssl all all 127.0.0.1/32 scram-sha-256\n", all(out, "", "", bad, "", bad, "", bad, bad, "", "", out, wrong)},
	} {
		t.Run(stage.name, func(t *testing.T) {
			if stage.conf != "" {
				server.Kill()
				server.Write("server.crt", ca)
				server.Write("server.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
				server.Write("postgresql.auto.conf", stage.conf)
				server.Start()
			}
			if stage.hba != "" {
				server.Write("pg_hba.conf", stage.hba)
				c := openedWith(t, modes("require", ""))
				_, err := c.ListTables(t.Context())
				require.NoError(t, err)
				reload(t, byURL("require"))
			}
			for _, one := range stage.tries {
				t.Run(one.name, func(t *testing.T) {
					e := signIn(t, one.credential)
					if one.code == "" {
						require.Nil(t, e)
						return
					}
					require.NotNil(t, e, "it signed in")
					require.Equal(t, one.code, e.Code, "%v", e)
				})
			}
		})
	}
}

// reload has the server read who may sign in anew.
func reload(t *testing.T, credential map[string]any) {
	t.Helper()
	address, _ := credential["url"].(string)
	conn, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	var loaded bool
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT pg_reload_conf()`).Scan(&loaded))
	require.Eventually(t, func() bool {
		var rules int
		return conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_hba_file_rules WHERE type = 'hostssl'`).Scan(&rules) == nil && rules == 1 &&
			conn.QueryRow(t.Context(), `SELECT pg_conf_load_time() > now() - interval '1 minute'`).Scan(&loaded) == nil && loaded
	}, 10*time.Second, 20*time.Millisecond)
}

// A server that fails over to a replica under an open connector takes no writes,
// and that is told before anything is sent; reading goes on.
func TestFailoverToAReplica(t *testing.T) {
	server, credential, exec := ownServer(t)
	exec(`CREATE TABLE things (id int PRIMARY KEY, t text); INSERT INTO things VALUES (1, 'x')`)
	c := openedWith(t, credential)
	schema := describe(t, c, "public.things", "")
	require.False(t, schema.ReadOnly)
	items, results := createAll(t, c, schema, models.Fields{"id": text("2"), "t": text("y")})
	require.Equal(t, connectors.Applied, results[0].Outcome, "%v", results[0].Err)
	server.Kill()
	server.Write("standby.signal", "")
	server.Start()
	records, _ := readWhole(t, c, schema)
	require.Len(t, records, 2)
	account, err := c.Validate(t.Context())
	require.NoError(t, err)
	require.Contains(t, account.Cannot, "write: the server is a replica")
	require.Contains(t, describe(t, c, "public.things", "").Why, "replica")
	for name, write := range map[string]func() error{
		"update": func() error {
			_, err := c.Update(t.Context(), schema, []connectors.WriteItem{{Key: "itm_1", RemoteID: "1", Values: models.Fields{"t": text("z")}}})
			return err
		},
		"create":  func() error { _, err := c.Create(t.Context(), schema, items); return err },
		"prepare": func() error { _, err := c.Prepare(t.Context(), schema, items); return err },
	} {
		e, ok := connectors.AsError(write())
		require.True(t, ok, name)
		require.Equal(t, connectors.KindPermission, e.Kind, "%s: %v", name, e)
		require.NotEmpty(t, e.Reason+e.Hint)
	}
}
