// Package api is the thin HTTP surface of Scratch: it authenticates, validates,
// calls one thing and answers. Handlers read from models/store and start or
// signal workflows through workflows/contract; they never write records to a
// service and never wait for one longer than MaxServiceWait.
//
// It is the only package that knows Gin. It must not import workflows,
// activities, agent or worker.
package api
