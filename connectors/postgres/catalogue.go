package postgres

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/scratch-platform/scratch/models"
)

// relation is a table or view as the server's catalogue has it now.
type relation struct {
	tableName
	found   bool
	kind    string // pg_class.relkind
	replica bool   // the server takes no writes
	hides   bool   // row security may keep rows from the role: what it is not shown may be there
	inserts bool   // the role may, and the relation takes it
	updates bool
	deletes bool
	whole   bool // the role may read every column, the server's own too
	toast   bool // holds values moved out of their rows: they may be large

	columns []column
	// key are the columns that tell rows apart; none: nothing does. chosen says
	// that a person named them and no index holds them to it.
	key    []string
	chosen bool
	// loose says that no index holds all rows to the key: a person chose it, or
	// tables that inherit from this one have rows of their own.
	loose bool
}

// column is a column of a relation. A domain's base type stands for it.
type column struct {
	name      string
	number    int
	declared  string // type as people write it, numeric(10,2)
	sqlType   string // type beneath domains as a cast has it: with its schema, without a length, which would cut values short
	equals    string // operators of its default order, with their schema
	exceeds   string
	base      uint32 // OID of the type beneath domains
	modifier  int
	kind      string // pg_type.typtype: b, e, r, m, c
	category  string // pg_type.typcategory
	typeName  string // pg_type.typname
	element   uint32 // of arrays
	notNull   bool
	identity  bool // a sequence of the column's own
	always    bool // … which an INSERT must override by name
	generated bool
	fallback  string // the default's expression, from the catalogue
	selects   bool
	inserts   bool
	updates   bool
	labels    []string // of an enum
	comment   string
	refers    string // remote id of the table its values are ids of
}

func (r *relation) column(name string) (column, bool) {
	i := slices.IndexFunc(r.columns, func(c column) bool { return c.name == name })
	if i < 0 {
		return column{}, false
	}
	return r.columns[i], true
}

// keyColumns are the columns of the key, in its order.
func (r *relation) keyColumns() []column {
	out := make([]column, 0, len(r.key))
	for _, name := range r.key {
		c, _ := r.column(name)
		out = append(out, c)
	}
	return out
}

// versioned reports whether each row has an xmin that changes with every write
// to it, and that may be read. A view's rows and another server's have none.
func (r *relation) versioned() bool { return r.whole && (r.kind == "r" || r.kind == "p") }

const onlyCatalogue = "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)"

// The catalogue is read with nothing but itself in the search path, so that
// every name it gives is whole, and the session's own path is back afterwards:
// triggers and views may rely on it. What else is sent names the schema of every
// function, operator and type: in the session's path somebody may have put
// others of the same name before them.
func lookup(r *relation) []statement {
	in := [][]byte{[]byte(r.schema), []byte(r.name)}
	return []statement{
		{sql: "SAVEPOINT catalogue"},
		{sql: onlyCatalogue},
		{sql: relationQuery, args: in, take: r.takeRelation, width: 10},
		{sql: columnsQuery, args: in, take: r.takeColumn, width: 22},
		{sql: keysQuery, args: in, take: r.takeKey, width: 1},
		{sql: referencesQuery, args: in, take: r.takeReference, width: 3},
		{sql: "ROLLBACK TO SAVEPOINT catalogue"},
	}
}

const theRelation = `WITH the AS (SELECT c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')) `

// pg_relation_is_updatable gives a bit for each command: 4 update, 8 insert, 16 delete.
const relationQuery = theRelation + `SELECT relkind::text, pg_is_in_recovery(),
	has_table_privilege(oid, 'INSERT') OR has_any_column_privilege(oid, 'INSERT'),
	has_table_privilege(oid, 'UPDATE') OR has_any_column_privilege(oid, 'UPDATE'),
	has_table_privilege(oid, 'DELETE'), pg_relation_is_updatable(oid, true),
	relkind <> 'r' OR reltoastrelid <> 0 AND pg_relation_size(reltoastrelid) > 0, has_table_privilege(oid, 'SELECT'),
	row_security_active(oid), relkind = 'r' AND EXISTS (SELECT 1 FROM pg_inherits WHERE inhparent = the.oid)
	FROM the`

func (r *relation) takeRelation(row [][]byte) error {
	const update, insert, remove = 4, 8, 16
	r.found, r.kind, r.replica = true, string(row[0]), isTrue(row[1])
	takes, err := strconv.Atoi(string(row[5]))
	if err != nil {
		return err
	}
	r.inserts, r.updates, r.deletes = isTrue(row[2]) && takes&insert != 0, isTrue(row[3]) && takes&update != 0, isTrue(row[4]) && takes&remove != 0
	r.toast, r.whole, r.hides, r.loose = isTrue(row[6]), isTrue(row[7]), isTrue(row[8]), isTrue(row[9])
	return nil
}

// defaultOrder finds the operators by which ORDER BY puts an extension's type in
// order, and an index finds it; 403 is the B-tree's own number. Those of the
// server's own types are known.
const defaultOrder = `FROM pg_opclass p JOIN pg_amop m ON m.amopfamily = p.opcfamily AND m.amoplefttype = p.opcintype AND m.amoprighttype = p.opcintype
	JOIN pg_operator o ON o.oid = m.amopopr JOIN pg_namespace s ON s.oid = o.oprnamespace
	WHERE t.typnamespace <> 'pg_catalog'::regnamespace AND p.opcmethod = 403 AND p.opcdefault AND p.opcintype = t.oid`

// A domain is followed to the type beneath it; what it says of NOT NULL, defaults
// and lengths on the way is the column's.
const columnsQuery = `WITH RECURSIVE the AS (SELECT c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')),
base AS (
	SELECT a.attnum, t.oid, t.typtype, t.typbasetype, t.typtypmod, a.atttypmod AS typmod, t.typnotnull AS notnull, t.typdefault AS fallback
	FROM the JOIN pg_attribute a ON a.attrelid = the.oid AND a.attnum > 0 AND NOT a.attisdropped JOIN pg_type t ON t.oid = a.atttypid
	UNION ALL
	SELECT b.attnum, t.oid, t.typtype, t.typbasetype, t.typtypmod, b.typtypmod, b.notnull OR t.typnotnull, coalesce(b.fallback, t.typdefault)
	FROM base b JOIN pg_type t ON b.typtype = 'd' AND t.oid = b.typbasetype
)
SELECT a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), t.oid, b.typmod, t.typtype::text, t.typcategory::text, t.typname,
	CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END, a.attnotnull OR b.notnull, a.attidentity::text, a.attgenerated <> '',
	coalesce(pg_get_expr(d.adbin, d.adrelid), b.fallback),
	has_column_privilege(a.attrelid, a.attnum, 'SELECT'),
	has_column_privilege(a.attrelid, a.attnum, 'INSERT'),
	has_column_privilege(a.attrelid, a.attnum, 'UPDATE'),
	the.relkind NOT IN ('v', 'f') OR pg_column_is_updatable(a.attrelid, a.attnum, true),
	col_description(a.attrelid, a.attnum),
	(SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)::text FROM pg_enum e WHERE e.enumtypid = t.oid),
	(SELECT format('%I.%I', s.nspname, t.typname) FROM pg_namespace s WHERE s.oid = t.typnamespace),
	(SELECT format('%I.%s', s.nspname, o.oprname) ` + defaultOrder + ` AND m.amopstrategy = 3),
	(SELECT format('%I.%s', s.nspname, o.oprname) ` + defaultOrder + ` AND m.amopstrategy = 5)
FROM the JOIN pg_attribute a ON a.attrelid = the.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN base b ON b.attnum = a.attnum AND b.typtype <> 'd'
JOIN pg_type t ON t.oid = b.oid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
ORDER BY a.attnum`

func (r *relation) takeColumn(row [][]byte) error {
	number := func(i int) int {
		n, _ := strconv.Atoi(string(row[i])) // integers by their SQL types
		return n
	}
	c := column{
		name: string(row[0]), number: number(1), declared: string(row[2]), base: uint32(number(3)), modifier: number(4), //nolint:gosec // an OID
		kind: string(row[5]), category: string(row[6]), typeName: string(row[7]), element: uint32(number(8)), //nolint:gosec // an OID
		notNull: isTrue(row[9]), identity: len(row[10]) > 0, always: string(row[10]) == "a", generated: isTrue(row[11]), fallback: string(row[12]),
		selects: isTrue(row[13]), inserts: isTrue(row[14]) && isTrue(row[16]), updates: isTrue(row[15]) && isTrue(row[16]), comment: string(row[17]), sqlType: string(row[19]),
		equals: operator(row[20], "="), exceeds: operator(row[21], ">"),
	}
	if c.generated {
		c.fallback = "" // its expression is no default
	}
	if row[18] != nil {
		if err := json.Unmarshal(row[18], &c.labels); err != nil {
			return err
		}
	}
	r.columns = append(r.columns, c)
	return nil
}

// operator names one whole; the server's own where the type brings none.
func operator(found []byte, own string) string {
	if len(found) == 0 {
		return "OPERATOR(pg_catalog." + own + ")"
	}
	return "OPERATOR(" + string(found) + ")"
}

// Keys, best first: the primary key, what replication goes by, then the index
// with the fewest columns. One over columns that may be null tells nothing
// apart, nor does one over some rows or over expressions.
const keysQuery = theRelation + `SELECT json_agg(a.attname ORDER BY k.place)::text
FROM the JOIN pg_index i ON i.indrelid = the.oid
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
LEFT JOIN pg_attribute a ON a.attrelid = the.oid AND a.attnum = k.attnum
WHERE i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND k.place <= i.indnkeyatts
GROUP BY i.indexrelid, i.indisprimary, i.indisreplident, i.indnkeyatts
HAVING bool_and(coalesce(a.attnotnull, false))
ORDER BY i.indisprimary DESC, i.indisreplident DESC, i.indnkeyatts, i.indexrelid LIMIT 1`

func (r *relation) takeKey(row [][]byte) error { return json.Unmarshal(row[0], &r.key) }

// A foreign key of one column to a table's primary key of one column holds
// record ids of that table.
const referencesQuery = theRelation + `SELECT a.attname, fn.nspname, f.relname
FROM the JOIN pg_constraint c ON c.conrelid = the.oid AND c.contype = 'f' AND cardinality(c.conkey) = 1
JOIN pg_attribute a ON a.attrelid = the.oid AND a.attnum = c.conkey[1]
JOIN pg_class f ON f.oid = c.confrelid JOIN pg_namespace fn ON fn.oid = f.relnamespace
JOIN pg_index i ON i.indrelid = f.oid AND i.indisprimary AND i.indnkeyatts = 1 AND i.indkey[0] = c.confkey[1]
ORDER BY c.conname`

func (r *relation) takeReference(row [][]byte) error {
	for i := range r.columns {
		if r.columns[i].name == string(row[0]) && r.columns[i].refers == "" {
			r.columns[i].refers = tableName{string(row[1]), string(row[2])}.String()
		}
	}
	return nil
}

func isTrue(cell []byte) bool { return string(cell) == "t" }

// why says why nothing can be written to the relation, or nothing.
func (r *relation) why() string {
	switch {
	case r.kind == "m":
		return "it is a materialized view"
	case r.replica:
		return "the server is a replica, which takes no writes"
	case len(r.key) == 0 && r.kind == "v":
		return "it is a view, which has no key; choose identity columns to write to it"
	case len(r.key) == 0:
		return "it has no primary key, and no unique index over columns that are never null; choose identity columns to write to it"
	case r.inserts || r.updates || r.deletes:
		return ""
	case r.kind == "v":
		return "the view takes no writes, or the role has no right to"
	default:
		return "the role has no right to write to it"
	}
}

// hint puts what the kinds of a column do not say into words.
func (c *column) hint() string {
	parts := []string{c.declared}
	if c.base == oidBytea {
		parts = append(parts, "bytes, as base64")
	}
	if c.notNull {
		parts = append(parts, "not null")
	}
	switch {
	case c.generated:
		parts = append(parts, "computed by the database")
	case c.identity:
		parts = append(parts, "numbered by the database")
	case c.fallback != "":
		parts = append(parts, "default "+models.Bound(c.fallback, 100))
	}
	text := strings.Join(parts, ", ")
	if c.comment != "" {
		text += ". " + models.Bound(c.comment, 300)
	}
	return text
}
