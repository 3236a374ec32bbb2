package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// ready completes what the catalogue said with the table's settings, and fails
// where there is nothing to read.
func (r *relation) ready(chosen settings) error {
	if !r.found {
		return noTable(r.String())
	}
	readable := false
	for _, c := range r.columns {
		readable = readable || c.selects
	}
	if !readable {
		return &connectors.Error{
			Kind: connectors.KindPermission, Service: Service, Tried: "read the table's columns", Table: r.String(), Code: "no_select",
			Reason: "the role may not read the table", Hint: "GRANT SELECT ON " + models.Bound(r.sql(), 200) + " TO the role.", Cause: errNoSelect,
		}
	}
	return chosen.choose(r)
}

// Describe reads a table's columns, its key, and what the role may do with it.
func (c *Connector) Describe(ctx context.Context, remoteID string, raw json.RawMessage) (connectors.Schema, error) {
	const tried = "read the table's columns"
	r, err := c.describe(ctx, remoteID, raw)
	if err != nil {
		return connectors.Schema{}, c.fault(ctx, tried, remoteID, err)
	}
	return r.described(remoteID, raw), nil
}

// Outline describes a table that is about to be chosen: settings that do not fit
// it are refused, where Describe reads on without a column of changes that was
// dropped since.
func (c *Connector) Outline(ctx context.Context, remoteID string, raw json.RawMessage) (connectors.Schema, error) {
	const tried = "read the table's columns"
	r, err := c.describe(ctx, remoteID, raw)
	if err == nil {
		var chosen settings
		if chosen, err = readSettings(raw); err == nil {
			err = chosen.hold(r)
		}
	}
	if err != nil {
		return connectors.Schema{}, c.fault(ctx, tried, remoteID, err)
	}
	return r.described(remoteID, raw), nil
}

func (c *Connector) describe(ctx context.Context, remoteID string, raw json.RawMessage) (*relation, error) {
	chosen, err := readSettings(raw)
	if err != nil {
		return nil, err
	}
	name, err := parseTable(remoteID)
	if err != nil {
		return nil, err
	}
	r := &relation{tableName: name}
	if err := c.look(ctx, lookup(r)...); err != nil {
		return nil, err
	}
	return r, r.ready(chosen)
}

// listQuery names what the role can read, but not the server's own tables, what
// belongs to extensions, and partitions, which are read through their table. A
// server before version 14 says 0 rows of a table that nobody has counted.
const listQuery = `SELECT n.nspname, c.relname, c.relkind::text, pg_is_in_recovery(),
	has_table_privilege(c.oid, 'INSERT') OR has_any_column_privilege(c.oid, 'INSERT, UPDATE') OR has_table_privilege(c.oid, 'DELETE'),
	pg_relation_is_updatable(c.oid, true) <> 0,
	EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
		AND NOT EXISTS (SELECT 1 FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
			LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
			WHERE k.place <= i.indnkeyatts AND NOT coalesce(a.attnotnull, false))),
	CASE c.relkind WHEN 'v' THEN -1 WHEN 'p' THEN
		(SELECT coalesce(sum(p.reltuples) FILTER (WHERE p.reltuples >= 0), -1) FROM pg_partition_tree(c.oid) q JOIN pg_class p ON p.oid = q.relid WHERE q.isleaf)
		WHEN 'f' THEN -1 ELSE CASE WHEN c.reltuples = 0 AND c.relpages = 0 AND current_setting('server_version_num')::int < 140000 THEN -1 ELSE c.reltuples END END::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
	AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp%'
	AND has_schema_privilege(n.oid, 'USAGE')
	AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'))
	AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname = 'public' DESC, n.nspname, c.relname LIMIT 5000`

const listWidth = 8

// ListTables lists the tables and views the role can read.
func (c *Connector) ListTables(ctx context.Context) ([]connectors.TableInfo, error) {
	tables := []connectors.TableInfo{}
	if err := c.look(ctx, inCatalogue(listQuery, listWidth, takeTable(&tables))...); err != nil {
		return nil, c.fault(ctx, "list tables", "", err)
	}
	return tables, nil
}

func inCatalogue(sql string, width int, take func([][]byte) error) []statement {
	return []statement{{sql: onlyCatalogue}, {sql: sql, take: take, width: width}}
}

func takeTable(tables *[]connectors.TableInfo) func([][]byte) error {
	return func(row [][]byte) error {
		r := relation{tableName: tableName{string(row[0]), string(row[1])}, kind: string(row[2]), replica: isTrue(row[3])}
		r.inserts = isTrue(row[4]) && isTrue(row[5])
		if isTrue(row[6]) {
			r.key = []string{""}
		}
		rows, err := strconv.ParseInt(string(row[7]), 10, 64)
		if err != nil {
			return err
		}
		why := r.why()
		*tables = append(*tables, connectors.TableInfo{
			RemoteID: r.String(), Name: r.name, Group: r.schema, ReadOnly: why != "", Why: why, Rows: rows,
		})
		return nil
	}
}

// accountQuery says who we are, where, and what stays closed to us.
const accountQuery = `SELECT current_user, current_database(), current_setting('server_version'), current_setting('server_version_num')::int >= 120000, pg_is_in_recovery(),
	(SELECT string_agg(q.name, ', ') FROM (SELECT format('%I.%I', n.nspname, c.relname) AS name
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
			AND NOT (has_schema_privilege(n.oid, 'USAGE') AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT')))
		ORDER BY 1 LIMIT 10) q)`

// Validate reaches the server, signs in, and looks what can be read.
func (c *Connector) Validate(ctx context.Context) (connectors.Account, error) {
	var who, database, version, closed string
	var supported, replica bool
	tables := []connectors.TableInfo{}
	statements := append(inCatalogue(accountQuery, 6, func(row [][]byte) error {
		who, database, version = string(row[0]), string(row[1]), string(row[2])
		supported, replica, closed = isTrue(row[3]), isTrue(row[4]), string(row[5])
		return nil
	}), statement{sql: listQuery, take: takeTable(&tables), width: listWidth})
	if err := c.look(ctx, statements...); err != nil {
		return connectors.Account{}, c.fault(ctx, "sign in", "", err)
	}
	if !supported {
		return connectors.Account{}, &connectors.Error{
			Kind: connectors.KindUnsupported, Service: Service, Tried: "sign in", Code: "server_too_old",
			Reason: "the server runs PostgreSQL " + models.Bound(version, 50), Hint: "Version 12 or later is needed.",
		}
	}
	account := connectors.Account{
		Name: fmt.Sprintf("%s at %s on %s", who, database, c.target.Host),
		// The server's own identifier would be the same for a copy of its files.
		Realm: strings.ToLower(c.target.address()) + "/" + database,
		Steps: []string{
			"reached " + c.target.address() + " with TLS mode " + c.target.TLS,
			fmt.Sprintf("signed in as %s to PostgreSQL %s", who, version),
			fmt.Sprintf("found %d tables and views to read", len(tables)),
		},
	}
	if replica {
		account.Cannot = append(account.Cannot, "write: the server is a replica")
	}
	if closed != "" {
		account.Cannot = append(account.Cannot, "read "+models.Bound(closed, 500))
	}
	account.Cannot = append(account.Cannot, readOnly(tables, replica)...)
	return account, nil
}

// readOnly names the first tables that cannot be written, with the reason.
func readOnly(tables []connectors.TableInfo, all bool) []string {
	const named = 5
	var out []string
	more := 0
	for _, t := range tables {
		switch {
		case !t.ReadOnly || all:
		case len(out) < named:
			out = append(out, "write to "+t.RemoteID+": "+t.Why)
		default:
			more++
		}
	}
	if more > 0 {
		out = append(out, strings.TrimSpace(fmt.Sprintf("write to %d more tables and views", more)))
	}
	return out
}
