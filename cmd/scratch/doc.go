// Command scratch is the whole product in one binary: it runs everything on
// one machine (dev), runs one role in production (serve, worker), keeps house
// (migrate, doctor, connectors) and speaks to a running server (snapshot,
// table, download, publish, job).
//
// This package wires the parts together and holds no logic of its own; nothing
// imports it.
package main
