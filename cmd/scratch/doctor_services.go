package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	temporal "go.temporal.io/sdk/client"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/internal/config"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
	"github.com/scratch-platform/scratch/worker"
	"github.com/scratch-platform/scratch/worker/deployment"
	"github.com/scratch-platform/scratch/workflows/contract"
)

// oldestPostgres is the oldest major version Scratch works with.
const oldestPostgres = 15

func (d *doctor) lookAtDatabase(ctx context.Context) {
	const name = "database"
	url := d.settings.SQLitePath()
	if d.settings.PostgreSQL() {
		url = d.settings.DatabaseURL.Reveal()
	} else if _, err := os.Stat(url); errors.Is(err, fs.ErrNotExist) {
		d.ok(name, "%s will be made at the first start", url)
		return
	}
	s, err := store.Open(ctx, store.Config{URL: url})
	if models.HasCode(err, "store.in_use") {
		d.ok(name, "%s is in use by a running Scratch", url)
		return
	}
	if err != nil {
		d.failed(name, "it cannot be opened", err, "Check that it runs and that its address, user and password are right.")
		return
	}
	defer func() { _ = s.Close() }() // only read
	version, err := s.ServerVersion(ctx)
	if err != nil {
		d.failed(name, "its version cannot be read", err, "Check that it is PostgreSQL.")
		return
	}
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); s.Dialect() == "postgres" && err == nil && n < oldestPostgres {
		d.broken(name, "PostgreSQL "+version+" is too old", fmt.Sprintf("Scratch needs PostgreSQL %d or newer.", oldestPostgres))
		return
	}
	d.ok(name, "%s %s answers", map[string]string{"postgres": "PostgreSQL", "sqlite": "SQLite"}[s.Dialect()], version)
	if p, ok := models.AsProblem(s.Writable(ctx)); ok { // writes nothing: this process was refused nothing
		d.broken(name, p.Detail, p.Hint)
	}
	d.lookAtClock(s.ClockAhead())
	d.lookAtSchema(ctx, s)
}

// lookAtClock says whether this machine's clock is wrong. Nothing that is stored
// depends on it; logs, and whoever reads them, do.
func (d *doctor) lookAtClock(ahead time.Duration) {
	if ahead.Abs() < time.Second {
		return
	}
	direction := "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	d.note("clock", fmt.Sprintf("this machine's clock is %s %s the database server's", ahead.Abs().Round(time.Second), direction),
		"Scratch goes by the server's. Set this machine's by a time service, so that its log can be read beside others.")
}

func (d *doctor) lookAtSchema(ctx context.Context, s *store.Store) {
	const name = "migrations"
	v, err := s.SchemaVersion(ctx)
	switch {
	case err != nil:
		d.failed(name, "the schema's version cannot be read", err, "Check the rights of the database user.")
	case v.Ahead:
		d.note(name, fmt.Sprintf("the database is at version %d, which a newer program made; this one knows %d", v.Current, v.Latest), "It works on it for a while, as after a rollback. Use the newer version when you can.")
	case len(v.Pending) > 0 && d.settings.PostgreSQL():
		d.broken(name, fmt.Sprintf("pending: %s", strings.Join(v.Pending, ", ")), "Run 'scratch migrate'.")
	case len(v.Pending) > 0:
		d.note(name, fmt.Sprintf("pending: %s", strings.Join(v.Pending, ", ")), "The next start runs them.")
	default:
		d.ok(name, "the schema is current, at version %d", v.Current)
	}
}

func (d *doctor) lookAtEngine(ctx context.Context) {
	const name = "temporal"
	settings := d.settings
	if d.oneMachine() {
		if d.dev.temporal == "" {
			d.ok(name, "not running; 'scratch dev' starts it")
			return
		}
		settings.TemporalAddress, settings.TemporalNamespace = d.dev.temporal, d.dev.namespace
	}
	hint := "Check SCRATCH_TEMPORAL_ADDRESS and that the server runs; with TLS, its certificates."
	if d.oneMachine() {
		hint = "'scratch dev' did not end cleanly; start it again and it puts this right."
	}
	keys, err := ownVault()
	if err != nil {
		d.failed(name, "no key for the payloads could be made", err, "")
		return
	}
	engine, err := dialEngine(settings, keys, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		d.failed(name, "it cannot be dialled", err, hint)
		return
	}
	defer engine.Close()
	if _, err := engine.CheckHealth(ctx, &temporal.CheckHealthRequest{}); err != nil {
		d.failed(name, settings.TemporalAddress+" does not answer", err, hint)
		return
	}
	d.ok(name, "%s answers", settings.TemporalAddress)
	if d.lookAtNamespace(ctx, engine, settings.TemporalNamespace) {
		d.lookAtAttributes(ctx, engine, settings.TemporalNamespace)
		d.lookAtQueues(ctx, engine, settings.TemporalNamespace)
		d.lookAtDeployment(ctx, engine, settings)
		d.lookAtSchedules(ctx, engine)
		d.lookForStrangers(ctx, engine, settings.TemporalNamespace)
	}
}

// ownVault is a vault that is used for nothing but to dial: no payload is sent.
func ownVault() (*vault.Vault, error) {
	keyset, err := vault.NewKeyset()
	if err != nil {
		return nil, err
	}
	return vault.Open(vault.Source{Configured: keyset})
}

func (d *doctor) lookAtNamespace(ctx context.Context, engine temporal.Client, namespace string) bool {
	const name = "namespace"
	answer, err := engine.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	var none *serviceerror.NamespaceNotFound
	switch {
	case errors.As(err, &none):
		d.broken(name, namespace+" does not exist", "Make it: temporal operator namespace create --namespace "+namespace+" --retention 30d")
		return false
	case err != nil:
		d.failed(name, namespace+" cannot be read", err, "Check the rights of the API key or certificate.")
		return false
	}
	keeps := answer.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	d.ok(name, "%s, ended runs are kept for %s", namespace, counted(int64(keeps.Hours()/24), "day"))
	return true
}

// lookAtAttributes asks for the search attributes that every run is started
// with: without one of them, no run starts.
func (d *doctor) lookAtAttributes(ctx context.Context, engine temporal.Client, namespace string) {
	const name = "attributes"
	answer, err := engine.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		d.note(name, "the search attributes cannot be read: "+models.Bound(err.Error(), 300), "The API key may lack the right to. Look in Temporal's Web UI; docs/operations.md lists them.")
		return
	}
	var missing []string
	for attribute, kind := range map[string]enums.IndexedValueType{
		contract.AttributeOrganization.GetName(): contract.AttributeOrganization.GetValueType(),
		contract.AttributeSnapshot.GetName():     contract.AttributeSnapshot.GetValueType(),
		contract.AttributeJobKind.GetName():      contract.AttributeJobKind.GetValueType(),
		contract.AttributeOutcome.GetName():      contract.AttributeOutcome.GetValueType(),
		contract.AttributeConnectors.GetName():   contract.AttributeConnectors.GetValueType(),
	} {
		has, ok := answer.GetCustomAttributes()[attribute]
		if !ok || has != kind {
			missing = append(missing, "--name "+attribute+" --type "+kind.String())
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		d.broken(name, counted(int64(len(missing)), "search attribute")+" missing or of another type; no run can start", "temporal operator search-attribute create --namespace "+namespace+" "+strings.Join(missing, " "))
		return
	}
	d.ok(name, "all search attributes are there")
}

// lookAtQueues asks whether workers wait for work that new runs make: with worker
// versioning, workers of the current version.
func (d *doctor) lookAtQueues(ctx context.Context, engine temporal.Client, namespace string) {
	const name = "workers"
	queues, err := deployment.Queues(ctx, engine, namespace)
	if err != nil {
		d.failed(name, "the task queues cannot be read", err, "Check the rights of the API key or certificate.")
		return
	}
	if err := deployment.Ready(queues); err != nil {
		d.failed(name, "nothing would run", err, "")
		return
	}
	for _, q := range queues {
		d.ok(name, "%s of %s take %s", counted(int64(q.Pollers[q.Current]), "worker"), q.Current, q.What())
	}
}

// lookAtDeployment holds the deployment against the workers there are. Without
// one, or where it could not be asked for, nothing is said.
func (d *doctor) lookAtDeployment(ctx context.Context, engine temporal.Client, settings config.Settings) {
	const name = "deployment"
	if settings.Deployment == "" {
		return
	}
	state, err := (&deployment.Deployment{Engine: engine, Namespace: settings.TemporalNamespace, Name: settings.Deployment}).Look(ctx)
	switch {
	case err != nil:
		d.failed(name, settings.Deployment+" cannot be read", err, "Check the rights of the API key or certificate.")
		return
	case len(state.Builds) == 0:
		d.broken(name, "no worker of "+settings.Deployment+" has ever come", "Start workers with SCRATCH_DEPLOYMENT="+settings.Deployment+", then run 'scratch deploy'.")
		return
	case state.Current == "" && state.Unversioned == 0:
		d.broken(name, settings.Deployment+" has no current version: new runs wait", "Run 'scratch deploy'.")
	case state.Current == "":
		d.note(name, settings.Deployment+" has no current version: new runs go to workers without one", "Run 'scratch deploy'.")
	default:
		d.ok(name, "%s sends new runs to %s", settings.Deployment, state.Current)
	}
	for _, b := range state.Builds {
		if b.Stranded() {
			d.broken(name, "no worker of the build "+b.BuildID+" ("+b.Phase+") waits for "+strings.Join(b.Missing, ", ")+": runs that began on it wait",
				"Start workers of it, or move its runs: temporal workflow update-options, docs/operations.md says how.")
		}
	}
}

// lookForStrangers tells of workers on the queue that encrypt with a key which
// the keyset here does not hold: they belong to another deployment, or to this
// one with a keyset that is not the same everywhere. Each takes the other's work
// and can read none of it. Without a keyset to compare with nothing is said:
// lookAtKeys says why there is none.
func (d *doctor) lookForStrangers(ctx context.Context, engine temporal.Client, namespace string) {
	source := d.settings.VaultSource()
	source.Create = false
	keys, err := vault.Open(source)
	if err != nil {
		return
	}
	for _, identity := range pollersOf(ctx, engine, namespace, contract.QueueSync) {
		if id, ours := worker.KeyOf(identity); ours && !keys.Has(id) {
			d.broken("workers", fmt.Sprintf("%s polls %s and encrypts with key %s, which is not in this keyset: what it takes fails, and what it starts cannot be read here",
				models.Bound(identity, 120), contract.QueueSync, id),
				"If it is another deployment, give each its own namespace (SCRATCH_TEMPORAL_NAMESPACE). If it is this one, set the same SCRATCH_VAULT_KEYSET in every process. A worker that was ended shows for some minutes more.")
			return // one stranger is enough to act on
		}
	}
}

// pollersOf gives the identities of a queue's live workers. What cannot be read is
// left out.
func pollersOf(ctx context.Context, engine temporal.Client, namespace, queue string) []string {
	queues, err := deployment.Queues(ctx, engine, namespace)
	if err != nil {
		return nil
	}
	var identities []string
	for _, q := range queues {
		if q.Name == queue {
			identities = append(identities, q.Identities...)
		}
	}
	return identities
}

func (d *doctor) lookAtServer(ctx context.Context) {
	const name = "server"
	address, known := os.Getenv(serverVariable), true
	switch {
	case address != "":
	case d.oneMachine() && d.dev.server != "":
		address = d.dev.server
	case d.oneMachine():
		d.ok(name, "not running; start it with 'scratch dev'")
		return
	default:
		address, known = d.settings.BaseURL(), false
	}
	detail, err := askReady(ctx, address)
	switch {
	case err == nil && detail == "":
		d.ok(name, "%s is ready: a download could start", address)
	case err == nil:
		d.broken(name, address+" runs and is not ready: "+detail, "Mend what is broken above.")
	case known && !d.oneMachine():
		d.failed(name, address+" does not answer", err, "Start it with 'scratch serve', or correct "+serverVariable+".")
	default:
		d.note(name, address+" does not answer", "Start it with 'scratch serve' (or 'scratch dev').")
	}
}

// askReady asks /readyz; detail says why a server that answers is not ready. An
// answer that is not Scratch's is an error.
func askReady(ctx context.Context, address string) (detail string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(address, "/")+"/readyz", nil) //nolint:gosec // the operator's own server
	if err != nil {
		return "", err
	}
	answer, err := (&http.Client{Timeout: checkTime}).Do(request) //nolint:gosec // the operator's own server
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return "", err
	}
	var ready struct{ Status string }
	if answer.StatusCode == http.StatusOK && json.Unmarshal(text, &ready) == nil && ready.Status == "ready" {
		return "", nil
	}
	var doc api.ProblemDocument
	if json.Unmarshal(text, &doc) != nil || doc.Code == "" {
		return "", errors.New("something else answers there")
	}
	return doc.Detail + " " + doc.Hint, nil
}
