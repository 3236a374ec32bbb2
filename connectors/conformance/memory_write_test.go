package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

const batch = 4

// each sends items one by one, as a service without batches is written to, and
// stops at the first answer that says more than something about its item.
func (m *memory) each(ctx context.Context, items []connectors.WriteItem, tried string, do func(connectors.WriteItem) connectors.WriteResult) ([]connectors.WriteResult, error) {
	var results []connectors.WriteResult
	for i, item := range items {
		if err := m.request(ctx, tried, false); err != nil {
			r := connectors.ResultOf(item.Key, err)
			if m.is("calls a rate limit a failure") && r.Outcome == connectors.NotSent {
				r.Outcome = connectors.Failed
			}
			results = append(results, r)
			return append(results, connectors.NotSentResults(items[i+1:], err)...), nil
		}
		result := m.once(item, tried, do)
		if m.is("sends again what was lost") && result.Outcome == connectors.Unknown {
			result = m.once(item, tried, do)
		}
		if m.is("calls a lost answer a failure") && result.Outcome == connectors.Unknown {
			result.Outcome = connectors.Failed
			result.Err.Kind = connectors.KindUnavailable
		}
		if m.is("calls a lost answer applied") && result.Outcome == connectors.Unknown {
			result = connectors.WriteResult{Key: item.Key, Outcome: connectors.Applied, RemoteID: "1"}
		}
		if result.Outcome == connectors.Failed && m.is("fails a batch for one item") {
			return connectors.ResultsOf(items, result.Err), nil
		}
		if result.Outcome == connectors.Failed && m.is("says nothing of a refused item") {
			continue
		}
		results = append(results, result)
	}
	if len(results) > 0 && m.is("returns an error after writing") {
		return nil, m.fail(connectors.KindInternal, tried)
	}
	return results, nil
}

// once is one request that reached the service.
func (m *memory) once(item connectors.WriteItem, tried string, do func(connectors.WriteItem) connectors.WriteResult) connectors.WriteResult {
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	if _, struck := m.b.strike(FaultNothing); struck {
		return connectors.ResultOf(item.Key, m.fail(connectors.KindAmbiguous, tried))
	}
	result := do(item)
	if _, struck := m.b.strike(FaultLost); struck {
		return connectors.ResultOf(item.Key, m.fail(connectors.KindAmbiguous, tried))
	}
	return result
}

func (m *memory) Create(ctx context.Context, _ connectors.Schema, items []connectors.WriteItem) ([]connectors.WriteResult, error) {
	if m.is("writes though it was cancelled") && ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	return m.each(ctx, items, "create", func(item connectors.WriteItem) connectors.WriteResult {
		if string(item.Values["title"]) == `"refused"` {
			return connectors.ResultOf(item.Key, m.fail(connectors.KindInvalid, "create"))
		}
		values := maps.Clone(item.Values)
		if m.is("stores something else") {
			values["note"] = text("else")
		}
		id := m.b.add(values, time.Now())
		m.b.writes++
		return connectors.WriteResult{Key: item.Key, Outcome: connectors.Applied, RemoteID: strconv.Itoa(id)}
	})
}

func (m *memory) Update(ctx context.Context, _ connectors.Schema, items []connectors.WriteItem) ([]connectors.WriteResult, error) {
	return m.each(ctx, items, "update", func(item connectors.WriteItem) connectors.WriteResult {
		id, _ := strconv.Atoi(item.RemoteID)
		r, ok := m.b.rows[id]
		if !ok {
			return connectors.ResultOf(item.Key, m.fail(connectors.KindNotFound, "update"))
		}
		if m.is("replaces the whole record") {
			r.values = models.Fields{}
		}
		for name, value := range item.Values {
			if string(value) == `""` && m.is("does not clear") {
				continue
			}
			r.values[name] = value
		}
		m.b.clock++
		m.b.writes++
		r.changed = m.b.clock
		return connectors.WriteResult{Key: item.Key, Outcome: connectors.Applied}
	})
}

func (m *memory) Delete(ctx context.Context, _ connectors.Schema, items []connectors.WriteItem) ([]connectors.WriteResult, error) {
	return m.each(ctx, items, "delete", func(item connectors.WriteItem) connectors.WriteResult {
		id, _ := strconv.Atoi(item.RemoteID)
		if _, ok := m.b.rows[id]; !ok {
			if m.is("fails to delete what is gone") {
				return connectors.ResultOf(item.Key, m.fail(connectors.KindNotFound, "delete"))
			}
			return connectors.WriteResult{Key: item.Key, Outcome: connectors.Applied}
		}
		delete(m.b.rows, id)
		m.b.writes++
		return connectors.WriteResult{Key: item.Key, Outcome: connectors.Applied}
	})
}

func (m *memory) FindCreated(_ context.Context, _ connectors.Schema, items []connectors.FindItem) ([]connectors.FindResult, error) {
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	var results []connectors.FindResult
	for _, item := range items {
		found := connectors.FindResult{Key: item.Key, Settled: true}
		for id, r := range m.b.rows {
			if r.created.Before(item.After) || !same(item.Values, r.values) && !m.is("finds what was never created") {
				continue
			}
			found.Candidates = append(found.Candidates, m.record(id, r))
			if m.is("finds one of two") {
				break
			}
		}
		if m.is("finds nothing") {
			found.Candidates = nil
		}
		results = append(results, found)
	}
	return results, nil
}

func same(want, got models.Fields) bool {
	for name, value := range want {
		if string(got[name]) != string(value) {
			return false
		}
	}
	return true
}

// Publishing is a step of its own here, so that steps are tried too.
func (m *memory) Steps(op models.Operation, _ connectors.Schema, _ connectors.WriteItem) []string {
	if op == models.OpCreate {
		return []string{"publish"}
	}
	return nil
}

func (m *memory) Step(ctx context.Context, _ string, _ connectors.Schema, items []connectors.WriteItem) ([]connectors.WriteResult, error) {
	return m.each(ctx, items, "publish", func(item connectors.WriteItem) connectors.WriteResult {
		id, _ := strconv.Atoi(item.RemoteID)
		m.b.rows[id].values["published"] = json.RawMessage("true")
		m.b.writes++
		return connectors.WriteResult{Key: item.Key, Outcome: connectors.Applied}
	})
}

func (m *memory) StepDone(_ context.Context, _ string, _ connectors.Schema, items []connectors.WriteItem) ([]connectors.WriteResult, error) {
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	var results []connectors.WriteResult
	for _, item := range items {
		id, _ := strconv.Atoi(item.RemoteID)
		r := connectors.WriteResult{Key: item.Key, Outcome: connectors.Applied}
		if string(m.b.rows[id].values["published"]) != "true" && !m.is("calls every step done") {
			r = connectors.WriteResult{Key: item.Key, Outcome: connectors.Failed, Err: m.fail(connectors.KindInternal, "look for publish")}
		}
		results = append(results, r)
	}
	return results, nil
}

// bare is the connector without what creates need to be safe.
type bare struct{ *memory }

func (bare) FindCreated() {}

func memorySubject(breaks broken) Subject {
	b := &backend{}
	open := func() (connectors.Connector, error) {
		m := &memory{b: b, breaks: breaks}
		if breaks == "cannot find what it creates" {
			return bare{m}, nil
		}
		return m, nil
	}
	sample, _ := open()
	definition := connectors.Definition{
		Service: "memory", Title: "Memory", About: "Rows in memory.", Credential: json.RawMessage(`{"type":"object"}`),
		Capabilities: connectors.CapabilitiesOf(sample),
		Limits: connectors.Limits{
			PageSize: pageSize, PagesAhead: 1, ReadByIDs: 10, RequestTimeout: time.Second,
			CreateBatch: batch, UpdateBatch: batch, DeleteBatch: batch,
		},
		Open: func(connectors.Dependencies, json.RawMessage) (connectors.Connector, error) {
			return nil, errors.New("opened by the subject")
		},
	}
	if breaks == "promises what it cannot do" {
		definition.Capabilities.Prepare = true
	}
	return Subject{
		Definition: definition, Open: open, Table: "rows", Canary: canary, PageSize: pageSize,
		Sample: func(n int) models.Fields {
			return models.Fields{"title": text("New " + strconv.Itoa(n)), "count": json.RawMessage(`"1.0"`), "note": text("x")}
		},
		Change: func(n int) models.Fields {
			return models.Fields{"title": text("Changed " + strconv.Itoa(n)), "note": text("y")}
		},
		Clear:   models.Fields{"note": text(""), "count": json.RawMessage("null")},
		Refused: models.Fields{"title": text("refused")},
		Service: b.service(),
	}
}
