package bench

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"github.com/scratch-platform/scratch/activities"
	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/wordpress"
	"github.com/scratch-platform/scratch/internal/limits"
	"github.com/scratch-platform/scratch/internal/netguard"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// opener opens the connector of a site without a vault or a registry.
type opener struct {
	credential json.RawMessage
	transport  http.RoundTripper
	limiter    connectors.Limiter
}

func (o opener) Open(_ context.Context, _, connectionID string) (connectors.Connector, connectors.Definition, error) {
	definition := wordpress.Definition()
	c, err := definition.Open(connectors.Dependencies{ConnectionID: connectionID, Transport: o.transport, Limiter: o.limiter, Now: time.Now}, o.credential)
	return c, definition, err
}

// copyTable runs a download's activities in this process, without an engine:
// the way to profile them.
func copyTable(b *testing.B, d *database, s *site, n int) measured {
	b.Helper()
	ctx := b.Context()
	db, err := store.Open(ctx, store.Config{URL: d.url})
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	require.NoError(b, db.Migrate(ctx))
	o, table := newTable(b, db)
	job := models.Job{
		ID: models.NewID(models.PrefixJob), OrganizationID: table.OrganizationID, SnapshotID: table.SnapshotID,
		Kind: models.JobDownload, State: models.JobQueued, WorkflowID: table.ID,
	}
	_, _, err = o.CreateJob(ctx, job)
	require.NoError(b, err)

	credential, err := json.Marshal(map[string]string{"site": s.url, "username": siteUser, "password": sitePassword})
	require.NoError(b, err)
	downloads := &activities.Downloads{
		Store: func(id string) activities.DownloadStore { return db.Org(id) },
		Open:  opener{credential: credential, transport: netguard.Transport(netguard.Loopback()), limiter: limits.New(time.Now)},
		Slots: activities.NewSlots(4), Now: time.Now,
	}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetTestTimeout(10 * time.Minute)
	env.RegisterActivity(downloads)
	in := activities.RunInput{DownloadInput: contract.DownloadInput{OrganizationID: table.OrganizationID, TableID: table.ID, JobID: job.ID, Mode: models.DownloadFull}}
	_, err = env.ExecuteActivity(downloads.BeginDownload, in)
	require.NoError(b, err)
	return measure(b, d, n, func() error {
		value, err := env.ExecuteActivity(downloads.CopyPages, activities.CopyInput{RunInput: in, Turn: time.Hour})
		if err != nil {
			return err
		}
		var result activities.CopyResult
		if err := value.Get(&result); err != nil {
			return err
		}
		require.EqualValues(b, n, result.Progress.Created)
		return nil
	})
}

// newTable makes a tenant with one table of the site.
func newTable(b testing.TB, db *store.Store) (*store.Org, models.Table) {
	b.Helper()
	ctx := b.Context()
	org := models.Organization{ID: models.NewID(models.PrefixOrganization), Name: "Bench", CreatedAt: time.Now()}
	user := models.User{ID: models.NewID(models.PrefixUser), OrganizationID: org.ID, Name: "Ana", CreatedAt: time.Now()}
	require.NoError(b, db.System().CreateAccount(ctx, org, user))
	o := db.Org(org.ID)
	connection := models.Connection{ID: models.NewID(models.PrefixConnection), Service: wordpress.Service, Name: "Blog"}
	require.NoError(b, o.CreateConnection(ctx, connection))
	snapshot := models.Snapshot{ID: models.NewID(models.PrefixSnapshot), Name: "Bench"}
	require.NoError(b, o.CreateSnapshot(ctx, snapshot))
	table, err := o.AddTable(ctx, models.Table{SnapshotID: snapshot.ID, ConnectionID: connection.ID, Service: wordpress.Service, RemoteID: "posts", Name: "Posts"})
	require.NoError(b, err)
	return o, table
}

// BenchmarkActivities is the download of 100,000 records without an engine, an
// API or a process of its own, beside L and D: for profiles
// (make bench ARGS="-bench Activities -cpuprofile cpu.out").
func BenchmarkActivities(b *testing.B) {
	n := sized(100_000)
	s := startSite(b, n)
	bare := newDatabase(b)
	for range 3 {
		load, down := bareLoad(b, s, bare, n), bareDownload(b, s, bare, n)
		got := copyTable(b, newDatabase(b), s, n)
		b.Logf("L %v", load)
		b.Logf("D %v", down)
		b.Logf("activities %v: %.2f D", got, got.rate()/down.rate())
	}
}
