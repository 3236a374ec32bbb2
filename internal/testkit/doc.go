// Package testkit hands tests the real servers they need: a PostgreSQL
// database, a SQLite file, Redis, Temporal's dev server, a collector of traces.
// Nothing is skipped when one is missing: the test fails and says what to run
// (`make test` sets all of it up; see tools/testenv).
//
// What it reads from the environment:
//
//	SCRATCH_TEST_POSTGRES_URL  an administrator's URL; may create databases
//	SCRATCH_TEST_POSTGRES_BIN  folder of initdb and postgres (optional)
//	SCRATCH_TEST_REDIS_URL     a server whose keys may be written
//	SCRATCH_TEST_REDIS_SERVER  path of redis-server (optional)
//	SCRATCH_TEST_TEMPORAL      path of a Temporal CLI (optional)
//
// Only tests import it. It imports internal/devserver and no other package of
// this module, so that every package's tests can use it.
package testkit
