package drill

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// database reads the product's database beside it, with SQL alone.
type database struct {
	t            *testing.T
	driver, name string
}

func sqliteOf(t *testing.T, path string) *database {
	return &database{t: t, driver: "sqlite", name: "file:" + path + "?_pragma=busy_timeout(10000)&_pragma=query_only(1)"}
}

func postgresOf(t *testing.T, url string) *database { return &database{t: t, driver: "pgx", name: url} }

// rows gives a query's rows as text. The connection lives as long as the query:
// a file that is held open would change what a killed process left.
func (d *database) rows(query string, args ...any) [][]string {
	d.t.Helper()
	out, err := d.tryRows(query, args...)
	require.NoError(d.t, err, query)
	return out
}

func (d *database) tryRows(query string, args ...any) ([][]string, error) {
	db, err := sql.Open(d.driver, d.name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	if d.driver == "pgx" {
		for n := 1; strings.Contains(query, "?"); n++ {
			query = strings.Replace(query, "?", fmt.Sprintf("$%d", n), 1)
		}
	}
	rows, err := db.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out [][]string
	for rows.Next() {
		cells := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := make([]string, len(cells))
		for i, c := range cells {
			if b, ok := c.([]byte); ok {
				c = string(b)
			}
			if c != nil {
				row[i] = fmt.Sprint(c)
			}
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

func (d *database) number(query string, args ...any) int {
	d.t.Helper()
	rows := d.rows(query, args...)
	require.Len(d.t, rows, 1, query)
	var n int
	_, err := fmt.Sscan(rows[0][0], &n)
	require.NoError(d.t, err, query)
	return n
}

// recordsOf names the physical table of a table's records.
func (d *database) recordsOf(tableID string) string {
	d.t.Helper()
	return fmt.Sprintf("records_%d", d.number(`SELECT seq FROM tables WHERE id = ?`, tableID))
}
