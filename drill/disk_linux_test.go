package drill

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/models"
)

// insideNamespace is set for a test that is run again where it may mount.
const insideNamespace = "DRILL_INSIDE_NAMESPACE"

// mayMount reports whether this process may mount file systems. Where it may
// not, the test is run again in a name space in which it may, its outcome is
// this one's, and there is nothing left to do.
func mayMount(t *testing.T) bool {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m")
	if err == nil {
		require.NoError(t, syscall.Unmount(dir, 0))
		return true
	}
	require.Empty(t, os.Getenv(insideNamespace), "this drill mounts a small file system, and may not: %v", err)
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), insideNamespace+"=1")
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
	}
	out, failed := again.CombinedOutput()
	require.NoError(t, failed, "this drill mounts a small file system (%v), and failed in a name space of its own, where it may; run it as root, or allow user name spaces:\n%s", err, out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	return false
}

// smallDisk is a folder on a file system of its own of so many megabytes.
func smallDisk(t *testing.T, megabytes int) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=700", megabytes)))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// filler is a file that leaves a disk only so much room.
func filler(t *testing.T, dir string) string { return filepath.Join(dir, "filler") }

// fill fills the disk but for some kilobytes; others write to it meanwhile.
func fill(t *testing.T, dir string, leave int64) {
	t.Helper()
	file, err := os.OpenFile(filler(t, dir), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	var disk syscall.Statfs_t
	require.NoError(t, syscall.Statfs(dir, &disk))
	for left := int64(disk.Bavail)*disk.Bsize - leave<<10; left > 0; left -= 1 << 20 { //nolint:unconvert // other widths elsewhere
		_, err := file.Write(make([]byte, min(left, 1<<20)))
		if errors.Is(err, syscall.ENOSPC) {
			return
		}
		require.NoError(t, err)
	}
}

func free(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.Remove(filler(t, dir)))
}

// small starts Scratch as one process on a data folder on a small disk, with an
// engine elsewhere.
func small(t *testing.T, megabytes int) *product {
	t.Helper()
	p := &product{t: t, dir: smallDisk(t, megabytes), engine: newEngine(t)}
	file := filepath.Join(p.dir, "scratch.db")
	p.db, p.token = sqliteOf(t, file), account(t, file)
	p.environ = p.settings(p.dir)
	p.serve("monolith")
	p.awaitReady()
	return p
}

// A disk that fills up in the middle of a download and of an upload: what
// cannot be stored is refused with a code and a hint and nothing of it is kept
// by half; what was stored stays; and with room again everything goes on by
// itself (Promises 2 and 7).
func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	if !mayMount(t) {
		return
	}
	const posts = 20_000
	b := newBlog(t, posts)
	p := small(t, 48)
	s := p.open(b.address)
	records := p.db.recordsOf(s.table.ID)
	stored := func() int { return p.db.number(`SELECT count(*) FROM ` + records) }
	full := func(status int, text []byte) {
		t.Helper()
		require.Equal(t, http.StatusServiceUnavailable, status, "%s", text)
		problem := decode[api.ProblemDocument](t, text)
		require.Equal(t, "store.disk_full", problem.Code, "%s", text)
		require.NotEmpty(t, problem.Hint)
	}

	fill(t, p.dir, 6<<10) // room for a part of it
	job := s.startDownload()
	eventually(t, time.Minute, "the disk is full", func() bool {
		return strings.Contains(p.temporal("workflow", "describe", "--workflow-id", "download:"+s.table.ID), "store.disk_full")
	})
	sum := p.db.rows(`SELECT (SELECT count(*) FROM `+records+`), seen FROM download_runs WHERE table_id = ?`, s.table.ID)[0]
	require.Equal(t, sum[1], sum[0], "records and checkpoint do not agree: a page was stored by half")
	before := stored()
	require.Less(t, before, posts)
	require.Equal(t, "ok", p.db.rows(`PRAGMA integrity_check`)[0][0])
	fill(t, p.dir, 0)
	status, text, err := p.try(http.MethodPost, "/api/v1/snapshots", map[string]any{"name": strings.Repeat("x", 200)})
	require.NoError(t, err)
	full(status, text)
	full(p.tryUpload("posts.csv", strings.NewReader("id,title\n"+strings.Repeat("1,A title that fills a line of the file\n", 50_000))))
	require.Empty(t, filesBelow(t, filepath.Join(p.dir, "uploads")), "a half-written upload was left behind")
	require.Zero(t, p.db.number(`SELECT count(*) FROM uploads`))
	eventually(t, time.Minute, "the job says what it waits for", func() bool {
		shown := p.job(job.ID) // reading answers, though nothing of it can be stored
		require.False(t, shown.Final, "a job that goes on by itself shows as ended")
		return shown.State == models.JobWaiting && strings.Contains(shown.WaitingWhy, "disk")
	})
	status, text, err = p.try(http.MethodGet, "/readyz", nil)
	require.NoError(t, err)
	full(status, text) // a download could not start now
	require.GreaterOrEqual(t, stored(), before, "what was stored is lost")

	free(t, p.dir)
	p.awaitReady()
	job = p.await(job.ID, 3*time.Minute, isFinal)
	require.Equal(t, models.JobCompleted, job.State, "with room again the download goes on: %v", job.Problem)
	require.Nil(t, job.Problem, "what it waited for is no news any more")
	require.EqualValues(t, posts, job.Progress.Created)
	require.Equal(t, posts, stored())
	require.Equal(t, posts, p.db.number(`SELECT count(DISTINCT remote_id) FROM `+records))
	requireSameRows(t, p.db, records, b)
	require.Equal(t, "ok", p.db.rows(`PRAGMA integrity_check`)[0][0])
	p.upload("posts.csv", "id,title\n1,One\n")
	s.write(update(s.recordID(1), "With room again"))
	s.publish()
	require.Len(t, b.titled("With room again"), 1)
}

// A disk that fills up in the middle of a publish, between a batch and the note of
// what came of it: nothing more is sent, the job waits however long that lasts, and
// with room again it finds out what was made and goes on (Promises 5 and 7).
func TestDiskIsFullInMidPublish(t *testing.T) {
	t.Parallel()
	if !mayMount(t) {
		return
	}
	b := newBlog(t, 20)
	p := small(t, 48)
	s := p.open(b.address)
	s.download()
	for i := range endedCreates {
		s.write(create(createdTitle(i)))
	}
	plan := s.plan()
	mark := b.last()
	b.fault(fake.Fault{Kind: fake.FaultSlow, Path: "/batch/v1", Times: -1, DelayMS: 1500})
	job := s.apply(plan)
	b.awaitHeld(mark)
	eventually(t, time.Minute, "the disk is full for every change", func() bool {
		fill(t, p.dir, 0)
		status, text, err := p.try(http.MethodPost, "/api/v1/snapshots", map[string]any{"name": strings.Repeat("x", 200)})
		require.NoError(t, err)
		return status == http.StatusServiceUnavailable && decode[api.ProblemDocument](t, text).Code == "store.disk_full"
	})
	b.clearFaults()
	eventually(t, time.Minute, "the job says what it waits for", func() bool {
		shown := p.job(job.ID)
		require.False(t, shown.Final, "a publish that goes on by itself shows as ended: %v", shown.Problem)
		return shown.State == models.JobWaiting && strings.Contains(shown.WaitingWhy, "disk")
	})
	<-time.After(10 * time.Second) // whoever counts rounds has given up by now
	require.False(t, p.job(job.ID).Final, "a publish that goes on by itself shows as ended")

	free(t, p.dir)
	p.awaitReady()
	ended := p.await(job.ID, 4*time.Minute, isFinal)
	require.Equal(t, models.JobCompleted, ended.State, "with room again the publish goes on: %v", ended.Problem)
	requireMadeOnce(t, b, mark, endedCreates)
	require.Equal(t, map[models.ItemState]int{models.ItemApplied: endedCreates}, statesOf(p.items(plan.ID)))
}

// The same where the engine's state lies on the full disk too, as in `scratch
// dev`: nothing can be stored by anybody, and with room again it goes on.
func TestDiskIsFullUnderTheEngineToo(t *testing.T) {
	t.Parallel()
	if !mayMount(t) {
		return
	}
	const posts = 5000
	b := newBlog(t, posts)
	p := devIn(t, smallDisk(t, 48))
	s := p.open(b.address)
	mark := b.last()
	b.fault(fake.Fault{Kind: fake.FaultSlow, Method: http.MethodGet, Path: "/wp/v2/posts", Skip: 10, Times: -1, DelayMS: 4000}) // it is far from its end
	job := s.startDownload()
	b.awaitHeld(mark)
	eventually(t, time.Minute, "the disk is full for every change", func() bool {
		fill(t, p.dir, 0)
		status, text, err := p.try(http.MethodPost, "/api/v1/snapshots", map[string]any{"name": "No room"})
		require.NoError(t, err)
		if status != http.StatusServiceUnavailable {
			require.Equal(t, http.StatusCreated, status, "%s", text)
			return false
		}
		require.Equal(t, "store.disk_full", decode[api.ProblemDocument](t, text).Code, "%s", text)
		return true
	})
	<-time.After(15 * time.Second) // whoever cannot do without a disk has ended by now
	require.Less(t, p.db.number(`SELECT count(*) FROM `+p.db.recordsOf(s.table.ID)), posts)

	free(t, p.dir)
	b.clearFaults()
	job = p.await(job.ID, 3*time.Minute, isFinal)
	require.Equal(t, models.JobCompleted, job.State, "with room again the download goes on: %v", job.Problem)
	require.EqualValues(t, posts, job.Progress.Created)
	require.Equal(t, posts, p.db.number(`SELECT count(DISTINCT remote_id) FROM `+p.db.recordsOf(s.table.ID)))
	require.Equal(t, "ok", p.db.rows(`PRAGMA integrity_check`)[0][0])
	s.download()
}
