// Package accounts is how users and programs prove who they are in local mode and
// with API tokens: minting, reading and hashing of API tokens, one-time sign-in
// links, browser sessions and WebSocket tickets, and what each may do.
//
// It is pure: no clock, database or HTTP server of its own. What is minted is
// shown once; only its hash is stored (Promise 10), and it is found again by that
// hash.
//
// It imports models and the vault's Secret.
package accounts
