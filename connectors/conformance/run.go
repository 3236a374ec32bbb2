package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// patience bounds every call; a connector that hangs fails, it does not stop
// the suite.
const patience = 20 * time.Second

// promptly is how fast a cancel is to be heard (DESIGN §6: no request starts 2 s
// after).
const promptly = 2 * time.Second

// tester is the part of *testing.T that the suite uses, so that the suite can be
// tried on connectors that must fail it.
type tester interface {
	require.TestingT
	Helper()
	Logf(format string, args ...any)
	Cleanup(func())
	Run(name string, test func(tester)) bool
}

type standard struct{ *testing.T }

func (s standard) Run(name string, test func(tester)) bool {
	return s.T.Run(name, func(t *testing.T) { test(standard{t}) })
}

// Run holds a connector against the contract.
func Run(t *testing.T, s Subject) {
	t.Helper()
	run(standard{t}, s)
}

func run(t tester, s Subject) {
	for _, part := range []struct {
		name  string
		tests map[string]func(*check)
	}{
		{"definition", definitionTests},
		{"describe", describeTests},
		{"read", readTests},
		{"by id", byIDTests},
		{"since", sinceTests},
		{"write", writeTests},
		{"lost", lostTests},
		{"steps", stepTests},
		{"errors", errorTests},
	} {
		t.Run(part.name, func(t tester) {
			for name, test := range part.tests {
				t.Run(name, func(t tester) { test(begin(t, s)) })
			}
		})
	}
}

// check is one test under way: a fresh service and a connector on it.
type check struct {
	tester
	Subject
	ctx       context.Context //nolint:containedctx // the life of one test
	connector connectors.Connector
	records   int // the service holds

	mu   sync.Mutex
	errs []error // every error met, looked through for the canary at the end
}

func begin(t tester, s Subject) *check {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	c := &check{tester: t, Subject: s, ctx: ctx, records: 3*s.PageSize + 1}
	s.Service.Reset(c.records)
	c.connector = c.open()
	t.Cleanup(func() {
		cancel()
		c.noCanary()
	})
	return c
}

// open opens the connector anew, as another process would.
func (c *check) open() connectors.Connector {
	connector, err := c.Open()
	require.NoError(c, err, "the connector did not open")
	c.Cleanup(func() { require.NoError(c, connector.Close(), "Close failed") })
	return connector
}

// capability finds an interface of the connector, or ends the test as not
// applicable: which capabilities there are is held by the definition's tests.
func capability[T any](c *check) (T, bool) {
	found, ok := c.connector.(T)
	if !ok {
		c.Logf("not applicable: the connector is no %T", *new(T))
	}
	return found, ok
}

// can reports whether the service can have the fault, and says why not.
func (c *check) can(fault Fault) bool {
	if why, lacking := c.Lacks[fault]; lacking {
		require.NotEmpty(c, why, "Lacks must say why for %q", fault)
		c.Logf("not applicable: %s: %s", fault, why)
		return false
	}
	return true
}

func (c *check) schema() connectors.Schema {
	describer, ok := c.connector.(connectors.Describer)
	require.True(c, ok, "a connector describes its tables")
	schema, err := describer.Describe(c.ctx, c.Table, c.Settings)
	c.met(err)
	require.NoError(c, err)
	return schema
}

func (c *check) met(err error) {
	if err != nil && !errors.Is(err, io.EOF) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.errs = append(c.errs, err)
	}
}

// typed requires an error of the contract's type and of one of the kinds.
func (c *check) typed(err error, kinds ...connectors.Kind) *connectors.Error {
	c.Helper()
	c.met(err)
	require.Error(c, err)
	e, ok := connectors.AsError(err)
	require.True(c, ok, "the error is not typed: %v", err)
	c.whole(e)
	if len(kinds) > 0 {
		require.Contains(c, kinds, e.Kind, "%v", err)
	}
	return e
}

// whole requires what a person needs to act on an error.
func (c *check) whole(e *connectors.Error) {
	c.Helper()
	require.NotEmpty(c, e.Service, "the error does not say which service: %v", e)
	require.NotEmpty(c, e.Tried, "the error does not say what was tried: %v", e)
	require.LessOrEqual(c, len(e.Words), connectors.MaxServiceWords, "the service's words are not bounded")
	require.LessOrEqual(c, len(e.Error()), models.MaxProblemText)
}

// noCanary: Promise 10, no error tells the credential.
func (c *check) noCanary() {
	if c.Canary == "" {
		return
	}
	for _, err := range c.errs {
		texts := []string{err.Error(), fmt.Sprintf("%+v", err)}
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			texts = append(texts, cause.Error())
		}
		if e, ok := connectors.AsError(err); ok {
			problem, jsonErr := json.Marshal(e.Problem())
			require.NoError(c, jsonErr)
			texts = append(texts, string(problem), fmt.Sprintf("%+v", *e))
		}
		for _, text := range texts {
			require.NotContains(c, text, c.Canary, "an error tells the credential")
		}
	}
}
