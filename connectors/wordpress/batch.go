package wordpress

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

type batchRequest struct {
	Validation string      `json:"validation"`
	Requests   []batchCall `json:"requests"`
}

type batchCall struct {
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Body   json.RawMessage `json:"body,omitempty"`
}

type batchAnswer struct {
	Failed    string           `json:"failed"`
	Responses []*batchResponse `json:"responses"`
}

type batchResponse struct {
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
}

// errNoBatch says that the site has no batch route: nothing was written, and
// the calls go one by one.
var errNoBatch = &connectors.Error{Kind: connectors.KindUnsupported, Service: Service, Tried: "send a batch"}

// batch sends up to 25 calls in one request. Each has an outcome of its own:
// WordPress rolls nothing back.
func (w *writer) batch(ctx context.Context, calls []call) *connectors.Error {
	req := batchRequest{Validation: "normal"}
	for _, call := range calls {
		req.Requests = append(req.Requests, batchCall{Method: call.method, Path: call.restPath(), Body: call.body})
	}
	answer, err := w.c.do(ctx, "batch/v1", connectors.HTTPRequest{
		Method: http.MethodPost, Raw: encode(req), ContentType: "application/json", Tried: "send a batch of " + w.schema.RemoteID, Table: w.schema.RemoteID,
	})
	var got batchAnswer
	if err == nil {
		err = answer.JSON(&got)
	}
	if err != nil {
		return w.batchFailed(calls, err)
	}
	if got.Failed != "" {
		return w.wholly(calls, connectors.Unknown, &connectors.Error{
			Kind: connectors.KindAmbiguous, Service: Service, Tried: "send a batch", Table: w.schema.RemoteID,
			Code: "batch_failed", Reason: "the site says that the batch failed, without saying what it did",
		})
	}
	var stop *connectors.Error
	for i, call := range calls {
		if i >= len(got.Responses) || got.Responses[i] == nil {
			w.put(connectors.WriteResult{Key: call.item.Key, Outcome: connectors.Unknown, Err: w.itemError(call, connectors.KindAmbiguous, "answer_missing", "the batch's answer says nothing of this record")})
			continue
		}
		if halt := w.settle(ctx, call, *got.Responses[i]); halt != nil {
			stop = halt
		}
	}
	return stop
}

// batchFailed settles calls whose batch was refused or lost as a whole.
func (w *writer) batchFailed(calls []call, err error) *connectors.Error {
	e, ok := connectors.AsError(err)
	if !ok {
		return w.wholly(calls, connectors.Unknown, &connectors.Error{Kind: connectors.KindAmbiguous, Service: Service, Tried: "send a batch", Cause: err})
	}
	switch {
	case e.Kind == connectors.KindAmbiguous:
		return w.wholly(calls, connectors.Unknown, e)
	case e.Code == "rest_no_route", e.Code == "rest_batch_not_allowed", e.Kind == connectors.KindUnsupported, e.Code == "answer_html" && e.Status == http.StatusNotFound,
		e.Kind == connectors.KindTooLarge, e.Code == "rest_invalid_param", e.Code == "rest_missing_callback_param":
		// A no to the whole batch: nothing was written, so each may go by itself.
		w.c.noBatch.Store(true)
		return errNoBatch
	}
	return w.wholly(calls, connectors.NotSent, e)
}

// wholly gives every call the same outcome and stops.
func (w *writer) wholly(calls []call, outcome connectors.Outcome, e *connectors.Error) *connectors.Error {
	for _, call := range calls {
		w.put(connectors.WriteResult{Key: call.item.Key, Outcome: outcome, Err: e})
	}
	return e
}

// settle gives one item of a batch its outcome.
func (w *writer) settle(ctx context.Context, call call, r batchResponse) *connectors.Error {
	if r.Status >= 200 && r.Status < 300 {
		w.put(w.applied(call, r.Body))
		return nil
	}
	e := w.itemError(call, kindOfStatus(r.Status), "", "")
	e.Status = r.Status
	refine(r.Status, r.Body, e)
	e.Words = models.Bound(w.c.client.Redact(e.Words), connectors.MaxServiceWords)
	if e.Code == "rest_batch_not_allowed" || e.Code == "rest_no_route" {
		// The route is closed to batches, or the batch route knows it not: this
		// item was not written and goes by itself.
		w.c.noBatch.Store(true)
		return w.single(ctx, call)
	}
	return w.failed(ctx, call, e)
}

// kindOfStatus types an item's error before its code is read. Promise 5: a 5xx
// leaves open whether the row was stored before something died.
func kindOfStatus(status int) connectors.Kind {
	switch {
	case status == http.StatusTooManyRequests:
		return connectors.KindRateLimited
	case status == http.StatusConflict:
		return connectors.KindConflict
	case status >= 500 && status != http.StatusNotImplemented:
		return connectors.KindAmbiguous
	}
	return connectors.KindInvalid
}
