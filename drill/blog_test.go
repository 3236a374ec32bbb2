package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
)

// blog is the fake WordPress site, a process of its own.
type blog struct {
	t       *testing.T
	address string
}

// newBlog starts a site with n posts, numbered from 1.
func newBlog(t *testing.T, posts int) *blog {
	t.Helper()
	return blogWith(t, "-generated", strconv.Itoa(posts))
}

// blogWith starts a site with other content.
func blogWith(t *testing.T, content ...string) *blog {
	t.Helper()
	cmd := exec.Command(filepath.Join(binaries, "wpfake"), append(content, "-log", filepath.Join(t.TempDir(), "requests.jsonl"))...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	})
	address, err := firstLine(out)
	require.NoError(t, err)
	return &blog{t: t, address: address}
}

func (b *blog) do(method, path string, body any) []byte {
	b.t.Helper()
	status, text := b.request(method, path, body)
	require.Less(b.t, status, 300, "%s %s: %s", method, path, text)
	return text
}

func (b *blog) request(method, path string, body any) (int, []byte) {
	b.t.Helper()
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		require.NoError(b.t, err)
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(context.Background(), method, b.address+path, reader)
	require.NoError(b.t, err)
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth(fake.EditorLogin, fake.EditorPassword)
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(b.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(b.t, err)
	return answer.StatusCode, text
}

// log gives the requests after one.
func (b *blog) log(after int64) []fake.Entry {
	b.t.Helper()
	var out struct {
		Entries []fake.Entry `json:"entries"`
	}
	require.NoError(b.t, json.Unmarshal(b.do(http.MethodGet, fmt.Sprintf("/_fake/log?after=%d", after), nil), &out))
	return out.Entries
}

// last is the number of the latest request.
func (b *blog) last() int64 {
	b.t.Helper()
	entries := b.log(0)
	if len(entries) == 0 {
		return 0
	}
	return entries[len(entries)-1].Seq
}

func (b *blog) fault(f fake.Fault) {
	b.t.Helper()
	b.do(http.MethodPost, "/_fake/faults", f)
}

func (b *blog) faults() []fake.Fault {
	b.t.Helper()
	var out []fake.Fault
	require.NoError(b.t, json.Unmarshal(b.do(http.MethodGet, "/_fake/faults", nil), &out))
	return out
}

func (b *blog) struck() int {
	b.t.Helper()
	n := 0
	for _, f := range b.faults() {
		n += f.Hits
	}
	return n
}

func (b *blog) clearFaults() { b.do(http.MethodDelete, "/_fake/faults", nil) }

// posts are the site's posts, those in the trash too, by id.
func (b *blog) posts() map[int64]fake.Post {
	b.t.Helper()
	var rows []fake.Post
	require.NoError(b.t, json.Unmarshal(b.do(http.MethodGet, "/_fake/state?table=posts", nil), &rows))
	out := make(map[int64]fake.Post, len(rows))
	for _, p := range rows {
		out[p.ID] = p
	}
	return out
}

// titled are the ids of the posts of a title that are not in the trash.
func (b *blog) titled(title string) []int64 {
	b.t.Helper()
	var out []int64
	for id, p := range b.posts() {
		if p.Title == title && p.Status != "trash" {
			out = append(out, id)
		}
	}
	return out
}

// edit changes a post as somebody else at the site does.
func (b *blog) edit(id int64, fields map[string]any) {
	b.t.Helper()
	b.do(http.MethodPost, fmt.Sprintf("/wp-json/wp/v2/posts/%d", id), fields)
}

func only(entries []fake.Entry, matches func(fake.Entry) bool) []fake.Entry {
	var out []fake.Entry
	for _, e := range entries {
		if matches(e) {
			out = append(out, e)
		}
	}
	return out
}

// isPage says whether a request is for a page of the posts.
func isPage(e fake.Entry) bool {
	return e.Method == http.MethodGet && e.Route == "/wp/v2/posts" && !strings.Contains(e.Query, "include=")
}

// isWrite says whether a request asks for a change.
func isWrite(e fake.Entry) bool { return e.Method != http.MethodGet && e.Method != http.MethodOptions }
