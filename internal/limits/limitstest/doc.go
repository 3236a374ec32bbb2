// Package limitstest is the suite that every connectors.Limiter passes, whether
// its budget lives in the process or is shared by many. It is imported by tests
// only.
package limitstest
