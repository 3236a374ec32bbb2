package fake

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// maxBatch is core's default limit of requests in one batch.
const maxBatch = 25

type batchItem struct {
	Method  string                     `json:"method"`
	Path    string                     `json:"path"`
	Body    map[string]json.RawMessage `json:"body"`
	Headers map[string]string          `json:"headers"`
}

type batchAnswer struct {
	Body    json.RawMessage   `json:"body"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
}

// batch is serve_batch_request_v1: every item on its own, nothing is rolled
// back; under require-all-validate nothing runs unless every item could.
func (s *Server) batch(q *request) (*reply, *apiError) {
	items, err := q.batchItems()
	if err != nil {
		return nil, err
	}
	validation, ok, err := q.str("validation")
	if err != nil {
		return nil, err
	}
	if ok && validation != "normal" && validation != "require-all-validate" {
		return nil, invalidParam("validation", "validation is not one of require-all-validate and normal.")
	}
	calls := make([]*request, len(items))
	refused := make([]*apiError, len(items))
	failed := false
	for i, item := range items {
		calls[i], refused[i] = s.batchCall(q, item)
		failed = failed || refused[i] != nil
	}
	if failed && validation == "require-all-validate" {
		return failedValidation(refused), nil
	}
	answers := make([]json.RawMessage, len(items))
	out := newReply(http.StatusMultiStatus, nil)
	for i, call := range calls {
		var r *reply
		switch {
		case refused[i] != nil:
			r = refused[i].reply()
		case q.effect.applyItems > 0 && q.applied >= q.effect.applyItems:
			// The server died half-way through the batch.
			continue
		default:
			r = s.route(call)
		}
		if len(r.changes) > 0 {
			q.applied++
		}
		for _, c := range r.changes {
			c.Item = i
			out.changes = append(out.changes, c)
		}
		answers[i] = batchBody(r)
	}
	out.body = mustJSON(map[string]any{"responses": answers})
	return out, nil
}

func (q *request) batchItems() ([]batchItem, *apiError) {
	raw, ok := q.param("requests")
	if !ok {
		return nil, missingParams("requests")
	}
	var items []batchItem
	if json.Unmarshal(raw, &items) != nil {
		return nil, invalidType("requests", "array")
	}
	if len(items) > maxBatch {
		return nil, invalidParam("requests", "requests must contain at most 25 items.")
	}
	for _, item := range items {
		switch item.Method {
		case "", "POST", "PUT", "PATCH", "DELETE":
		default:
			return nil, invalidParam("requests", "requests[0][method] is not one of POST, PUT, PATCH, and DELETE.")
		}
	}
	return items, nil
}

// batchCall makes a request of a batch item, or says why the batch may not
// carry it.
func (s *Server) batchCall(q *request, item batchItem) (*request, *apiError) {
	path, query, _ := strings.Cut(item.Path, "?")
	values, perr := url.ParseQuery(query)
	if perr != nil {
		return nil, fail(http.StatusBadRequest, "parse_path_failed", "Could not parse the path.")
	}
	method := item.Method
	if method == "" {
		method = http.MethodPost
	}
	base, _, _ := strings.Cut(strings.TrimPrefix(path, "/wp/v2/"), "/")
	if !strings.HasPrefix(path, "/wp/v2/") || s.typeByBase(base) == nil && s.taxByBase(base) == nil {
		return nil, noRoute()
	}
	if base == "media" || s.opt.BatchRefusesPosts {
		return nil, fail(http.StatusBadRequest, "rest_batch_not_allowed", "The requested route does not support batch requests.")
	}
	return &request{method: method, route: path, query: values, json: item.Body, header: q.header, base: q.base, user: q.user}, nil
}

func failedValidation(refused []*apiError) *reply {
	answers := make([]json.RawMessage, len(refused))
	for i, e := range refused {
		answers[i] = json.RawMessage("null")
		if e != nil {
			answers[i] = batchBody(e.reply())
		}
	}
	return jsonReply(http.StatusMultiStatus, map[string]any{"failed": "validation", "responses": answers})
}

func batchBody(r *reply) json.RawMessage {
	headers := map[string]string{}
	for _, h := range []string{"Location", "Allow"} {
		if v := r.header.Get(h); v != "" {
			headers[h] = v
		}
	}
	return mustJSON(batchAnswer{Body: r.body, Status: r.status, Headers: headers})
}
