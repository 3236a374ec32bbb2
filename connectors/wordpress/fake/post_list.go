package fake

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// window is the paging of a list request.
type window struct {
	page, perPage, offset int
	hasOffset             bool
}

func (q *request) window() (window, *apiError) {
	w := window{page: 1, perPage: 10}
	if n, ok, err := q.integer("page"); err != nil {
		return w, err
	} else if ok {
		if n < 1 {
			return w, invalidParam("page", "page must be greater than or equal to 1")
		}
		w.page = int(n)
	}
	if n, ok, err := q.integer("per_page"); err != nil {
		return w, err
	} else if ok {
		if n < 1 || n > 100 {
			return w, invalidParam("per_page", "per_page must be between 1 (inclusive) and 100 (inclusive)")
		}
		w.perPage = int(n)
	}
	if n, ok, err := q.integer("offset"); err != nil {
		return w, err
	} else if ok {
		w.offset, w.hasOffset = int(n), true
	}
	return w, nil
}

func (w window) slice(ids []int64) []int64 {
	from := (w.page - 1) * w.perPage
	if w.hasOffset {
		from = w.offset
	}
	from = min(max(from, 0), len(ids))
	return ids[from:min(from+w.perPage, len(ids))]
}

// contextOf reads and checks the context parameter.
func (q *request) contextOf() (edit bool, err *apiError) {
	c, ok, err := q.str("context")
	if err != nil || !ok {
		return false, err
	}
	switch c {
	case "view", "embed":
		return false, nil
	case "edit":
		return true, nil
	}
	return false, invalidParam("context", "context is not one of view, embed, and edit.")
}

func (s *Server) listPosts(q *request, t *Type) (*reply, *apiError) {
	edit, err := q.contextOf()
	if err != nil {
		return nil, err
	}
	if edit && !s.can(q.user, capOf("edit", t.Slug)) {
		return nil, forbidden(q.user, "rest_forbidden_context", "Sorry, you are not allowed to edit posts in this post type.")
	}
	w, err := q.window()
	if err != nil {
		return nil, err
	}
	filter, err := s.postFilter(q, t)
	if err != nil {
		return nil, err
	}
	ids := s.cached(filter.key, func() []int64 { return s.findPosts(t, filter) })
	ids = q.effect.all(s.lagged(q, ids))
	pages := (len(ids) + w.perPage - 1) / w.perPage
	if w.page > pages && len(ids) > 0 && !w.hasOffset {
		return nil, fail(http.StatusBadRequest, "rest_post_invalid_page_number", "The page number requested is larger than the number of pages available.")
	}
	rows := q.effect.bend(w.slice(ids))
	r := newReply(http.StatusOK, s.postRows(q, rows, edit))
	r.rows = len(rows)
	s.pageHeaders(r, q, w, len(ids))
	for _, id := range rows[:min(q.effect.remove, len(rows))] {
		s.removePost(id)
		s.journalDelete("post", id)
		r.changes = append(r.changes, Change{Op: "delete", Table: t.RestBase, ID: id, Fault: true})
	}
	return r, nil
}

// postRows serialises the rows the caller may read. As in core, a row it may
// not read is left out of the page although the totals count it.
func (s *Server) postRows(q *request, ids []int64, edit bool) []byte {
	list, _ := q.words("_fields")
	fields := parseFields(list)
	key := strconv.FormatBool(edit) + strings.Join(list, ",")
	body := make([]byte, 0, 4096*len(ids)/2+2)
	body = append(body, '[')
	for _, id := range ids {
		p := s.posts[id]
		if p == nil || !s.canReadPost(q.user, p) {
			continue
		}
		if len(body) > 1 {
			body = append(body, ',')
		}
		body = append(body, s.cachedRow(p, edit, fields, key, q.base)...)
	}
	return append(body, ']')
}

// cachedRow keeps the last serialised form of a row while memory for it lasts.
func (s *Server) cachedRow(p *Post, edit bool, fields fieldSet, key, base string) []byte {
	if p.cacheKey == key && p.cache != nil {
		return p.cache
	}
	row := s.postRow(p, edit, fields, base)
	if p.cache != nil {
		s.cacheUsed -= int64(len(p.cache))
		p.cache = nil
	}
	if s.cacheUsed+int64(len(row)) <= s.opt.CacheBytes {
		p.cache, p.cacheKey = slices.Clip(row), key
		s.cacheUsed += int64(len(row))
	}
	return row
}

func (s *Server) pageHeaders(r *reply, q *request, w window, total int) {
	if s.opt.HideTotals {
		return
	}
	setTotals(r, total, w.perPage)
	pages := (total + w.perPage - 1) / w.perPage
	var links []string
	at := func(page int, rel string) {
		v := q.query
		next := make(map[string][]string, len(v)+1)
		for k, x := range v {
			next[k] = x
		}
		next["page"] = []string{strconv.Itoa(page)}
		links = append(links, "<"+q.base+strings.TrimPrefix(q.route, "/")+"?"+encodeQuery(next)+`>; rel="`+rel+`"`)
	}
	if w.page > 1 {
		at(min(w.page-1, max(pages, 1)), "prev")
	}
	if w.page < pages {
		at(w.page+1, "next")
	}
	if links != nil {
		r.header.Set("Link", strings.Join(links, ", "))
	}
}

// lagged hides rows made a moment ago while a lag fault is on: a cache or a
// read replica that is behind.
func (s *Server) lagged(q *request, ids []int64) []int64 {
	if q.effect.lag == 0 {
		return ids
	}
	since := s.opt.Now().Add(-q.effect.lag)
	return slices.DeleteFunc(slices.Clone(ids), func(id int64) bool {
		p := s.posts[id]
		return p != nil && p.Created.After(since)
	})
}

// findPosts evaluates a filter over a type's rows, in the order asked for.
func (s *Server) findPosts(t *Type, f *postFilter) []int64 {
	from := s.byType[t.Slug]
	if f.include != nil {
		from = f.include
	}
	var out []int64
	for _, id := range from {
		if p := s.posts[id]; p != nil && p.Type == t.Slug && f.match(p) && !slices.Contains(out[:min(len(out), len(f.include))], id) {
			out = append(out, id)
		}
	}
	s.order(out, f)
	return out
}

func (s *Server) order(ids []int64, f *postFilter) {
	by := func(cmp func(a, b *Post) int) {
		slices.SortStableFunc(ids, func(a, b int64) int {
			c := cmp(s.posts[a], s.posts[b])
			if c == 0 {
				c = int(a - b)
			}
			if f.desc {
				c = -c
			}
			return c
		})
	}
	switch f.orderBy {
	case "id":
		if f.include == nil {
			if f.desc {
				slices.Reverse(ids)
			}
			return
		}
		by(func(a, b *Post) int { return int(a.ID - b.ID) })
	case "include":
	case "title":
		by(func(a, b *Post) int { return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title)) })
	case "slug":
		by(func(a, b *Post) int { return strings.Compare(a.Slug, b.Slug) })
	case "modified":
		by(func(a, b *Post) int { return strings.Compare(a.ModifiedLocal, b.ModifiedLocal) })
	case "author":
		by(func(a, b *Post) int { return int(a.Author - b.Author) })
	case "parent":
		by(func(a, b *Post) int { return int(a.Parent - b.Parent) })
	case "menu_order":
		by(func(a, b *Post) int { return int(a.MenuOrder - b.MenuOrder) })
	default:
		by(func(a, b *Post) int { return strings.Compare(a.DateLocal, b.DateLocal) })
	}
}

// wall turns an instant into the site's wall clock.
func (s *Server) wall(t time.Time) string { return t.In(s.opt.Timezone).Format(naive) }
