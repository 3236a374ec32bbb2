package sqlspan

import (
	"context"
	"database/sql/driver"

	"go.opentelemetry.io/otel/trace"
)

const sqlite = "sqlite"

// Connector opens connections that make spans of their statements.
type Connector struct {
	inner driver.Driver
	dsn   string
}

// SQLite wraps the SQLite driver; it is for sql.OpenDB.
func SQLite(inner driver.Driver, dsn string) *Connector { return &Connector{inner: inner, dsn: dsn} }

// Connect implements driver.Connector.
func (c *Connector) Connect(context.Context) (driver.Conn, error) {
	opened, err := c.inner.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	whole, ok := opened.(sqliteConn)
	if !ok {
		return opened, nil // a driver that can less is used as it is, without spans
	}
	return &conn{sqliteConn: whole}, nil
}

// Driver implements driver.Connector.
func (c *Connector) Driver() driver.Driver { return c.inner }

// sqliteConn is all that database/sql asks of the SQLite driver's connections.
// What is not overridden below is the driver's own.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type conn struct{ sqliteConn }

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	_, span := statement(ctx, sqlite, query)
	result, err := c.sqliteConn.ExecContext(ctx, query, args)
	finish(span, err)
	return result, err
}

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	_, span := statement(ctx, sqlite, query)
	rows, err := c.sqliteConn.QueryContext(ctx, query, args)
	return watch(rows, span, err)
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	prepared, err := c.sqliteConn.PrepareContext(ctx, query)
	if whole, ok := prepared.(sqliteStmt); ok && err == nil {
		return &stmt{sqliteStmt: whole, query: query}, nil
	}
	return prepared, err
}

type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type stmt struct {
	sqliteStmt
	query string
}

// ExecContext implements driver.StmtExecContext.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	_, span := statement(ctx, sqlite, s.query)
	result, err := s.sqliteStmt.ExecContext(ctx, args)
	finish(span, err)
	return result, err
}

// QueryContext implements driver.StmtQueryContext.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	_, span := statement(ctx, sqlite, s.query)
	rows, err := s.sqliteStmt.QueryContext(ctx, args)
	return watch(rows, span, err)
}

// sqliteRows is all that the SQLite driver's rows can be asked.
type sqliteRows interface {
	driver.Rows
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

// watch ends the span when the rows are closed: SQLite works while they are read.
func watch(rows driver.Rows, span trace.Span, err error) (driver.Rows, error) {
	whole, ok := rows.(sqliteRows)
	if span == nil || err != nil || !ok {
		finish(span, err)
		return rows, err
	}
	return &watched{sqliteRows: whole, span: span}, nil
}

type watched struct {
	sqliteRows
	span trace.Span
}

// Close implements driver.Rows.
func (w *watched) Close() error {
	err := w.sqliteRows.Close()
	finish(w.span, err)
	return err
}
