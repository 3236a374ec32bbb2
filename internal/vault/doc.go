// Package vault keeps what must not be read by others: credentials, tokens and
// workflow payloads, encrypted at rest (Promise 10).
//
// It is envelope encryption with Tink: every value is encrypted with a data key
// of its own, and that data key is wrapped with the primary key of the vault's
// keyset. A value carries the id of the key that wrapped it, so several keys can
// live side by side: Rotate makes a new primary, older values stay readable and
// NeedsRewrap finds them.
//
// A value is bound to where it belongs by associated data (for example
// ConnectionContext), so a value copied into another row does not open.
//
// It imports models for its errors, and no other package of Scratch, no database, HTTP
// or Temporal code.
package vault
