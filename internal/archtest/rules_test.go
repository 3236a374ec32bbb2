package archtest

// A pattern names packages of this module by their path below its root:
// "models" is that package alone, "models/..." it and everything below.

// arrow says what the packages of from may import of this module. The first
// arrow that matches a package governs it.
type arrow struct {
	from string
	to   []string
	why  string
}

var arrows = []arrow{
	{
		from: "models/store", to: []string{"models", "models/store/sqlspan", "internal/..."},
		why: "the store keeps domain types and is handed everything else; it knows neither services nor workflows",
	},
	{
		from: "models/store/...", to: []string{"models", "models/store/...", "internal/..."},
		why: "what lies below the store is part of it",
	},
	{
		from: "models/...", to: nil,
		why: "everybody imports models, so it must be pure and import nothing of ours",
	},
	{
		from: "connectors/wordpress/fake/...", to: []string{"connectors/wordpress/fake/..."},
		why: "a fake that shares code with its client would agree with its mistakes",
	},
	{
		from: "connectors/csv/...", to: []string{"models", "connectors", "connectors/csv/..."},
		why: "a connector knows its own service; the store, the limiter and the log are handed in",
	},
	{
		from: "connectors/postgres/...", to: []string{"models", "connectors", "connectors/postgres/..."},
		why: "a connector knows its own service; the store, the limiter and the log are handed in",
	},
	{
		from: "connectors/wordpress/...", to: []string{"models", "connectors", "connectors/wordpress/..."},
		why: "a connector knows its own service; the store, the limiter and the log are handed in",
	},
	{
		from: "connectors/...", to: []string{"models", "connectors/..."},
		why: "connectors know services and domain types, and nothing that keeps or schedules them",
	},
	{
		from: "agent/...", to: []string{"models", "connectors", "agent/..."},
		why: "the agent is plain Go that decides what to do next; activities carry it out",
	},
	{
		from: "activities/...",
		to:   []string{"models", "models/store", "connectors", "agent/...", "activities/...", "workflows/contract", "internal/..."},
		why:  "activities have the effects; they know the words of the workflows and not the workflows, nor any one service",
	},
	{
		from: "workflows/contract/...", to: []string{"models"},
		why: "whoever starts a workflow imports the contract, so it must pull in nothing but domain types",
	},
	{
		from: "workflows/policy", to: []string{"models", "workflows/contract"},
		why: "policies are numbers with reasons",
	},
	{
		from: "workflows/...", to: []string{"models", "workflows/...", "activities"},
		why: "workflows decide, from what activities answer; they reach no service, store or server themselves",
	},
	{
		from: "worker/codec", to: []string{"models", "internal/..."},
		why: "the codec runs in every process that holds a Temporal client, the API's included",
	},
	{
		from: "worker/...",
		to:   []string{"models", "models/store", "connectors/...", "agent/...", "activities/...", "workflows/...", "worker/...", "internal/..."},
		why:  "the worker registers what runs; it serves no requests",
	},
	{
		from: "api/...",
		to: []string{
			"models", "models/store", "workflows/contract", "internal/...", "api/...", "web",
			"connectors",     // the registry, for what a person waits for: validate, list tables, preview
			"connectors/csv", // the preview of an upload, which is Scratch's own and no remote service
		},
		why: "the API is thin: it starts and signals workflows through the contract and reads the store; it runs neither workflows nor activities",
	},
	{
		from: "web/...", to: []string{"web/..."},
		why: "the page is a client of the API like any other",
	},
	{
		from: "internal/testkit", to: []string{"internal/devserver"},
		why: "every package's tests import the testkit, so it must import no package under test",
	},
	{
		from: "internal/devserver", to: []string{"models", "workflows/contract", "internal/toolbuild"},
		why: "it runs a server and knows nothing of what runs on it but the names of the search attributes",
	},
	{
		from: "internal/redis", to: []string{"models", "internal/vault"},
		why: "it speaks to a server and does not know what for",
	},
	{
		from: "internal/limits/...", to: []string{"models", "connectors", "internal/limits/..."},
		why: "a limiter is handed the server it keeps its budgets on",
	},
	{
		from: "internal/locks/...", to: []string{"models", "internal/locks/..."},
		why: "a locker is handed the store and the messages it works with",
	},
	{
		from: "internal/events", to: []string{"models"},
		why: "the outbox, the hubs and the messages between processes are handed in",
	},
	{
		from: "internal/reconcile", to: []string{"models", "models/store", "workflows/contract", "internal/locks"},
		why: "it holds jobs against the engine through the contract, as the API does",
	},
	{
		from: "internal/launch", to: []string{"models", "models/store", "workflows/contract"},
		why: "it stores a job and starts its run through the contract, for the API and for schedules alike",
	},
	{
		from: "internal/schedules", to: []string{"models", "models/store", "workflows/contract", "internal/locks", "internal/wait"},
		why: "it holds schedules against the engine through the contract, as the API does",
	},
	{
		from: "internal/...", to: []string{"models", "models/store", "connectors", "internal/...", "worker/codec"},
		why: "plumbing does not know what it carries: no API, workflows, activities or agent",
	},
	{
		from: "tools/...", to: []string{"internal/toolbuild", "internal/devserver"},
		why: "tools run before anything of the product is known to work",
	},
	{
		from: "cmd/...", to: []string{"..."},
		why: "main wires everything",
	},
	{
		from: "bench/...", to: []string{"..."},
		why: "benchmarks run the whole product",
	},
	{
		from: "deploy/...", to: nil,
		why: "what Scratch is deployed with is files; only their tests are Go",
	},
	{
		from: "drill/...", to: nil,
		why: "drills are tests of the product from outside; nothing of them is built into anything",
	},
}

// testOnly are packages that the product must not import: they are there for
// tests, and for commands that serve a demo.
var testOnly = []string{"internal/testkit/...", "internal/archtest", "internal/limits/limitstest", "internal/locks/lockstest", "connectors/conformance/...", "drill/...", "deploy/..."}

// library says which packages of this module may import some library.
type library struct {
	prefixes []string // import paths and everything below them
	in       []string
	why      string
}

var libraries = []library{
	{
		prefixes: []string{"gorm.io", "github.com/glebarez", "github.com/pressly/goose", "modernc.org/sqlite"},
		in:       []string{"models/store/...", "internal/testkit", "bench/..."},
		why:      "the store alone speaks to the database, so that every query is bound to an organization",
	},
	{
		prefixes: []string{"github.com/jackc/pgx"},
		in:       []string{"models/store/...", "connectors/postgres/...", "internal/testkit", "internal/events/...", "tools/...", "bench/..."},
		why:      "the store alone speaks to the database; the PostgreSQL connector speaks to the user's own",
	},
	{
		prefixes: []string{"database/sql"},
		in:       []string{"models/store/...", "connectors/postgres/...", "internal/testkit", "tools/...", "bench/..."},
		why:      "the store alone speaks to the database",
	},
	{
		prefixes: []string{"github.com/gin-gonic", "github.com/danielgtaylor/huma", "github.com/gin-contrib"},
		in:       []string{"api/..."},
		why:      "the web framework stays at the border",
	},
	{
		prefixes: []string{"github.com/gorilla/websocket"},
		in:       []string{"api/...", "cmd/...", "bench/..."},
		why:      "only the live API and its clients hold sockets",
	},
	{
		prefixes: []string{"github.com/redis", "github.com/alicebob/miniredis"},
		in:       []string{"internal/redis", "internal/testkit", "tools/testenv"},
		why:      "Redis is one implementation behind interfaces of internal; nothing else may come to need it",
	},
	{
		prefixes: []string{"go.temporal.io"},
		in: []string{
			"workflows/...", "activities/...", "worker/...", "api/...", "cmd/...", "bench/...",
			"internal/devserver", "internal/testkit", "internal/telemetry/...", "internal/reconcile", "internal/launch", "internal/schedules",
		},
		why: "connectors, agent, models and plumbing must be usable and testable without a workflow engine",
	},
	{
		prefixes: []string{"go.opentelemetry.io"},
		in:       []string{"internal/telemetry/...", "models/store/sqlspan", "internal/testkit"},
		why:      "spans are made in one place, so that what they may hold is decided in one place; everybody else is handed a *traces.Traces",
	},
	{
		prefixes: []string{"github.com/prometheus"},
		in:       []string{"internal/telemetry/metrics"},
		why:      "measures and their labels stand in one place, so that their number stays bounded; who is measured declares the calls it makes",
	},
	{
		prefixes: []string{"github.com/tink-crypto"},
		in:       []string{"internal/vault/..."},
		why:      "keys are handled in one place",
	},
	{
		prefixes: []string{"github.com/spf13/cobra", "github.com/vbauerster/mpb"},
		in:       []string{"cmd/...", "tools/..."},
		why:      "only commands speak to a terminal",
	},
	{
		prefixes: []string{"github.com/compose-spec"},
		in:       []string{"deploy/..."},
		why:      "the compose file is read by its tests; the product knows nothing of containers",
	},
	{
		prefixes: []string{"github.com/stretchr/testify", "go.uber.org/goleak", "pgregory.net/rapid", "testing", "net/http/httptest", "github.com/VictoriaMetrics"},
		in:       append([]string{"tools/...", "bench/..."}, testOnly...),
		why:      "test libraries do not belong in the product's binary",
	},
}

// forbidden says what some packages must not import of the standard library.
type forbidden struct {
	from     string
	except   []string
	prefixes []string
	why      string
}

var forbiddens = []forbidden{
	{
		from: "models/...", except: []string{"models/store/..."},
		prefixes: []string{"os", "net", "database", "log", "syscall", "math/rand"},
		why:      "models do no input or output: they are pure logic that a test can call a million times",
	},
	{
		from: "workflows/...", except: nil,
		prefixes: []string{"os", "net", "database", "log", "syscall", "math/rand", "crypto/rand", "io/ioutil"},
		why:      "a workflow is replayed: the network, the disk, the environment and chance answer differently the second time",
	},
	{
		from: "agent/...", except: nil,
		prefixes: []string{"os", "database", "syscall"},
		why:      "the agent reads and writes through the tools it is handed, never outside the snapshot it was opened on",
	},
}

// vague are words that say nothing about what is inside.
var vague = []string{"util", "utils", "common", "helper", "helpers", "manager", "managers", "types", "misc", "stuff"}
