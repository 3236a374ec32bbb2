package postgres_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/postgres"
	"github.com/scratch-platform/scratch/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// database is a real database of a test's own, with a proxy before it and a
// role that signs in with a password of every printable character.
type database struct {
	t        testing.TB
	admin    *pgx.Conn
	proxy    *proxy
	name     string
	role     string
	password string
}

func printable() string {
	var all []byte
	for c := byte(' '); c <= '~'; c++ {
		all = append(all, c)
	}
	return string(all) + "äß→🐘"
}

func newDatabase(t testing.TB) *database {
	t.Helper()
	address := testkit.Postgres(t)
	location, err := url.Parse(address)
	require.NoError(t, err)
	admin, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	d := &database{
		t: t, admin: admin, proxy: newProxy(t, location.Host), name: location.Path[1:],
		role: `re"ader.` + rand.Text() + `🐘`, password: printable(),
	}
	d.exec(`CREATE ROLE ` + pgx.Identifier{d.role}.Sanitize() + ` LOGIN PASSWORD '` + quoted(d.password) + `'`)
	d.exec(`GRANT ALL ON SCHEMA public TO ` + pgx.Identifier{d.role}.Sanitize())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		d.proxy.cut()
		_, err := admin.Exec(ctx, `DROP OWNED BY `+pgx.Identifier{d.role}.Sanitize()+` CASCADE`)
		require.NoError(t, err)
		_, err = admin.Exec(ctx, `DROP ROLE `+pgx.Identifier{d.role}.Sanitize())
		require.NoError(t, err)
		require.NoError(t, admin.Close(ctx))
	})
	return d
}

func quoted(text string) string {
	out := ""
	for _, c := range text {
		if c == '\'' {
			out += "'"
		}
		out += string(c)
	}
	return out
}

// exec runs statements as the owner of the database.
func (d *database) exec(sql string, args ...any) {
	d.t.Helper()
	_, err := d.admin.Exec(context.Background(), sql, args...)
	require.NoError(d.t, err, "%s", sql)
}

// grant lets the role at a table.
func (d *database) grant(table string) {
	d.t.Helper()
	d.exec(`GRANT ALL ON ` + table + ` TO ` + pgx.Identifier{d.role}.Sanitize())
}

func (d *database) value(sql string, args ...any) string {
	d.t.Helper()
	var out *string
	require.NoError(d.t, d.admin.QueryRow(context.Background(), sql, args...).Scan(&out), "%s", sql)
	if out == nil {
		return "NULL"
	}
	return *out
}

func (d *database) count(table string) int {
	d.t.Helper()
	n, err := strconv.Atoi(d.value(`SELECT count(*)::text FROM ` + table))
	require.NoError(d.t, err)
	return n
}

func (d *database) credential() map[string]any {
	at, err := strconv.Atoi(port(d.proxy.listener.Addr().String()))
	require.NoError(d.t, err)
	return map[string]any{"host": "127.0.0.1", "port": at, "database": d.name, "user": d.role, "password": d.password, "tls": "disable"}
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func openWith(credential map[string]any) (connectors.Connector, error) {
	raw, err := json.Marshal(credential)
	if err != nil {
		return nil, err
	}
	return postgres.Definition().Open(connectors.Dependencies{ConnectionID: "con_test", Dial: dial, Now: time.Now}, raw)
}

// direct opens a connector without the proxy.
func (d *database) direct() *postgres.Connector {
	d.t.Helper()
	credential := d.credential()
	at, err := strconv.Atoi(port(d.proxy.target))
	require.NoError(d.t, err)
	credential["port"] = at
	return d.openAs(credential)
}

func (d *database) open() *postgres.Connector {
	d.t.Helper()
	return d.openAs(d.credential())
}

func (d *database) openAs(credential map[string]any) *postgres.Connector {
	d.t.Helper()
	opened, err := openWith(credential)
	require.NoError(d.t, err)
	c, ok := opened.(*postgres.Connector)
	require.True(d.t, ok)
	d.t.Cleanup(func() { require.NoError(d.t, c.Close()) })
	return c
}
