package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
)

// The account of the fake site that the product and bare Go read it with.
const (
	siteUser     = fake.AdminLogin
	sitePassword = fake.AdminPassword
)

// built compiles commands of this module once per run.
var built = struct {
	sync.Mutex
	dir   string
	paths map[string]string
}{paths: map[string]string{}}

// command gives the path of a compiled command of this module.
func command(b testing.TB, pkg string) string {
	b.Helper()
	built.Lock()
	defer built.Unlock()
	if path, ok := built.paths[pkg]; ok {
		return path
	}
	if built.dir == "" {
		dir, err := os.MkdirTemp("", "scratch-bench-") //nolint:usetesting // kept over the benchmarks of one run
		require.NoError(b, err)
		built.dir = dir
	}
	path := filepath.Join(built.dir, filepath.Base(pkg))
	out, err := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-o", path, "../"+pkg).CombinedOutput()
	require.NoError(b, err, "build %s: %s", pkg, out)
	built.paths[pkg] = path
	return path
}

// site is a fake WordPress as a process of its own, filled with generated posts
// of about 1 KB.
type site struct {
	url  string
	pid  int
	http *http.Client
	stop func() // ends it before the benchmark does; a large one takes gigabytes
}

// startSite serves n posts until the benchmark ends.
func startSite(b testing.TB, n int) *site {
	b.Helper()
	cmd := exec.Command(command(b, "connectors/wordpress/fake/wpfake"), "-generated", strconv.Itoa(n))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	process(b, cmd)
	stop := sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	b.Cleanup(stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(b, err, "the fake site did not start")
	s := &site{url: strings.TrimSpace(line), pid: cmd.Process.Pid, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}, stop: stop}
	s.warm(b, n)
	return s
}

// warm lets the site serialise each row once, as a real one's cache would have:
// what is measured is who reads, not what answers.
func (s *site) warm(b testing.TB, n int) {
	b.Helper()
	for page := range (n + sitePage - 1) / sitePage {
		_, err := s.page(b.Context(), page)
		require.NoError(b, err)
	}
}

// slow makes every list answer of the site late by d; 0 ends it.
func (s *site) slow(b testing.TB, d time.Duration) {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodDelete, s.url+"/_fake/faults", http.NoBody)
	require.NoError(b, err)
	s.control(b, request)
	if d == 0 {
		return
	}
	s.inject(b, map[string]any{"kind": "slow", "method": "GET", "path": "/wp/v2/posts", "times": -1, "delay_ms": d.Milliseconds()})
}

// inject switches a fault of the site on.
func (s *site) inject(b testing.TB, fault map[string]any) {
	b.Helper()
	body, err := json.Marshal(fault)
	require.NoError(b, err)
	request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, s.url+"/_fake/faults", bytes.NewReader(body))
	require.NoError(b, err)
	s.control(b, request)
}

func (s *site) control(b testing.TB, request *http.Request) {
	b.Helper()
	answer, err := s.http.Do(request)
	require.NoError(b, err)
	defer answer.Body.Close()
	require.Less(b, answer.StatusCode, 300)
}

const sitePage = 100

// siteFields are the fields the product's connector asks for: bare Go moves the
// same bytes.
const siteFields = "id,author,categories,comment_status,content.raw,date_gmt,excerpt.raw,featured_media,format,link,meta,modified_gmt,ping_status,slug,status,sticky,tags,template,title.raw"

// page fetches one page of rows, counted from 0.
func (s *site) page(ctx context.Context, page int) ([]byte, error) {
	address := s.url + "/wp-json/wp/v2/posts?context=edit&order=asc&orderby=id&status=any&per_page=" + strconv.Itoa(sitePage) +
		"&page=" + strconv.Itoa(page+1) + "&_fields=" + siteFields
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.SetBasicAuth(siteUser, sitePassword)
	answer, err := s.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New("the site answered " + answer.Status)
	}
	body := bytes.NewBuffer(make([]byte, 0, max(int(answer.ContentLength)+bytes.MinRead, 1<<10)))
	_, err = body.ReadFrom(answer.Body)
	return body.Bytes(), err
}
