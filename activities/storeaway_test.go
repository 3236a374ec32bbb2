package activities

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// full is a store that can be read, and takes no page.
type full struct {
	DownloadStore
	refusal error
}

func (full) BeginRun(context.Context, string, string, models.DownloadMode) (models.DownloadRun, error) {
	return models.DownloadRun{ID: "run_1", TableID: "tbl_1", Seen: 700}, nil
}

func (full) Table(context.Context, string) (models.Table, error) {
	return models.Table{ID: "tbl_1"}, nil
}
func (full) Alive(context.Context, string) error { return nil }
func (full) Connection(context.Context, string) (models.Connection, error) {
	return models.Connection{}, nil
}

func (f full) SavePages(context.Context, *models.DownloadRun, <-chan store.PageWrite, func(store.PageWrite, store.PageResult)) error {
	return f.refusal
}

// empty is a service whose table has no records.
type empty struct{}

func (empty) Open(context.Context, string, string) (connectors.Connector, connectors.Definition, error) {
	return empty{}, connectors.Definition{}, nil
}
func (empty) Service() string { return "memory" }
func (empty) Close() error    { return nil }
func (empty) ReadAll(context.Context, connectors.ReadRequest) (connectors.Pages, error) {
	return empty{}, nil
}
func (empty) Next(context.Context) (connectors.Page, error) { return connectors.Page{}, io.EOF }

// Promise 7: breaks when a database that takes nothing for a while ends the
// downloads that wait for it, as if workers had been lost; or when what loses its
// worker again and again is tried for ever.
func TestAFullDiskEndsNoDownload(t *testing.T) {
	for name, c := range map[string]struct {
		refusal error
		ends    bool
	}{
		"a full disk":        {models.NewProblem(models.KindUnavailable, "store.disk_full", "no room", ""), false},
		"a slow database":    {models.NewProblem(models.KindTimeout, "store.timeout", "slow", ""), false},
		"a fault of our own": {errors.New("a fault"), true},
	} {
		t.Run(name, func(t *testing.T) {
			d := &Downloads{Store: func(string) DownloadStore { return full{refusal: c.refusal} }, Open: empty{}, Slots: NewSlots(1), Now: time.Now}
			last, ended := copyPlace{}, false
			for range 2 * maxStalls {
				var suite testsuite.WorkflowTestSuite
				environment := suite.NewTestActivityEnvironment()
				environment.RegisterActivity(d)
				environment.SetHeartbeatDetails(last)
				environment.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
					var place *copyPlace
					if details.Get(&place) == nil && place != nil {
						last = *place
					}
				})
				_, err := environment.ExecuteActivity(d.CopyPages, CopyInput{RunInput: RunInput{RunID: "run_1"}, Turn: time.Hour})
				require.Error(t, err)
				ended = ended || strings.Contains(err.Error(), "workers in a row were lost")
			}
			require.Equal(t, c.ends, ended)
		})
	}
}
