package testkit

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// CollectorToken is what the collector asks for, raw, as Logfire does.
const CollectorToken = "write token 4711 of the collector"

// Collector takes traces over OTLP/HTTP as Logfire and others do: protobuf,
// compressed, behind a token.
type Collector struct {
	t testing.TB
	// Address is the base that /v1/traces is below.
	Address string

	mu       sync.Mutex
	spans    []*Span
	raw      []byte
	resource map[string]string
	refused  int
}

// Span is one span as it came in. Ids are in hexadecimal digits.
type Span struct {
	Trace, ID, Parent string
	Name              string
	Attributes        map[string]string
	Failed            bool
}

// NewCollector starts a collector that the test's end stops.
func NewCollector(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{t: t}
	server := httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(server.Close)
	c.Address = server.URL
	return c
}

// Environ makes a product send its traces here, with its token.
func (c *Collector) Environ() []string {
	return []string{
		"SCRATCH_OTLP_ENDPOINT=" + c.Address,
		"SCRATCH_OTLP_HEADERS=Authorization=" + strings.ReplaceAll(CollectorToken, " ", "%20"),
	}
}

func (c *Collector) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil && r.Header.Get("Content-Encoding") == "gzip" {
		var unzip *gzip.Reader
		if unzip, err = gzip.NewReader(strings.NewReader(string(body))); err == nil {
			body, err = io.ReadAll(unzip)
		}
	}
	var request coltracepb.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != CollectorToken:
		c.refused++
		w.WriteHeader(http.StatusUnauthorized)
	case err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf":
		c.t.Errorf("the collector was sent %s %s as %s: %v", r.Method, r.URL.Path, r.Header.Get("Content-Type"), err)
		w.WriteHeader(http.StatusBadRequest)
	default:
		c.raw = append(c.raw, body...)
		for _, of := range request.GetResourceSpans() {
			c.resource = texts(of.GetResource().GetAttributes())
			for _, scope := range of.GetScopeSpans() {
				for _, s := range scope.GetSpans() {
					c.spans = append(c.spans, &Span{
						Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()),
						Name: s.GetName(), Attributes: texts(s.GetAttributes()),
						Failed: s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR,
					})
				}
			}
		}
		w.WriteHeader(http.StatusOK) // an empty body is a yes
	}
}

func texts(attributes []*commonpb.KeyValue) map[string]string {
	out := map[string]string{}
	for _, a := range attributes {
		switch v := a.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			out[a.GetKey()] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			out[a.GetKey()] = strconv.FormatInt(v.IntValue, 10)
		default:
			out[a.GetKey()] = fmt.Sprint(a.GetValue())
		}
	}
	return out
}

// Trace gives the spans of one trace, by their ids; a span that was sent twice is
// a failure.
func (c *Collector) Trace(id string) map[string]*Span {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]*Span{}
	for _, s := range c.spans {
		if s.Trace != id {
			continue
		}
		if out[s.ID] != nil {
			c.t.Errorf("span %s of %s was sent twice", s.ID, s.Name)
		}
		out[s.ID] = s
	}
	return out
}

// Spans gives all of them, of all traces.
func (c *Collector) Spans() []*Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Everything is what was sent, as it was sent but unpacked.
func (c *Collector) Everything() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]byte(nil), c.raw...)
}

// Resource is what the last sender said of itself.
func (c *Collector) Resource() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resource
}

// Refused counts requests without the token.
func (c *Collector) Refused() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

// Path names the spans from the trace's beginning to this one; whole is false
// where one of them is missing. What lies above the span root, "" for none, is
// another's.
func Path(spans map[string]*Span, s *Span, root string) (names []string, whole bool) {
	for range 50 {
		names = append([]string{s.Name}, names...)
		if s.Parent == root {
			return names, true
		}
		above, found := spans[s.Parent]
		if !found {
			return names, false
		}
		s = above
	}
	return names, false
}

// Tree draws a trace, for whoever reads a failure.
func Tree(spans map[string]*Span, root string) string {
	var lines []string
	for _, s := range spans {
		names, whole := Path(spans, s, root)
		lines = append(lines, fmt.Sprintf("%v %s", whole, strings.Join(names, " > ")))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
