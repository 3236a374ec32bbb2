package worker

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/scratch-platform/scratch/internal/telemetry"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
)

// kept is a log that several goroutines write to.
type kept struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (k *kept) Write(line []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lines.Write(line)
}

func (k *kept) all(t *testing.T) (all []map[string]any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for line := range strings.Lines(k.lines.String()) {
		one := map[string]any{}
		require.NoError(t, json.Unmarshal([]byte(line), &one))
		all = append(all, one)
	}
	return all
}

// Breaks when a line that a worker logs cannot be brought together with the job
// that a user asks about, or with the tenant whose it is.
func TestAWorkersLinesNameTheJob(t *testing.T) {
	out := &kept{}
	logger := telemetry.NewLogger(telemetry.Options{Writer: out, Level: slog.LevelDebug, Format: "json"})
	s := newStackWith(t, testkit.SQLite(t), testkit.Temporal(t), func(o client.Options) client.Options {
		o.Logger = log.NewStructuredLogger(logger)
		o.DataConverter, o.FailureConverter = nil, nil
		return o
	})
	s.rest()
	s.log = logger
	s.work()
	s.service.fill("posts", 3)
	table := s.table("posts")
	s.service.with(func(f *faults) { f.failPages = []error{errors.New("a fault of our own")} })
	job := s.until(s.download(models.DownloadFull, table), 60*time.Second, models.JobCompleted)
	s.rest()
	var failures []map[string]any
	for _, line := range out.all(t) {
		if slices.Contains([]any{"activity failed", "Activity error."}, line["msg"]) {
			failures = append(failures, line)
		}
	}
	require.Len(t, failures, 2, "one line of ours with the cause, one of the SDK")
	for _, line := range failures {
		require.Contains(t, []any{line["workflow"], line["WorkflowID"]}, "download:"+table.ID)
	}
	ours := failures[slices.IndexFunc(failures, func(line map[string]any) bool { return line["msg"] == "activity failed" })]
	require.Equal(t, job.ID, ours["job"])
	require.Equal(t, s.org.ID(), ours["organization"])
	require.NotEmpty(t, ours["run"])
}
