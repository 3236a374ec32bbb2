package fake

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// state is the site's database. All of it is under Server.mu.
type state struct {
	posts    map[int64]*Post
	byType   map[string][]int64 // ids ascending
	bySlug   map[string]int     // type+"/"+slug → how many rows use it
	terms    map[int64]*Term
	users    map[int64]*User
	types    []Type
	taxes    []Taxonomy
	nextPost int64
	nextTerm int64
	version  int64 // grows with every change; dates the views
	views    map[string]*view

	cacheUsed int64 // bytes of serialised rows kept on posts
}

// view is the ordered id list of one query, kept while nothing changes, so
// that reading page k costs a page and not the table.
type view struct {
	version int64
	ids     []int64
}

func newState(opt *Options, now time.Time) state {
	st := state{
		posts: map[int64]*Post{}, byType: map[string][]int64{}, bySlug: map[string]int{},
		terms: map[int64]*Term{}, users: map[int64]*User{}, views: map[string]*view{},
		types: append(coreTypes(), opt.Types...), taxes: append(coreTaxonomies(), opt.Taxonomies...),
		nextPost: 1, nextTerm: 1,
	}
	for _, u := range coreUsers(now) {
		st.users[u.ID] = u
	}
	st.putTerm(&Term{ID: 1, Taxonomy: "category", Name: "Uncategorized", Slug: "uncategorized", Created: now})
	return st
}

// putPost adds or replaces a row. Callers replace rows, they never write into
// a stored one: pages being serialised may hold it.
func (st *state) putPost(p *Post) {
	if old := st.posts[p.ID]; old != nil {
		st.countSlug(old, -1)
		st.cacheUsed -= int64(len(old.cache))
	} else {
		ids := st.byType[p.Type]
		if n := len(ids); n == 0 || ids[n-1] < p.ID {
			st.byType[p.Type] = append(ids, p.ID)
		} else if i, found := slices.BinarySearch(ids, p.ID); !found {
			st.byType[p.Type] = slices.Insert(ids, i, p.ID)
		}
	}
	st.posts[p.ID] = p
	st.countSlug(p, 1)
	st.nextPost = max(st.nextPost, p.ID+1)
	st.version++
}

func (st *state) removePost(id int64) {
	p := st.posts[id]
	if p == nil {
		return
	}
	st.countSlug(p, -1)
	st.cacheUsed -= int64(len(p.cache))
	ids := st.byType[p.Type]
	if i, found := slices.BinarySearch(ids, id); found {
		st.byType[p.Type] = slices.Delete(ids, i, i+1)
	}
	delete(st.posts, id)
	st.version++
}

func (st *state) countSlug(p *Post, by int) {
	if p.Slug == "" {
		return
	}
	key := p.Type + "/" + p.Slug
	if n := st.bySlug[key] + by; n > 0 {
		st.bySlug[key] = n
	} else {
		delete(st.bySlug, key)
	}
}

func (st *state) putTerm(t *Term) {
	st.terms[t.ID] = t
	st.nextTerm = max(st.nextTerm, t.ID+1)
	st.version++
}

// removeTerm deletes a term and takes it off every post, as core does.
func (st *state) removeTerm(id int64) {
	t := st.terms[id]
	if t == nil {
		return
	}
	delete(st.terms, id)
	for _, p := range st.posts {
		if !slices.Contains(p.Terms[t.Taxonomy], id) {
			continue
		}
		c := p.clone()
		c.Terms[t.Taxonomy] = slices.DeleteFunc(c.Terms[t.Taxonomy], func(x int64) bool { return x == id })
		if t.Taxonomy == "category" && len(c.Terms["category"]) == 0 {
			c.Terms["category"] = []int64{1}
		}
		st.cacheUsed -= int64(len(p.cache))
		st.posts[p.ID] = c
	}
	st.version++
}

// uniqueSlug is wp_unique_post_slug: it appends -2, -3, … until free.
func (st *state) uniqueSlug(slug, postType string, own *Post) string {
	free := func(s string) bool {
		n := st.bySlug[postType+"/"+s]
		if own != nil && own.Slug == s {
			n--
		}
		return n <= 0
	}
	if slug == "" || free(slug) {
		return slug
	}
	for i := 2; ; i++ {
		if s := slug + "-" + strconv.Itoa(i); free(s) {
			return s
		}
	}
}

func (st *state) typeByBase(base string) *Type {
	for i := range st.types {
		if st.types[i].RestBase == base {
			return &st.types[i]
		}
	}
	return nil
}

func (st *state) typeBySlug(slug string) *Type {
	for i := range st.types {
		if st.types[i].Slug == slug {
			return &st.types[i]
		}
	}
	return nil
}

func (st *state) taxByBase(base string) *Taxonomy {
	for i := range st.taxes {
		if st.taxes[i].RestBase == base {
			return &st.taxes[i]
		}
	}
	return nil
}

func (st *state) taxBySlug(slug string) *Taxonomy {
	for i := range st.taxes {
		if st.taxes[i].Slug == slug {
			return &st.taxes[i]
		}
	}
	return nil
}

// cached returns the ids of a query, computing them at most once per version.
func (st *state) cached(key string, build func() []int64) []int64 {
	if v := st.views[key]; v != nil && v.version == st.version {
		return v.ids
	}
	if len(st.views) >= 32 {
		clear(st.views)
	}
	v := &view{version: st.version, ids: build()}
	st.views[key] = v
	return v.ids
}

func containsFold(haystack, needle string) bool {
	return strings.Contains(strings.ToLower(haystack), strings.ToLower(needle))
}
