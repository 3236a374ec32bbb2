// Command testenv sets up what the tests need, runs a command in it, and tears
// it down:
//
//	go run ./tools/testenv go test ./...
//
// PostgreSQL comes from SCRATCH_TEST_POSTGRES_URL; else from a local install, on
// a throwaway cluster; else from Debian's packages, when we are root; else from
// a container engine. Redis comes in the same ways, from SCRATCH_TEST_REDIS_URL
// on. The programs of both are installed in any case where they can be, for
// tests that kill a server of their own.
// The Temporal CLI comes as for `scratch dev`. A C compiler, which the race
// detector needs, is installed likewise when it is missing.
// It says what it does on standard error and exits as the command did.
//
// It must not import anything of this module but internal/devserver: it runs
// before anything else is known to work.
package main
