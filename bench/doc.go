// Package bench measures the product against what bare Go does over the same
// servers in the same run: `make bench` prints the figures, holds them against
// the budgets and fails when one is missed. docs/performance.md keeps the last
// ones.
//
// Every service, database, engine and product process is a process of its own,
// so that its CPU time and memory are its own. Nothing may import this package.
package bench
