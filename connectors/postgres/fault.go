package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// fault types an error of the server, or of the way to it. table is a remote
// id, or empty.
func (c *Connector) fault(ctx context.Context, tried, table string, err error) *connectors.Error {
	if typed, ok := connectors.AsError(err); ok {
		if typed.Table == "" {
			typed.Table = table
		}
		return c.secret.Clean(typed)
	}
	e := &connectors.Error{Kind: connectors.KindUnavailable, Service: Service, Tried: tried, Table: table, Cause: err}
	var (
		said    *pgconn.PgError
		tooLong *pgproto3.ExceededMaxBodyLenErr
	)
	switch {
	case errors.As(err, &said) && (ctx.Err() == nil || said.Code != codeCancelled):
		explain(e, said)
	case ctx.Err() != nil:
		e.Cause, e.Reason = context.Cause(ctx), "it was cancelled"
		if errors.Is(e.Cause, context.DeadlineExceeded) {
			e.Kind, e.Reason = connectors.KindTimeout, "the time for it was over"
			e.Hint = "The database is slow, or something holds a lock; it is tried again."
		}
	case errors.As(err, &tooLong):
		e.Kind, e.Code = connectors.KindTooLarge, "row_too_large"
		e.Reason = fmt.Sprintf("a row is larger than %d MB on its way", maxMessage>>20)
		e.Hint = "Leave the large column out with a view, or shorten the row."
	default:
		explainWay(e, err)
	}
	return c.secret.Clean(e)
}

// explainWay puts the failures to reach a server into words.
func explainWay(e *connectors.Error, err error) {
	var (
		dns         *net.DNSError
		untrusted   x509.UnknownAuthorityError
		wrongHost   x509.HostnameError
		certificate *tls.CertificateVerificationError
		invalid     x509.CertificateInvalidError
		header      tls.RecordHeaderError
		timeout     net.Error
	)
	problem, refused := models.AsProblem(err)
	switch {
	case refused: // the guard's word on a private address
		e.Kind, e.Code, e.Reason, e.Hint = connectors.KindInvalid, problem.Code, problem.Detail, problem.Hint
	case errors.As(err, &wrongHost):
		e.Kind, e.Code, e.Reason = connectors.KindAuth, "tls_certificate", "its certificate was made for another host"
		e.Hint = "Enter the host name of the certificate, or choose TLS mode verify-ca."
	case errors.As(err, &untrusted):
		e.Kind, e.Code, e.Reason = connectors.KindAuth, "tls_certificate", "nobody known has signed its certificate"
		e.Hint = "Paste the CA certificate of the server's provider, or choose TLS mode require, which encrypts without checking."
	case errors.As(err, &certificate), errors.As(err, &invalid), errors.As(err, &header):
		e.Kind, e.Code, e.Reason = connectors.KindAuth, "tls_certificate", "its certificate is not accepted"
		e.Hint = "Renew or correct the certificate of the server."
	case errors.Is(err, errNoTLS):
		e.Kind, e.Code, e.Reason = connectors.KindAuth, "tls_refused", "the server does not speak TLS"
		e.Hint = "Switch TLS on at the server, or choose TLS mode disable if the way to it is your own."
	case errors.As(err, &dns) && dns.IsNotFound:
		e.Code, e.Reason = "host_unknown", fmt.Sprintf("the host %q does not exist", models.Bound(dns.Name, 253))
		e.Hint = "Check the spelling of the host."
	case errors.As(err, &dns):
		e.Code, e.Reason, e.Hint = "host_lookup_failed", "the host's address could not be looked up", "Try again later."
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Code, e.Reason = "connection_refused", "nothing answers on that host and port"
		e.Hint = "Check host and port, that the server runs, and that it takes connections from here."
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		e.Code, e.Reason, e.Hint = "host_unreachable", "the host cannot be reached from here", "Check the host, and the network of this server."
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Kind, e.Code, e.Reason = connectors.KindTimeout, "no_answer", "the server did not answer in time"
		e.Hint = "Check host and port, and that a firewall lets connections through."
	default:
		e.Code, e.Reason, e.Hint = "connection_lost", "the connection broke", "It is tried again from where it was."
	}
}

// codeCancelled is what a server says of a query that was cancelled, by us or
// by its statement_timeout.
const codeCancelled = "57014"

// sqlState is what an SQLSTATE means here. Codes are PostgreSQL's, Appendix A of
// its manual.
type sqlState struct {
	kind connectors.Kind
	hint string
	wait time.Duration
}

const (
	againHint = "It is tried again."
	valueHint = "Correct the value and publish again."
)

var byCode = map[string]sqlState{
	"28P01": {kind: connectors.KindAuth, hint: "Check user and password."},
	"28000": {kind: connectors.KindAuth, hint: "Check the user, and that the server lets it in from here (pg_hba.conf), with TLS where it asks for that."},
	"3D000": {kind: connectors.KindAuth, hint: "Check the name of the database."},
	"42501": {kind: connectors.KindPermission, hint: "Grant the role the right it lacks, or connect as another."},
	"25006": {kind: connectors.KindPermission, hint: "This server or role takes no writes; connect to the primary server."},
	"42P01": {kind: connectors.KindNotFound, hint: "The table was dropped or renamed; remove it here, or add it under its new name."},
	"3F000": {kind: connectors.KindNotFound, hint: "The schema was dropped or renamed."},
	"42703": {kind: connectors.KindInvalid, hint: "A column was dropped or renamed; download the table again."},
	"53300": {kind: connectors.KindUnavailable, hint: "The server has no connection free; it is tried again.", wait: 5 * time.Second},
	"53400": {kind: connectors.KindUnavailable, hint: againHint, wait: 5 * time.Second},
	"57014": {kind: connectors.KindTimeout, hint: "The statement took longer than it may; a lock, a trigger or a missing index may hold it up."},
	"55P03": {kind: connectors.KindUnavailable, hint: "Another session holds a lock on it; it is tried again."},
	"55006": {kind: connectors.KindUnavailable, hint: againHint},
	"40001": {kind: connectors.KindUnavailable, hint: againHint},
	"40P01": {kind: connectors.KindUnavailable, hint: againHint},
	"25P03": {kind: connectors.KindUnavailable, hint: againHint},
	"25P04": {kind: connectors.KindUnavailable, hint: againHint},
	"22001": {kind: connectors.KindTooLarge, hint: "Shorten the value and publish again."},
	"23505": {kind: connectors.KindInvalid, hint: "Another row holds this value already; choose another one."},
	"23503": {kind: connectors.KindInvalid, hint: "The row it refers to does not exist, or other rows refer to this one."},
	"23502": {kind: connectors.KindInvalid, hint: "The column must have a value."},
	"P0001": {kind: connectors.KindInvalid, hint: "A trigger or function of the database refused it."},
}

var byClass = map[string]sqlState{
	"08": {kind: connectors.KindUnavailable, hint: againHint},
	"22": {kind: connectors.KindInvalid, hint: valueHint},
	"23": {kind: connectors.KindInvalid, hint: valueHint},
	"28": {kind: connectors.KindAuth, hint: "Check user and password."},
	"0A": {kind: connectors.KindUnsupported, hint: "The database does not support this here."},
	"40": {kind: connectors.KindUnavailable, hint: againHint},
	"42": {kind: connectors.KindInvalid, hint: "The table's definition does not take it; download the table again."},
	"44": {kind: connectors.KindInvalid, hint: "The view's check option refused it."},
	"53": {kind: connectors.KindUnavailable, hint: "The server is short of memory, disk or connections; it is tried again.", wait: 5 * time.Second},
	"54": {kind: connectors.KindTooLarge, hint: "A limit of the database was reached."},
	"57": {kind: connectors.KindUnavailable, hint: "The server is starting, stopping or recovering; it is tried again."},
	"58": {kind: connectors.KindUnavailable, hint: "The server has trouble with its disk; look into its log."},
	"P0": {kind: connectors.KindInvalid, hint: "A trigger or function of the database refused it."},
}

// explain puts what the server said into an error.
func explain(e *connectors.Error, said *pgconn.PgError) {
	state, known := byCode[said.Code]
	if !known && len(said.Code) == 5 {
		state, known = byClass[said.Code[:2]]
	}
	if !known {
		state = sqlState{kind: connectors.KindInternal, hint: "Look into the log of the database server."}
	}
	// Longer than what is kept, so that a secret at the end of that is whole when
	// it is looked for; a server may send megabytes.
	bound := func(text string) string { return models.Bound(text, 8*connectors.MaxServiceWords) }
	e.Kind, e.Hint, e.Wait, e.Code, e.Column = state.kind, state.hint, state.wait, bound(said.Code), models.Bound(said.ColumnName, 300)
	e.Words = bound(said.Message)
	if said.Detail != "" {
		e.Words += " (" + bound(said.Detail) + ")"
	}
	if said.Hint != "" {
		e.Words += " [" + bound(said.Hint) + "]"
	}
	e.Cause = nil // its text is in Words, where it is bounded and redacted
}

// fatal reports whether the server ends the session with what it says: whether
// a COMMIT under way happened is then not known.
func fatal(said *pgconn.PgError) bool {
	return said.SeverityUnlocalized != "ERROR"
}
