package conformance

import (
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReferenceConnectorPasses(t *testing.T) {
	Run(t, memorySubject(""))
}

// Each rule of the contract is broken once by an otherwise good connector: a
// suite that lets one pass does not hold that rule.
func TestEveryBrokenConnectorFails(t *testing.T) {
	for breaks, where := range map[broken]string{
		"promises what it cannot do":          "definition/capabilities are those of the interfaces",
		"cannot find what it creates":         "definition/capabilities are those of the interfaces",
		"describes what is not there":         "describe/a table that is not there",
		"says a wrong kind":                   "read/every record is given, as its columns say",
		"gives JSON that is not canonical":    "read/every record is given, as its columns say",
		"loses the last record of a page":     "read/every record is given, as its columns say",
		"goes on one too far":                 "read/reading goes on from every cursor, in another process",
		"keeps its place in the process":      "read/reading goes on from every cursor, in another process",
		"begins again at a cursor":            "read/reading goes on from every cursor, in another process",
		"takes nonsense for the end":          "read/a made-up cursor is refused",
		"pages by place":                      "read/nothing is missed when a record goes between two pages",
		"takes a short page for the last":     "read/a short page is not the end",
		"takes an error for the end":          "read/a service that is away for a moment",
		"errors without a type":               "read/a service that is away for a moment",
		"takes an expired cursor for the end": "read/an expired cursor begins again",
		"does not hear a cancel":              "read/a cancel while reading",
		"lists too few ids":                   "read/the ids alone are those of the table",
		"never says that a record is gone":    "by id/what is gone is missing, what exists is not",
		"calls what it cannot see gone":       "by id/nothing is concluded from an error",
		"misses changes":                      "since/what changed since is given",
		"stores something else":               "write/a create is read back equal",
		"fails a batch for one item":          "write/a refused item fails alone",
		"says nothing of a refused item":      "write/a refused item fails alone",
		"returns an error after writing":      "write/a create is read back equal",
		"replaces the whole record":           "write/an update changes the named cells and no others",
		"does not clear":                      "write/a cell is cleared",
		"fails to delete what is gone":        "write/a delete deletes, and deletes again",
		"calls a rate limit a failure":        "write/a rate limit leaves items planned",
		"sends again what was lost":           "lost/a create whose answer was lost is found",
		"calls a lost answer a failure":       "lost/a create whose answer was lost is found",
		"calls a lost answer applied":         "lost/an update whose answer was lost",
		"finds nothing":                       "lost/a create whose answer was lost is found",
		"finds one of two":                    "lost/two identical creates are two candidates",
		"finds what was never created":        "lost/what was never created is not found",
		"calls a cancelled write not sent":    "lost/a create cut off by a cancel",
		"writes though it was cancelled":      "lost/nothing is sent once the context has ended",
		"calls every step done":               "steps/steps are done and known to be done",
		"tells the credential":                "errors/what the service quotes of the credential is taken out",
	} {
		t.Run(string(breaks), func(t *testing.T) {
			t.Parallel()
			r := &recorder{}
			r.Run("", func(t tester) { run(t, memorySubject(breaks)) })
			require.Contains(t, r.all(), where, "the suite does not hold this rule where it should")
		})
	}
}

// recorder runs the suite without failing the test that runs it, and keeps the
// names of what failed.
type recorder struct {
	mu       sync.Mutex
	name     string
	failed   bool
	failures *[]string
	cleanups []func()
}

func (r *recorder) all() []string { return *r.failures }

func (r *recorder) Helper()             {}
func (r *recorder) Logf(string, ...any) {}

func (r *recorder) Errorf(string, ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

func (r *recorder) FailNow() {
	r.Errorf("")
	runtime.Goexit()
}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *recorder) Run(name string, test func(tester)) bool {
	if r.failures == nil {
		r.failures = &[]string{}
	}
	sub := &recorder{name: strings.TrimPrefix(r.name+"/"+name, "/"), failures: r.failures}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer sub.cleanUp()
		test(sub)
	}()
	<-done
	if sub.failed {
		r.mu.Lock()
		*r.failures = append(*r.failures, sub.name)
		r.mu.Unlock()
	}
	return !sub.failed
}

// cleanUp runs each clean-up by itself: one that fails ends only itself.
func (r *recorder) cleanUp() {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.cleanups[i]()
		}()
		<-done
	}
}
