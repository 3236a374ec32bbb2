// Package netguard keeps requests to addresses that users chose out of the
// operator's own network: loopback, private, link-local, cloud metadata and every
// other address that is not on the public internet (DESIGN §12).
//
// The check runs when the socket is about to connect, on the address it connects
// to. A name that resolves to a public address when it is entered and to a private
// one later (DNS rebinding), a redirect, and an odd spelling of an address
// therefore meet the same check as the first request.
//
// It imports models for its error, and the standard library.
package netguard
