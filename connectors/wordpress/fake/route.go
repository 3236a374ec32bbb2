package fake

import (
	"net/http"
	"strconv"
	"strings"
)

// route dispatches one call. It runs with the lock held.
func (s *Server) route(q *request) *reply {
	r, err := s.dispatch(q)
	if err != nil {
		return err.reply()
	}
	return r
}

func (s *Server) dispatch(q *request) (*reply, *apiError) {
	switch q.route {
	case "/":
		return s.index(q)
	case "/batch/v1":
		return s.batchRoute(q)
	}
	rest, ok := strings.CutPrefix(q.route, "/wp/v2")
	if !ok {
		return nil, noRoute()
	}
	parts := strings.Split(strings.Trim(rest, "/"), "/")
	if q.method == http.MethodOptions {
		return s.options(q, parts)
	}
	switch parts[0] {
	case "":
		return s.index(q)
	case "types", "taxonomies", "statuses", "settings":
		if q.method != http.MethodGet {
			return nil, noRoute()
		}
		return s.describe(q, parts)
	case "users":
		return s.userRoute(q, parts)
	}
	if t := s.typeByBase(parts[0]); t != nil {
		return s.postRoute(q, t, parts)
	}
	if tax := s.taxByBase(parts[0]); tax != nil {
		return s.termRoute(q, tax, parts)
	}
	return nil, noRoute()
}

func (s *Server) batchRoute(q *request) (*reply, *apiError) {
	if s.opt.NoBatch {
		return nil, noRoute()
	}
	switch q.method {
	case http.MethodPost:
		return s.batch(q)
	case http.MethodOptions:
		return jsonReply(http.StatusOK, map[string]any{"namespace": "", "methods": []string{"POST"}, "endpoints": []any{map[string]any{
			"methods": []string{"POST"}, "args": map[string]any{
				"validation": map[string]any{"type": "string", "enum": []string{"require-all-validate", "normal"}, "default": "normal"},
				"requests":   map[string]any{"type": "array", "maxItems": maxBatch, "required": true},
			},
		}}}), nil
	}
	return nil, noRoute()
}

func (s *Server) userRoute(q *request, parts []string) (*reply, *apiError) {
	if q.method != http.MethodGet {
		return nil, noRoute()
	}
	switch len(parts) {
	case 1:
		return s.listUsers(q)
	case 2:
		return s.getUser(q, parts[1])
	}
	if len(parts) == 4 && parts[2] == "application-passwords" && parts[3] == "introspect" {
		return s.introspect(q)
	}
	return nil, noRoute()
}

// objectID reads the id of /base/{id}; ok is false when the route has none.
func objectID(parts []string) (id int64, ok bool, err *apiError) {
	if len(parts) == 1 {
		return 0, false, nil
	}
	id, perr := strconv.ParseInt(parts[1], 10, 64)
	if len(parts) > 2 || perr != nil || id < 1 {
		return 0, false, noRoute()
	}
	return id, true, nil
}

func (s *Server) postRoute(q *request, t *Type, parts []string) (*reply, *apiError) {
	id, one, err := objectID(parts)
	if err != nil {
		return nil, err
	}
	switch {
	case q.method == http.MethodGet && !one:
		return s.listPosts(q, t)
	case q.method == http.MethodGet:
		return s.getPost(q, t, id)
	case q.method == http.MethodPost && !one && t.Slug == "attachment":
		return s.createMedia(q, t)
	case q.method == http.MethodPost && !one:
		return s.createPost(q, t)
	case isUpdate(q.method) && one:
		return s.updatePost(q, t, id)
	case q.method == http.MethodDelete && one:
		return s.deletePost(q, t, id)
	}
	return nil, noRoute()
}

func (s *Server) termRoute(q *request, tax *Taxonomy, parts []string) (*reply, *apiError) {
	id, one, err := objectID(parts)
	if err != nil {
		return nil, err
	}
	switch {
	case q.method == http.MethodGet && !one:
		return s.listTerms(q, tax)
	case q.method == http.MethodGet:
		return s.getTerm(q, tax, id)
	case q.method == http.MethodPost && !one:
		return s.createTerm(q, tax)
	case isUpdate(q.method) && one:
		return s.updateTerm(q, tax, id)
	case q.method == http.MethodDelete && one:
		return s.deleteTerm(q, tax, id)
	}
	return nil, noRoute()
}

func isUpdate(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}
