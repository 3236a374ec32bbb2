// Command toolpath prints the path of a pinned tool's binary, building it first
// when the cache does not hold this version:
//
//	"$(go run ./tools/toolpath golangci-lint)" run
package main
