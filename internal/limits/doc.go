// Package limits keeps the rate and the number of requests in flight that a
// service permits, per key (a connection and a class of its endpoints), so that
// everything that speaks to one account shares one budget.
//
// Limiter is the implementation inside one process. An implementation for several
// processes passes the same suite, limitstest.
//
// It implements connectors.Limiter and imports nothing else of Scratch.
package limits
