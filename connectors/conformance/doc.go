// Package conformance is the definition of a connector, as tests: whatever
// implements the interfaces of package connectors runs this suite against the
// fake of its service and passes it whole, the parts for the capabilities it has.
//
// A service that cannot fail in one of the ways the suite tries says so in
// Subject.Lacks, with the reason; nothing is left out silently.
//
// It imports connectors and models, and is imported by tests alone.
package conformance
