//go:build kill

package drill

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bentClock says by how many seconds a program with a bent clock is off.
const bentClock = "SCRATCH_DRILL_CLOCK"

// bentTime goes with package time of such a program.
const bentTime = `package time

import "syscall"

// off is how far this program's clock is from the machine's, in seconds.
var off = func() int64 {
	text, _ := syscall.Getenv("` + bentClock + `")
	seconds, _ := atoi(text)
	return int64(seconds)
}()
`

// bent builds the product with a clock that can be off: its own code, and all it
// stands on, with another time.Now. From outside this cannot be done to a static
// Go program, which reads the kernel's clock by itself. Everything is compiled
// anew, which takes minutes the first time: hence `make kill` alone runs it.
func bent(t *testing.T) string {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	require.NoError(t, err)
	source := filepath.Join(string(bytes.TrimSpace(root)), "src", "time")
	now, err := os.ReadFile(filepath.Join(source, "time.go"))
	require.NoError(t, err)
	const read = "\tsec, nsec, mono := runtimeNow()\n"
	require.Equal(t, 1, strings.Count(string(now), read), "this Go reads its clock otherwise: correct the drill")
	dir := t.TempDir()
	replaced := map[string]string{}
	for name, text := range map[string]string{"time.go": strings.Replace(string(now), read, read+"\tsec += off\n", 1), "bent.go": bentTime} {
		replaced[filepath.Join(source, name)] = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	program := filepath.Join(dir, "scratch")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "../cmd/scratch").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// Promises 5 and 7, with the binary: a publish is taken over by a worker whose
// clock is an hour off, or from one, after a kill in the middle of a batch. The
// judge is the one of all kills; and the worker says that its clock is off.
func TestKillDuringPublishOnABentClock(t *testing.T) {
	program := bent(t)
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/first %t", off, first), func(t *testing.T) {
				t.Parallel()
				takeOver(t, program, off, first)
			})
		}
	}
}

// takeOver kills the first of two workers in mid-publish; the first or the
// second has the bent clock.
func takeOver(t *testing.T, program string, off time.Duration, first bool) {
	b := newBlog(t, drilledPosts)
	g := newGate(t, b)
	p := production(t)
	start := func(bent bool) *process {
		if !bent {
			p.startWorker()
			return p.worker
		}
		p.worker = spawn(t, append(p.environ, fmt.Sprintf("%s=%d", bentClock, int(off.Seconds()))), program, "serve", "--role=worker")
		p.workers = append(p.workers, p.worker)
		return p.worker
	}
	p.worker.drain()
	victim := start(first)
	p.awaitReady()
	s := p.open(g.address)
	s.download()
	s.edits()
	plan := s.plan()
	mark := b.last()
	sh := &shot{
		t: t, chance: chanceOf(t, 0), blog: b, gate: g, matches: asksForWrite, holder: func() *process { return victim },
		settled: func() bool { return true },
	}
	sh.fire(afterSend, drilledBatches/2)
	job := s.apply(plan)
	sh.await()
	heir := start(!first)
	job = p.await(job.ID, 5*time.Minute, isFinal)
	t.Logf("done %s after the kill", time.Since(sh.at).Round(time.Second))
	checkPublish(t, s, b, plan, job, mark)
	said := victim
	if !first {
		said = heir
	}
	require.Contains(t, said.stderr.String(), "clock", "a worker whose clock is off says so")
	s.download()
}
