package drill

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metricsql"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/internal/testkit"
	"github.com/scratch-platform/scratch/models"
)

// measures are the families of one scrape.
type measures map[string]*dto.MetricFamily

// scrape reads /metrics as Prometheus does.
func scrape(t *testing.T, address string) (measures, []byte) {
	t.Helper()
	answer, err := http.Get(address + "/metrics")
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
	require.NoError(t, err)
	return families, text
}

// sum adds up the series of a counter, gauge or histogram's count with these
// labels.
func (m measures) sum(name string, labels map[string]string) (total int64) {
	for _, series := range m[name].GetMetric() {
		if matchesAll(series, labels) {
			total += int64(series.GetCounter().GetValue()+series.GetGauge().GetValue()) + int64(series.GetHistogram().GetSampleCount())
		}
	}
	return total
}

func matchesAll(series *dto.Metric, labels map[string]string) bool {
	for name, value := range labels {
		if !slices.Contains(valuesOf(series, name), value) {
			return false
		}
	}
	return true
}

func valuesOf(series *dto.Metric, label string) (values []string) {
	for _, pair := range series.GetLabel() {
		if pair.GetName() == label {
			values = append(values, pair.GetValue())
		}
	}
	return values
}

// Breaks when the dashboard or an alert asks for a measure, a label or a value
// that the product does not tell: it would show nothing, and never fire. Breaks
// as well when a measure counts what it should not, or a label could grow with
// the number of tenants, tables or paths.
func TestDashboardAndAlertsFindWhatTheyName(t *testing.T) {
	t.Parallel()
	c := testkit.NewCollector(t)
	b := newBlog(t, 120)
	private := testkit.FreeAddress(t)
	p := dev(t, append(c.Environ(), "SCRATCH_METRICS_LISTEN="+private)...)
	s := p.open(b.address)
	s.download()
	s.write(create("Measured"), update(s.record(1).ID, "Edited"), remove(s.recordID(2)))
	published := p.await(s.apply(s.plan()).ID, 2*time.Minute, isFinal)
	require.Equal(t, models.JobCompleted, published.State, "%v", published.Problem)
	status, _, err := p.try(http.MethodGet, "/api/v1/jobs/job_nobody_has_this/../../etc?token=canary", nil)
	require.NoError(t, err)
	require.NotEqual(t, http.StatusOK, status)

	var found measures
	var text []byte
	eventually(t, 30*time.Second, "the spans are counted as sent", func() bool {
		found, text = scrape(t, "http://"+private)
		return found.sum("scratch_trace_spans_total", map[string]string{"outcome": "sent"}) > 0
	})
	t.Run("counts", func(t *testing.T) { counts(t, found) })
	t.Run("bounds", func(t *testing.T) { bounds(t, s, found, text) })
	t.Run("access", func(t *testing.T) { access(t, p) })
	for where, queries := range map[string][]query{"dashboard": dashboard(t), "rules": rules(t)} {
		t.Run(where, func(t *testing.T) {
			require.Greater(t, len(queries), 10)
			for _, q := range queries {
				for _, wrong := range q.check(found) {
					t.Errorf("%s: %s\n\t%s", q.of, wrong, q.expr)
				}
			}
		})
	}
	t.Run("a query that names what is not there is found out", func(t *testing.T) {
		for expr, complaint := range map[string]string{
			`rate(scratch_no_such_total[5m])`:                                 "no measure scratch_no_such_total",
			`sum by (tenant) (scratch_jobs_live)`:                             "has no label tenant",
			`scratch_jobs_live{stat="stalled"}`:                               "has no label stat",
			`scratch_jobs_live{state="asleep"}`:                               "no series with state=asleep",
			`scratch_jobs_live{state=~"stalled|asleep"}`:                      "no series with state=asleep",
			`rate(scratch_job_seconds[5m])`:                                   "is a histogram",
			`histogram_quantile(0.9, rate(scratch_store_up_bucket[5m]))`:      "no measure scratch_store_up_bucket",
			`sum(rate(scratch_job_seconds_bucket[5m])) by (le`:                "is no query",
			`sum by (le, route) (rate(scratch_job_seconds_bucket[5m]) )`:      "has no label route",
			`scratch_store_up + on (pool) group_left scratch_jobs_live{x=""}`: "has no label x",
		} {
			require.Contains(t, strings.Join(query{of: "planted", expr: expr}.check(found), "\n"), complaint, expr)
		}
	})
}

func counts(t *testing.T, found measures) {
	type labels = map[string]string
	require.EqualValues(t, 1, found.sum("scratch_job_seconds", labels{"kind": "download", "outcome": "completed"}))
	require.EqualValues(t, 1, found.sum("scratch_job_seconds", labels{"kind": "publish", "outcome": "completed"}))
	require.EqualValues(t, 120, found.sum("scratch_records_moved_total", labels{"service": "wordpress", "direction": "down"}))
	require.EqualValues(t, 3, found.sum("scratch_records_moved_total", labels{"service": "wordpress", "direction": "up"}))
	for _, op := range []string{"create", "update", "delete"} {
		require.EqualValues(t, 1, found.sum("scratch_publish_items_total", labels{"service": "wordpress", "operation": op, "outcome": "applied"}), op)
	}
	require.Positive(t, found.sum("scratch_service_requests_total", labels{"service": "wordpress", "outcome": "ok"}))
	require.Equal(t, found.sum("scratch_service_requests_total", labels{"service": "wordpress"}), found.sum("scratch_service_request_seconds", labels{"service": "wordpress"}))
	require.Positive(t, found.sum("scratch_limit_wait_seconds", labels{"service": "wordpress"}))
	require.Positive(t, found.sum("scratch_events_relayed_total", nil))
	require.Positive(t, found.sum("scratch_lease_wait_seconds", labels{"lease": "reconcile", "outcome": "taken"}))
	require.EqualValues(t, 1, found.sum("scratch_api_requests_total", labels{"route": "/api/v1/snapshots/{id}/download", "method": "POST", "status": "202"}))
	require.EqualValues(t, 1, found.sum("scratch_store_up", nil))
	require.Positive(t, found.sum("scratch_store_connections_max", labels{"pool": "write"}))
	require.Positive(t, found.sum("temporal_request_seconds", nil)+found.sum("temporal_request_latency_seconds", nil), "the SDK's own measures")
	require.Positive(t, found.sum("go_goroutines", nil))
	require.Positive(t, found.sum("process_resident_memory_bytes", nil))
}

// idForm is how ids of ours begin and go on.
var idForm = regexp.MustCompile(`\b[a-z]{3}_[0-9a-z]{20,}`)

func bounds(t *testing.T, s *scene, found measures, text []byte) {
	for name, family := range found {
		require.Less(t, len(family.GetMetric()), 400, "%s has too many series", name)
		for _, series := range family.GetMetric() {
			for _, label := range series.GetLabel() {
				require.NotRegexp(t, idForm, label.GetValue(), "%s has an id for a label", name)
				require.LessOrEqual(t, len(label.GetValue()), 100, name)
			}
		}
	}
	for _, word := range []string{s.snapshot.ID, s.table.ID, "nobody_has_this", "canary", "127.0.0.1", "Drill", "Measured"} {
		require.NotContains(t, string(text), word, "a measure holds what a user chose")
	}
	requireNoSecret(t, "the metrics", text)
}

// access: the API's own /metrics is for those who may operate.
func access(t *testing.T, p *product) {
	status, body, err := p.try(http.MethodGet, "/metrics", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, string(body), "scratch_build_info")
	reader := call[api.NewToken](p, http.MethodPost, "/api/v1/tokens", map[string]any{"name": "reader", "scopes": []string{"read"}})
	for token, want := range map[string]int{reader.Secret: http.StatusForbidden, "": http.StatusUnauthorized} {
		other := *p
		other.t, other.token = t, token
		status, body, err := other.tryWith(http.MethodGet, "/metrics", nil, nil)
		require.NoError(t, err)
		require.Equal(t, want, status, "%s", body)
		require.NotContains(t, string(body), "scratch_build_info")
	}
}

// query is one expression of the dashboard or the rules.
type query struct{ of, expr string }

// prometheusOwn are labels and measures that Prometheus makes at a scrape.
var (
	ownLabels   = []string{"job", "instance"}
	ownMeasures = []string{"up"}
)

// check names everything in a query that the scrape does not have.
func (q query) check(found measures) (wrong []string) {
	parsed, err := metricsql.Parse(q.expr)
	if err != nil {
		return []string{"is no query: " + err.Error()}
	}
	metricsql.VisitAll(parsed, func(e metricsql.Expr) {
		if selector, ok := e.(*metricsql.MetricExpr); ok {
			for _, filters := range selector.LabelFilterss {
				wrong = append(wrong, checkSelector(found, filters)...)
			}
		}
		if grouped, ok := e.(*metricsql.AggrFuncExpr); ok {
			wrong = append(wrong, checkGrouping(found, grouped)...)
		}
	})
	return wrong
}

func checkSelector(found measures, filters []metricsql.LabelFilter) (wrong []string) {
	name := ""
	for _, f := range filters {
		if f.Label == "__name__" {
			name = f.Value
		}
	}
	if slices.Contains(ownMeasures, name) {
		return nil
	}
	family, labels := found.family(name)
	if family == nil {
		return []string{"no measure " + name}
	}
	if family.GetType() == dto.MetricType_HISTOGRAM && family.GetName() == name {
		return []string{name + " is a histogram: ask for its _bucket, _sum or _count"}
	}
	for _, f := range filters {
		switch {
		case f.Label == "__name__", slices.Contains(ownLabels, f.Label):
		case !slices.Contains(labels, f.Label):
			wrong = append(wrong, name+" has no label "+f.Label)
		case f.Label == "status", f.IsNegative: // which answers were given is a matter of the day
		case f.IsRegexp:
			for _, value := range strings.Split(f.Value, "|") {
				wrong = append(wrong, checkValue(family, f.Label, value, regexp.MustCompile("^(?:"+value+")$"))...)
			}
		case f.Value != "":
			wrong = append(wrong, checkValue(family, f.Label, f.Value, regexp.MustCompile("^"+regexp.QuoteMeta(f.Value)+"$"))...)
		}
	}
	return wrong
}

func checkValue(family *dto.MetricFamily, label, value string, form *regexp.Regexp) []string {
	for _, series := range family.GetMetric() {
		if slices.ContainsFunc(valuesOf(series, label), form.MatchString) {
			return nil
		}
	}
	return []string{family.GetName() + " has no series with " + label + "=" + value}
}

// checkGrouping holds by (…) against the labels of what is grouped.
func checkGrouping(found measures, grouped *metricsql.AggrFuncExpr) (wrong []string) {
	known := slices.Clone(ownLabels)
	for _, arg := range grouped.Args {
		metricsql.VisitAll(arg, func(e metricsql.Expr) {
			if selector, ok := e.(*metricsql.MetricExpr); ok {
				for _, filters := range selector.LabelFilterss {
					for _, f := range filters {
						if f.Label == "__name__" {
							_, labels := found.family(f.Value)
							known = append(known, labels...)
						}
					}
				}
			}
		})
	}
	for _, label := range grouped.Modifier.Args {
		if !slices.Contains(known, label) {
			wrong = append(wrong, "what is grouped has no label "+label)
		}
	}
	return wrong
}

// family finds what a series belongs to, and the labels its series have.
func (m measures) family(name string) (*dto.MetricFamily, []string) {
	family := m[name]
	var labels []string
	for _, part := range []string{"_bucket", "_sum", "_count"} {
		whole, ok := strings.CutSuffix(name, part)
		if of := m[whole]; ok && of.GetType() == dto.MetricType_HISTOGRAM {
			family = of
			if part == "_bucket" {
				labels = append(labels, "le")
			}
		}
	}
	for _, series := range family.GetMetric() {
		for _, pair := range series.GetLabel() {
			labels = append(labels, pair.GetName())
		}
	}
	return family, labels
}

// dashboard gives the queries of every panel and variable.
func dashboard(t *testing.T) (queries []query) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "deploy", "grafana", "scratch.json"))
	require.NoError(t, err)
	type panel struct {
		Title   string
		Type    string
		Targets []struct{ Expr string }
	}
	var board struct {
		UID    string
		Panels []panel
	}
	require.NoError(t, json.Unmarshal(text, &board))
	require.NotEmpty(t, board.UID)
	for _, p := range board.Panels {
		require.True(t, p.Type == "row" || len(p.Targets) > 0, "panel %q asks for nothing", p.Title)
		for _, target := range p.Targets {
			queries = append(queries, query{of: p.Title, expr: strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")})
		}
	}
	return queries
}

// rules gives the alerts' conditions. Each says in words what it means, and
// where the runbook says what to do.
func rules(t *testing.T) (queries []query) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "deploy", "prometheus", "scratch.rules.yml"))
	require.NoError(t, err)
	runbook, err := os.ReadFile(filepath.Join("..", "docs", "operations.md"))
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert       string
				Expr        string
				For         string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
			require.Contains(t, []string{"page", "ticket"}, rule.Labels["severity"], rule.Alert)
			require.Contains(t, string(runbook), "`"+rule.Alert+"`", "the runbook does not say what to do")
			queries = append(queries, query{of: rule.Alert, expr: rule.Expr})
		}
	}
	return queries
}
