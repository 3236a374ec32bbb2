// Package limits keeps the rate and the number of requests in flight that a
// service permits, per key (a connection and a class of its endpoints), so that
// everything that speaks to one account shares one budget.
//
// Limiter is the implementation inside one process, Shared the one for several
// processes over one server; both pass the same suite, limitstest.
//
// They implement connectors.Limiter. The package imports connectors and, for ids,
// models, and nothing else of Scratch; the server is handed in.
package limits
