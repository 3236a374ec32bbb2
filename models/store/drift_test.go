package store

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm/schema"
)

// rowModels are all types that GORM reads and writes rows with.
func rowModels() []any {
	return []any{
		&organizationRow{}, &userRow{}, &apiTokenRow{}, &sessionRow{}, &signInLinkRow{}, &wsTicketRow{}, &connectionRow{},
		&snapshotRow{}, &tableRow{}, &schemaChangeRow{}, &viewRow{}, &uploadRow{}, &auditRow{}, &jobRow{}, &jobTableRow{},
		&planRow{}, &itemRow{}, &outboxRow{}, &topicRow{}, &eventRow{}, &leaseRow{}, &downloadRunRow{},
		&historyRow{}, &operationRow{}, &operationAnswerRow{}, &suggestionRow{}, &sortIndexRow{}, &scheduleRow{},
	}
}

// tablesBySQL are the tables that no row type stands for: only SQL text touches
// them, and a column it does not fit fails in the tests of that SQL.
var tablesBySQL = []string{
	"schema_versions", "counters", "download_seen", "operations", "operation_answers", "suggestions", "record_history", "sort_indexes",
}

// column is what the drift test compares.
type column struct {
	family   string
	nullable bool
}

// Breaks when a row type and the migrations say different things: a field
// without a column, a column without a field, another type, another word on
// NULL; and when the two databases' migrations differ.
func TestModelsAndMigrationsAgree(t *testing.T) {
	inCode := map[string]map[string]column{}
	for _, model := range rowModels() {
		name, columns := modelColumns(t, model)
		inCode[name] = columns
	}
	require.ElementsMatch(t, tablesNamedInSource(t), slices.Collect(maps.Keys(inCode)), "a row type is missing in rowModels")
	eachStore(t, func(t *testing.T, s *Store) {
		inDatabase := databaseColumns(t, s)
		for name, columns := range inCode {
			found := inDatabase[name]
			require.NotNil(t, found, "there is no table %s", name)
			for field, want := range columns {
				got, there := found[field]
				if !there {
					t.Errorf("%s.%s: a field without a column", name, field)
					continue
				}
				if !sameFamily(s, got.family, want.family) {
					t.Errorf("%s.%s: the column is %s, the field %s", name, field, got.family, want.family)
				}
				if got.nullable != want.nullable && (!want.nullable || !neverNull(name, field)) {
					t.Errorf("%s.%s: the column may be null: %v, the field: %v", name, field, got.nullable, want.nullable)
				}
			}
			for field := range found {
				if _, there := columns[field]; !there {
					t.Errorf("%s.%s: a column without a field", name, field)
				}
			}
			delete(inDatabase, name)
		}
		for _, name := range tablesBySQL {
			delete(inDatabase, name)
		}
		require.Empty(t, slices.Collect(maps.Keys(inDatabase)), "tables without a row type")
	})
}

// neverNull lists columns that forbid NULL though their Go type could hold it:
// the code always writes a value.
func neverNull(table, field string) bool {
	return slices.Contains([]string{
		"api_tokens.hash", "sessions.hash", "sign_in_links.hash", "ws_tickets.hash", "tables.columns", "views.query", "views.columns",
		"jobs.progress", "job_tables.progress", "plans.counts", "download_runs.progress", "schedules.tables", "schedules.runs",
	}, table+"."+field)
}

func modelColumns(t *testing.T, model any) (string, map[string]column) {
	t.Helper()
	parsed, err := schema.Parse(model, &sync.Map{}, schema.NamingStrategy{})
	require.NoError(t, err)
	columns := map[string]column{}
	for _, f := range parsed.Fields {
		kind := f.FieldType.Kind()
		nullable := kind == reflect.Pointer || kind == reflect.Slice || kind == reflect.Map || f.DataType == "json"
		columns[f.DBName] = column{family: string(f.DataType), nullable: nullable}
	}
	return parsed.Table, columns
}

// tablesNamedInSource gives every table a TableName method of the package names.
func tablesNamedInSource(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var names []string
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Name.Name != "TableName" {
				continue
			}
			answer := f.Body.List[0].(*ast.ReturnStmt).Results[0].(*ast.BasicLit).Value
			names = append(names, strings.Trim(answer, `"`))
		}
	}
	return names
}

func databaseColumns(t *testing.T, s *Store) map[string]map[string]column {
	t.Helper()
	query := `SELECT table_name, column_name, data_type, is_nullable = 'YES' FROM information_schema.columns WHERE table_schema = 'public'`
	if s.Dialect() == "sqlite" {
		query = `SELECT m.name, c.name, lower(c.type), c."notnull" = 0 AND c.pk = 0 FROM sqlite_master m, pragma_table_info(m.name) c
			WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`
	}
	rows, err := s.read.WithContext(t.Context()).Raw(query).Rows()
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	tables := map[string]map[string]column{}
	for rows.Next() {
		var table, name string
		var c column
		require.NoError(t, rows.Scan(&table, &name, &c.family, &c.nullable))
		if tables[table] == nil {
			tables[table] = map[string]column{}
		}
		tables[table][name] = c
	}
	require.NoError(t, rows.Err())
	return tables
}

// sameFamily reports whether a database type holds a GORM data type.
func sameFamily(s *Store, database, field string) bool {
	families := map[string]map[string]string{
		"postgres": {"string": "text", "text": "text", "int": "bigint", "uint": "bigint", "bool": "boolean", "time": "timestamp with time zone", "bytes": "bytea", "json": "jsonb"},
		"sqlite":   {"string": "text", "text": "text", "int": "integer", "uint": "integer", "bool": "boolean", "time": "datetime", "bytes": "blob", "json": "text"},
	}
	return families[s.Dialect()][field] == database
}

// Breaks when a database made by one migration of a dialect lacks what the
// other dialect's has.
func TestBothDialectsHaveTheSameTables(t *testing.T) {
	first := databaseColumns(t, openStore(t, filepath.Join(t.TempDir(), "scratch.db")))
	second := databaseColumns(t, openStore(t, postgresDatabase(t)))
	names := func(tables map[string]map[string]column) []string {
		var all []string
		for table, columns := range tables {
			if table == "schema_versions" {
				continue // the migration tool's own
			}
			for name, c := range columns {
				all = append(all, fmt.Sprintf("%s.%s null=%v", table, name, c.nullable))
			}
		}
		slices.Sort(all)
		return all
	}
	require.Equal(t, names(first), names(second))
}
