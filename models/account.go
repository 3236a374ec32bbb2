package models

import (
	"encoding/json"
	"time"
)

// Organization is the tenant: everything belongs to exactly one (Promise 11).
type Organization struct {
	ID        string
	Name      string
	CreatedAt time.Time
}

// User is a person in an organization.
type User struct {
	ID             string
	OrganizationID string
	Name           string
	Email          string
	CreatedAt      time.Time
}

// APIToken is a programmatic key. Only its hash is kept; the token itself is
// shown once.
type APIToken struct {
	ID             string
	OrganizationID string
	UserID         string
	Name           string
	Hash           []byte
	Scopes         string // what it may be used for, as accounts.Scopes writes it
	LastUsedAt     *time.Time
	ExpiresAt      *time.Time
	CreatedAt      time.Time
}

// Actor is who does something: written to history, audit events and
// suggestions.
type Actor struct {
	OrganizationID string `json:"organization_id"`
	UserID         string `json:"user_id"`
	Name           string `json:"name"`
	// Tab is the browser tab or client that sent the request; undo is per user
	// and tab, and a tab ignores events it caused itself (the event's origin).
	Tab string `json:"tab,omitempty"`
}

// ConnectionState says whether a connection's credentials work.
type ConnectionState string

// The states of a connection.
const (
	ConnectionReady          ConnectionState = "ready"
	ConnectionNeedsReconnect ConnectionState = "needs_reconnect"
	ConnectionUntested       ConnectionState = "untested"
)

// Connection is stored credentials for one service account. The credential is
// ciphertext bound to the organization and the connection (Promise 10); Hint
// is what may be shown of it.
type Connection struct {
	ID             string
	OrganizationID string
	Service        string
	Name           string
	State          ConnectionState
	Account        string // what the service calls this account, from the last validation
	Realm          string // what the credential reaches (connectors.Account.Realm), from the last validation that succeeded
	UploadID       string // the upload it reads; empty for services that read none
	Credential     []byte // sealed JSON; never leaves the process in the clear
	Hint           json.RawMessage
	Problem        *Problem // why the last test failed
	CreatedAt      time.Time
	UpdatedAt      time.Time
	Version        int64 // compare-and-swap on update
}

// Upload is a file a user sent: a CSV to import or a markdown resource.
type Upload struct {
	ID             string
	OrganizationID string
	Name           string
	ContentType    string
	Size           int64
	SHA256         string
	Path           string // relative to the upload folder; never shown
	CreatedAt      time.Time
}

// AuditEvent says who did what to which thing; kept for the organization's
// administrators.
type AuditEvent struct {
	ID             string
	OrganizationID string
	UserID         string
	Action         string // "connection.created", "plan.applied", …
	Subject        string // id of the thing
	Detail         json.RawMessage
	At             time.Time
}
