package testkit

import (
	"testing"

	"go.uber.org/goleak"
)

// NoLeaks fails the test when goroutines that it started are still there at its
// end, after its other clean-ups and a short wait. Call it first, and not in a
// test that runs in parallel with others. What the shared Temporal server owns
// is not counted.
func NoLeaks(t testing.TB) {
	t.Helper()
	ignored := append(sharedGoroutines(), goleak.IgnoreCurrent())
	t.Cleanup(func() { goleak.VerifyNone(t, ignored...) })
}

// Main is a TestMain body that runs the package's tests and fails when any
// goroutine is left at the end: func TestMain(m *testing.M) { testkit.Main(m) }.
func Main(m *testing.M) {
	goleak.VerifyTestMain(m, sharedGoroutines()...)
}

func sharedGoroutines() []goleak.Option {
	const devserver = "github.com/scratch-platform/scratch/internal/devserver."
	return []goleak.Option{
		goleak.IgnoreAnyFunction(devserver + "(*Server).watch"),
		goleak.IgnoreAnyFunction(devserver + "spawn.func1"),
		// The child's words are copied into memory while it runs.
		goleak.IgnoreAnyFunction("os/exec.(*Cmd).Start.func2"),
		goleak.IgnoreAnyFunction("os/exec.(*Cmd).writerDescriptor.func1"),
	}
}
