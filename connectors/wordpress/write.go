package wordpress

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// call is one write as WordPress takes it, alone or as an item of a batch.
type call struct {
	item   connectors.WriteItem
	op     models.Operation
	method string
	route  string
	query  url.Values
	body   json.RawMessage // nil for none
}

// Create makes rows. Without a status WordPress makes drafts.
func (c *Connector) Create(ctx context.Context, schema connectors.Schema, items []connectors.WriteItem) ([]connectors.WriteResult, error) {
	return c.write(ctx, models.OpCreate, schema, items)
}

// Update changes the named cells of rows and no others.
func (c *Connector) Update(ctx context.Context, schema connectors.Schema, items []connectors.WriteItem) ([]connectors.WriteResult, error) {
	return c.write(ctx, models.OpUpdate, schema, items)
}

// Delete moves posts to the trash, and deletes terms, which have none.
func (c *Connector) Delete(ctx context.Context, schema connectors.Schema, items []connectors.WriteItem) ([]connectors.WriteResult, error) {
	return c.write(ctx, models.OpDelete, schema, items)
}

// write sends the items as batches where the site takes them, else one by one.
func (c *Connector) write(ctx context.Context, op models.Operation, schema connectors.Schema, items []connectors.WriteItem) ([]connectors.WriteResult, error) {
	if schema.ReadOnly {
		return nil, &connectors.Error{Kind: connectors.KindUnsupported, Service: Service, Tried: string(op) + " records", Table: schema.RemoteID, Reason: schema.Why}
	}
	if _, err := c.find(ctx); err != nil {
		return nil, err
	}
	w := &writer{c: c, schema: schema, plan: planRows(schema, false)}
	for _, item := range items {
		call, err := w.call(op, item)
		if err != nil {
			err.Record = item.RemoteID
			w.put(connectors.WriteResult{Key: item.Key, Outcome: connectors.Failed, Err: err})
			continue
		}
		w.calls = append(w.calls, call)
	}
	w.send(ctx)
	return w.results, nil
}

// writer carries one writing call through.
type writer struct {
	c       *Connector
	schema  connectors.Schema
	plan    *rowPlan
	calls   []call
	results []connectors.WriteResult
}

func (w *writer) put(r connectors.WriteResult) { w.results = append(w.results, r) }

func (w *writer) call(op models.Operation, item connectors.WriteItem) (call, *connectors.Error) {
	out := call{item: item, op: op, method: http.MethodPost, route: route(w.schema.RemoteID), query: url.Values{"_fields": {w.plan.wire}}}
	if kindOf(w.schema) == kindPosts {
		out.query.Set("context", "edit")
	}
	if op != models.OpCreate {
		out.route += "/" + item.RemoteID
	}
	if op == models.OpDelete {
		out.method = http.MethodDelete
		if kindOf(w.schema) == kindTerms {
			out.query.Set("force", "true") // terms have no trash
		}
		return out, nil
	}
	params, err := parameters(w.schema, item.Values)
	if err != nil {
		return out, err
	}
	out.body = encode(params)
	return out, nil
}

// encode writes JSON without escaping < and &: content goes out as it is.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("wordpress: parameters that are not JSON: " + err.Error())
	}
	return bytes.TrimSpace(b.Bytes())
}

// maxBatchBytes keeps a batch below the body limit that nginx has unless told
// otherwise, 1 MiB.
const maxBatchBytes = 900 << 10

// send works through the calls. After an answer that was lost, or that says
// the site wants no more for now, the rest is not sent: it is still planned.
func (w *writer) send(ctx context.Context) {
	for len(w.calls) > 0 {
		n := w.fit()
		var stop *connectors.Error
		if n > 1 && !w.c.noBatch.Load() {
			stop = w.batch(ctx, w.calls[:n])
			if stop == errNoBatch {
				continue
			}
		} else {
			n = 1
			stop = w.single(ctx, w.calls[0])
		}
		w.calls = w.calls[n:]
		if stop != nil {
			for _, left := range w.calls {
				w.put(connectors.WriteResult{Key: left.item.Key, Outcome: connectors.NotSent, Err: stop})
			}
			return
		}
	}
}

// fit is how many of the calls go into the next batch.
func (w *writer) fit() int {
	size := 0
	for i, call := range w.calls {
		size += len(call.body) + 200
		if i == batchSize || i > 0 && size > maxBatchBytes {
			return i
		}
	}
	return len(w.calls)
}

// single sends one call by itself. It returns the error after which nothing
// more should be sent.
func (w *writer) single(ctx context.Context, call call) *connectors.Error {
	answer, err := w.request(ctx, call, call.method)
	if call.method == http.MethodDelete && refusedMethod(err) {
		// The host lets no DELETE through. A 405 is a no: nothing was deleted.
		w.c.noDelete.Store(true)
		answer, err = w.request(ctx, call, call.method)
	}
	if err != nil {
		return w.failed(ctx, call, err)
	}
	body := json.RawMessage{}
	if err := answer.JSON(&body); err != nil {
		return w.failed(ctx, call, err)
	}
	w.put(w.applied(call, body))
	return nil
}

func refusedMethod(err error) bool {
	e, ok := connectors.AsError(err)
	return ok && e.Status == http.StatusMethodNotAllowed
}

func (w *writer) request(ctx context.Context, call call, method string) (*connectors.HTTPAnswer, error) {
	req := connectors.HTTPRequest{Method: method, Query: call.query, Tried: string(call.op) + " a record", Table: w.schema.RemoteID, Record: call.item.RemoteID}
	if method == http.MethodDelete && w.c.noDelete.Load() {
		req.Method = http.MethodPost
		req.Header = http.Header{"X-HTTP-Method-Override": {http.MethodDelete}}
	}
	if call.body != nil {
		req.Raw, req.ContentType = call.body, "application/json"
	}
	return w.c.do(ctx, call.route, req)
}

// failed settles a call whose request failed, and says whether to stop.
func (w *writer) failed(ctx context.Context, call call, err error) *connectors.Error {
	result := connectors.ResultOf(call.item.Key, err)
	if e := result.Err; e != nil {
		if call.op != models.OpCreate {
			e.Record = call.item.RemoteID
		}
		if result = w.reconsider(ctx, call, result); result.Outcome == connectors.Applied {
			w.put(result)
			return nil
		}
	}
	w.put(result)
	if result.Outcome == connectors.Unknown || result.Outcome == connectors.NotSent {
		stop := *result.Err
		stop.Record, stop.Column = "", ""
		return &stop
	}
	return nil
}

// reconsider turns refusals that mean success into it: a row already gone, a
// term that already exists.
func (w *writer) reconsider(ctx context.Context, call call, result connectors.WriteResult) connectors.WriteResult {
	e := result.Err
	switch {
	case call.op == models.OpDelete && (e.Code == "rest_already_trashed" || e.Code == "rest_post_invalid_id" || e.Code == "rest_term_invalid"):
		return connectors.WriteResult{Key: call.item.Key, Outcome: connectors.Applied, RemoteID: call.item.RemoteID, Note: "it was already gone at the site"}
	case call.op == models.OpCreate && e.Code == "term_exists":
		return w.adopt(ctx, call, result)
	case call.op == models.OpUpdate && (e.Code == "rest_post_invalid_id" || e.Code == "rest_term_invalid") && e.Status == http.StatusNotFound:
		e.Kind, e.Hint = connectors.KindNotFound, "It was deleted at the site meanwhile."
		e.Column = ""
	case e.Code == "empty_content" && len(call.body) > maxBatchBytes, e.Kind == connectors.KindTooLarge:
		e.Kind, e.Column = connectors.KindTooLarge, ""
		e.Hint = "The site's server takes no request as large as this (post_max_size, client_max_body_size). Shorten the content, or have the limit raised."
	}
	return result
}

// adopt takes the term that a create ran into: the site allows one of a name.
// What it holds is not changed; the note says where it differs.
func (w *writer) adopt(ctx context.Context, call call, refused connectors.WriteResult) connectors.WriteResult {
	id := refused.Err.Record
	if id == "" {
		return refused
	}
	found, err := w.c.ReadByIDs(ctx, w.schema, []string{id})
	if err != nil || len(found.Found) != 1 {
		return refused
	}
	stored := found.Found[0]
	result := connectors.WriteResult{Key: call.item.Key, Outcome: connectors.Applied, RemoteID: id, Stored: &stored, Note: "a term of this name was already there; it was taken"}
	if note, n := noteOn(w.schema, call.item.Values, stored.Fields); n > 0 {
		result.Note = models.Bound(result.Note+"; "+note, models.MaxProblemText)
	}
	return result
}

// applied settles a call that the site said yes to, with what it now holds.
func (w *writer) applied(call call, body json.RawMessage) connectors.WriteResult {
	result := connectors.WriteResult{Key: call.item.Key, Outcome: connectors.Applied, RemoteID: call.item.RemoteID}
	if call.op == models.OpDelete {
		return result
	}
	r, err := w.plan.one(body)
	if err != nil {
		if call.op == models.OpCreate {
			// It was made, and we cannot tell under which id.
			return connectors.WriteResult{Key: call.item.Key, Outcome: connectors.Unknown, Err: w.itemError(call, connectors.KindAmbiguous, "answer_unexpected", err.Error())}
		}
		return result // the caller reads back
	}
	result.RemoteID = r.record.RemoteID
	if call.op == models.OpUpdate && result.RemoteID != call.item.RemoteID {
		result.RemoteID = call.item.RemoteID
		return result
	}
	result.Stored = &r.record
	note, differing := noteOn(w.schema, call.item.Values, r.record.Fields)
	result.Note = note
	if r.status == "trash" {
		result.Note = "somebody moved it to the trash at the site meanwhile; it was changed there"
	}
	if differing == len(call.item.Values) && len(call.body) > maxBatchBytes && call.op == models.OpUpdate {
		// PHP read a body over post_max_size as no parameters at all, and the
		// site saved nothing with a 200.
		e := w.itemError(call, connectors.KindTooLarge, "parameters_dropped", "the site said yes and stored none of the values")
		e.Hint = "Its server drops requests as large as this (post_max_size). Shorten the content, or have the limit raised."
		return connectors.WriteResult{Key: call.item.Key, Outcome: connectors.Failed, RemoteID: call.item.RemoteID, Stored: result.Stored, Err: e}
	}
	return result
}

func (w *writer) itemError(call call, kind connectors.Kind, code, reason string) *connectors.Error {
	return &connectors.Error{
		Kind: kind, Service: Service, Tried: string(call.op) + " a record", Table: w.schema.RemoteID, Record: call.item.RemoteID,
		Code: code, Reason: models.Bound(reason, connectors.MaxServiceWords),
	}
}

// restPath is a call's path as a batch names it.
func (c call) restPath() string {
	return "/" + strings.TrimPrefix(c.route, "/") + "?" + c.query.Encode()
}
