package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

// terminal is where somebody types scratch's client commands, with a server and
// a token named.
type terminal struct {
	t       *testing.T
	environ []string
}

// run gives what a command printed and its exit code.
func (m *terminal) run(args ...string) (out string, code int) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 3*time.Minute)
	defer cancel()
	var said bytes.Buffer
	c := exec.CommandContext(ctx, filepath.Join(binaries, "scratch"), args...)
	c.Env, c.Stderr = append(cleanEnviron(), m.environ...), &said
	text, err := c.Output()
	require.NotNil(m.t, c.ProcessState, "it did not start: %v", err)
	if c.ProcessState.ExitCode() != 0 {
		m.t.Logf("scratch %q ended with %d: %s%s", args, c.ProcessState.ExitCode(), text, said.String())
	}
	return string(text), c.ProcessState.ExitCode()
}

// must runs a command that has to complete.
func (m *terminal) must(args ...string) string {
	m.t.Helper()
	out, code := m.run(args...)
	require.Zero(m.t, code, "scratch %q", args)
	return out
}

// The way of a newcomer, typed at a fleet whose balancer sends every request to
// another frontend than the one before: from a credential to the published
// change, undo and redo, files, and a job that is followed from afar. It is
// cmd/scratch's TestNewcomerByCommandLine in production's shape.
// Breaks when something that a person waits for is known to one frontend alone.
func TestTheCommandLineOnAFleet(t *testing.T) {
	t.Parallel()
	b := newBalancer(t)
	p := fleet(t, "SCRATCH_PUBLIC_URL="+b.address)
	b.lead(p)
	site := newBlog(t, 40)
	m := &terminal{t, []string{"SCRATCH_SERVER=" + b.address, "SCRATCH_TOKEN=" + p.token}}
	folder := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}

	secret, err := json.Marshal(credential(site.address))
	require.NoError(t, err)
	m.must("connection", "add", "wordpress", "--name", "Blog", "--credential", "@"+file("blog.json", string(secret)))
	require.Contains(t, m.must("connection", "tables", "Blog"), "posts")
	m.must("snapshot", "create", "Autumn")
	m.must("table", "add", "Autumn", "Blog", "posts", "--name", "Posts")
	m.must("download", "Autumn")
	first := decode[api.RecordsPage](t, []byte(m.must("table", "records", "Autumn", "Posts", "--json"))).Items[0].ID
	shown := func() string { return m.must("record", "show", "Autumn", "Posts", first) }
	m.must("table", "set", "Autumn", "Posts", first, "title=A calmer title")
	require.Contains(t, shown(), "A calmer title")
	m.must("undo", "Autumn")
	require.NotContains(t, shown(), "A calmer title")
	m.must("redo", "Autumn")
	require.Empty(t, site.titled("A calmer title"), "published without a word (Promise 3)")
	m.must("publish", "Autumn", "--yes")
	require.Len(t, site.titled("A calmer title"), 1)
	require.Contains(t, m.must("publish", "Autumn"), "Nothing to publish")

	m.must("table", "import", "Autumn", file("stock.csv", "sku,name\n1,\"a, b\"\n2,c\n"), "--identity", "sku")
	m.must("table", "import", "Autumn", file("newer.csv", "sku,name\n1,\"a, b\"\n2,changed\n3,new\n"), "--into", "stock")
	require.EqualValues(t, 3, decode[api.RecordsPage](t, []byte(m.must("table", "records", "Autumn", "stock", "--json"))).Total)
	require.Contains(t, m.must("table", "export", "Autumn", "stock"), "changed")
	before := m.must("connection", "list", "--json")
	_, code := m.run("table", "import", "Autumn", file("empty.csv", ""))
	require.Equal(t, 2, code)
	require.Equal(t, before, m.must("connection", "list", "--json"), "a failed import left a connection behind")

	type followed struct{ Job api.Job }
	job := decode[followed](t, []byte(m.must("download", "Autumn", "--table", "Posts", "--detach", "--json"))).Job
	require.Equal(t, models.JobCompleted, decode[followed](t, []byte(m.must("job", "follow", job.ID, "--json"))).Job.State)
	for i := range b.requests {
		require.Positive(t, b.requests[i].Load(), "frontend %d was not asked", i)
	}
}
