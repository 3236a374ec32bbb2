// Package worker is the Temporal worker process: what runs on which queue, how
// much at once, and what stands around every activity (the one mapping of
// errors, the bound on payloads). Run serves until its context ends and drains.
//
// It may import everything below it; nothing but cmd imports it.
package worker
