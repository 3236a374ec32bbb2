package fake

import (
	"net/http"
	"slices"
	"sort"
	"strings"
)

// postFilter is a list request's selection, checked.
type postFilter struct {
	key      string
	statuses map[string]bool
	any      bool
	include  []int64
	exclude  map[int64]bool
	slugs    []string
	search   string
	columns  []string
	authors  map[int64]bool
	parents  map[int64]bool
	terms    map[string][]int64
	notTerms map[string][]int64
	bounds   map[string]string
	sticky   *bool
	orderBy  string
	desc     bool
}

var (
	postStatuses = []string{"publish", "future", "draft", "pending", "private"}
	listStatuses = append([]string{"any", "trash", "auto-draft", "inherit", "request-pending", "request-confirmed", "request-failed", "request-completed"}, postStatuses...)
	postOrders   = []string{"author", "date", "id", "include", "modified", "parent", "relevance", "slug", "include_slugs", "title", "menu_order"}
)

func (s *Server) postFilter(q *request, t *Type) (*postFilter, *apiError) {
	f := &postFilter{key: t.Slug + "?" + filterKey(q.query), orderBy: "date", desc: true}
	steps := []func(*request, *Type) *apiError{
		func(q *request, t *Type) *apiError { return s.readStatuses(f, q, t) },
		f.readIDs, f.readTexts,
		func(q *request, t *Type) *apiError { return s.readTerms(f, q, t) },
		func(q *request, _ *Type) *apiError { return s.readBounds(f, q) },
		f.readOrder,
	}
	for _, step := range steps {
		if err := step(q, t); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// filterKey names a selection apart from its paging.
func filterKey(v map[string][]string) string {
	keys := make([]string, 0, len(v))
	for k := range v {
		switch k {
		case "page", "offset", "per_page", "_fields", "context", "_", "rest_route", "_locale":
		default:
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(k + "=" + strings.Join(v[k], "\x00") + "&")
	}
	return b.String()
}

func (s *Server) readStatuses(f *postFilter, q *request, t *Type) *apiError {
	words, ok := q.words("status")
	if t.Slug == "attachment" {
		f.statuses = map[string]bool{"inherit": true}
		if ok && slices.Contains(words, "trash") {
			f.statuses["trash"] = true
		}
		return nil
	}
	if !ok {
		words = []string{"publish"}
	}
	f.statuses = map[string]bool{}
	for _, w := range words {
		if !slices.Contains(listStatuses, w) {
			return invalidParam("status", "status[0] is not one of "+strings.Join(listStatuses, ", ")+".")
		}
		if w != "publish" && !s.can(q.user, capOf("edit", t.Slug)) && (w != "private" || !s.can(q.user, capOf("read_private", t.Slug))) {
			e := invalidParam("status", "Status is forbidden.")
			e.Data["details"] = map[string]any{"status": map[string]any{
				"code": "rest_forbidden_status", "message": "Status is forbidden.",
				"data": map[string]any{"status": forbidden(q.user, "", "").status()},
			}}
			return e
		}
		if w == "any" {
			f.any = true
		}
		f.statuses[w] = true
	}
	return nil
}

func (f *postFilter) readIDs(q *request, _ *Type) *apiError {
	sets := map[string]*map[int64]bool{"exclude": &f.exclude, "author": &f.authors, "parent": &f.parents}
	for name, set := range sets {
		ids, ok, err := q.integers(name)
		if err != nil {
			return err
		}
		if ok {
			*set = map[int64]bool{}
			for _, id := range ids {
				(*set)[id] = true
			}
		}
	}
	ids, ok, err := q.integers("include")
	if err != nil {
		return err
	}
	// Core ignores an empty include.
	if ok && len(ids) > 0 {
		f.include = ids
	}
	return nil
}

func (f *postFilter) readTexts(q *request, _ *Type) *apiError {
	f.slugs, _ = q.words("slug")
	f.columns, _ = q.words("search_columns")
	var err *apiError
	if f.search, _, err = q.str("search"); err != nil {
		return err
	}
	if v, ok, err := q.boolean("sticky"); err != nil {
		return err
	} else if ok {
		f.sticky = &v
	}
	return nil
}

func (s *Server) readTerms(f *postFilter, q *request, t *Type) *apiError {
	f.terms, f.notTerms = map[string][]int64{}, map[string][]int64{}
	for _, slug := range t.Taxonomies {
		tax := s.taxBySlug(slug)
		if tax == nil {
			continue
		}
		if ids, ok, err := q.integers(tax.RestBase); err != nil {
			return err
		} else if ok {
			f.terms[slug] = ids
		}
		if ids, ok, err := q.integers(tax.RestBase + "_exclude"); err != nil {
			return err
		} else if ok {
			f.notTerms[slug] = ids
		}
	}
	return nil
}

func (s *Server) readBounds(f *postFilter, q *request) *apiError {
	f.bounds = map[string]string{}
	for _, name := range []string{"after", "before", "modified_after", "modified_before"} {
		wall, ok, err := q.instant(name, s.opt.Timezone)
		if err != nil {
			return err
		}
		if ok {
			f.bounds[name] = wall
		}
	}
	return nil
}

func (f *postFilter) readOrder(q *request, _ *Type) *apiError {
	if v, ok, err := q.str("orderby"); err != nil {
		return err
	} else if ok {
		if !slices.Contains(postOrders, v) {
			return invalidParam("orderby", "orderby is not one of "+strings.Join(postOrders, ", ")+".")
		}
		f.orderBy = v
	}
	if v, ok, err := q.str("order"); err != nil {
		return err
	} else if ok {
		if v != "asc" && v != "desc" {
			return invalidParam("order", "order is not one of asc and desc.")
		}
		f.desc = v == "desc"
	}
	if f.orderBy == "include" && f.include == nil {
		return fail(http.StatusBadRequest, "rest_orderby_include_missing_include", "You need to define an include parameter to order by include.")
	}
	if f.orderBy == "relevance" && f.search == "" {
		return fail(http.StatusBadRequest, "rest_no_search_term_defined", "You need to define a search term to order by relevance.")
	}
	return nil
}

func (f *postFilter) match(p *Post) bool {
	if !f.statuses[p.Status] && (!f.any || p.Status == "trash" || p.Status == "auto-draft") {
		return false
	}
	if f.exclude[p.ID] || f.authors != nil && !f.authors[p.Author] || f.parents != nil && !f.parents[p.Parent] {
		return false
	}
	if f.sticky != nil && *f.sticky != p.Sticky || len(f.slugs) > 0 && !slices.Contains(f.slugs, p.Slug) {
		return false
	}
	if len(f.bounds) > 0 && !f.inBounds(p) {
		return false
	}
	for tax, ids := range f.terms {
		if !overlaps(p.Terms[tax], ids) {
			return false
		}
	}
	for tax, ids := range f.notTerms {
		if overlaps(p.Terms[tax], ids) {
			return false
		}
	}
	return f.search == "" || f.found(p)
}

// inBounds compares wall clocks, exclusively: WordPress looks at the site-local
// columns, which is why an hour is ambiguous in autumn.
func (f *postFilter) inBounds(p *Post) bool {
	if b := f.bounds["after"]; b != "" && p.DateLocal <= b {
		return false
	}
	if b := f.bounds["before"]; b != "" && p.DateLocal >= b {
		return false
	}
	if b := f.bounds["modified_after"]; b != "" && p.ModifiedLocal <= b {
		return false
	}
	b := f.bounds["modified_before"]
	return b == "" || p.ModifiedLocal < b
}

// found is core's search: every word must be in the title, excerpt or content.
func (f *postFilter) found(p *Post) bool {
	all := len(f.columns) == 0
	for _, word := range strings.Fields(f.search) {
		hit := (all || slices.Contains(f.columns, "post_title")) && containsFold(p.Title, word) ||
			(all || slices.Contains(f.columns, "post_excerpt")) && containsFold(p.Excerpt, word) ||
			(all || slices.Contains(f.columns, "post_content")) && containsFold(p.Content, word)
		if !hit {
			return false
		}
	}
	return true
}

func overlaps(a, b []int64) bool {
	for _, x := range a {
		if slices.Contains(b, x) {
			return true
		}
	}
	return false
}
