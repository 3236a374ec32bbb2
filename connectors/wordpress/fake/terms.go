package fake

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

func (s *Server) listTerms(q *request, tax *Taxonomy) (*reply, *apiError) {
	edit, err := q.contextOf()
	if err != nil {
		return nil, err
	}
	if edit && !s.can(q.user, "manage_categories") {
		return nil, forbidden(q.user, "rest_forbidden_context", "Sorry, you are not allowed to edit terms in this taxonomy.")
	}
	w, err := q.window()
	if err != nil {
		return nil, err
	}
	// Core has no offset for hierarchical taxonomies.
	w.hasOffset = w.hasOffset && !tax.Hierarchical
	ids, err := s.findTerms(q, tax)
	if err != nil {
		return nil, err
	}
	ids = q.effect.all(ids)
	page := q.effect.bend(w.slice(ids))
	counts := s.termCounts(tax.Slug)
	body := []byte{'['}
	for i, id := range page {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, s.termRow(s.terms[id], q, counts)...)
	}
	r := newReply(http.StatusOK, append(body, ']'))
	r.rows = len(page)
	s.pageHeaders(r, q, w, len(ids))
	return r, nil
}

func (s *Server) findTerms(q *request, tax *Taxonomy) ([]int64, *apiError) {
	include, _, err := q.integers("include")
	if err != nil {
		return nil, err
	}
	exclude, _, err := q.integers("exclude")
	if err != nil {
		return nil, err
	}
	search, _, err := q.str("search")
	if err != nil {
		return nil, err
	}
	slugs, _ := q.words("slug")
	orderBy, _, err := q.str("orderby")
	if err != nil {
		return nil, err
	}
	if orderBy != "" && !slices.Contains([]string{"id", "include", "name", "slug", "include_slugs", "term_group", "description", "count"}, orderBy) {
		return nil, invalidParam("orderby", "orderby is not one of id, include, name, slug, include_slugs, term_group, description, and count.")
	}
	hide, _, err := q.boolean("hide_empty")
	if err != nil {
		return nil, err
	}
	counts := s.termCounts(tax.Slug)
	var ids []int64
	for id, t := range s.terms {
		if t.Taxonomy != tax.Slug || len(include) > 0 && !slices.Contains(include, id) || slices.Contains(exclude, id) ||
			len(slugs) > 0 && !slices.Contains(slugs, t.Slug) || search != "" && !containsFold(t.Name+" "+t.Slug, search) || hide && counts[id] == 0 {
			continue
		}
		if q.effect.lag > 0 && t.Created.After(s.opt.Now().Add(-q.effect.lag)) {
			continue
		}
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b int64) int {
		if orderBy == "id" || orderBy == "include" {
			return int(a - b)
		}
		if c := strings.Compare(strings.ToLower(s.terms[a].Name), strings.ToLower(s.terms[b].Name)); c != 0 {
			return c
		}
		return int(a - b)
	})
	if order, _, _ := q.str("order"); order == "desc" {
		slices.Reverse(ids)
	}
	return ids, nil
}

// termCounts are the published rows per term, as WordPress counts them.
func (s *Server) termCounts(tax string) map[int64]int64 {
	if s.counts == nil || s.countsAt != s.version {
		s.counts, s.countsAt = map[string]map[int64]int64{}, s.version
		for _, p := range s.posts {
			if p.Status != "publish" {
				continue
			}
			for slug, ids := range p.Terms {
				if s.counts[slug] == nil {
					s.counts[slug] = map[int64]int64{}
				}
				for _, id := range ids {
					s.counts[slug][id]++
				}
			}
		}
	}
	return s.counts[tax]
}

func (s *Server) termRow(t *Term, q *request, counts map[int64]int64) []byte {
	tax := s.taxBySlug(t.Taxonomy)
	w := &rowWriter{fields: q.fields(), first: true, b: []byte{'{'}}
	w.num("id", t.ID)
	w.num("count", counts[t.ID])
	w.str("description", t.Description)
	w.str("link", s.home()+"/"+tax.RestBase+"/"+t.Slug+"/")
	w.str("name", t.Name)
	w.str("slug", t.Slug)
	w.str("taxonomy", t.Taxonomy)
	if tax.Hierarchical {
		w.num("parent", t.Parent)
	}
	w.raw("meta", metaJSON(t.Meta, s.opt.Meta[t.Taxonomy]))
	if w.fields.has("_links") {
		self := q.base + "wp/v2/" + tax.RestBase
		w.raw("_links", mustJSON(map[string][]linkItem{"self": {{Href: self + "/" + strconv.FormatInt(t.ID, 10)}}, "collection": {{Href: self}}}))
	}
	return append(w.b, '}')
}

func (s *Server) canAssign(u *User) bool { return s.can(u, "edit_posts") }

func (s *Server) getTerm(q *request, tax *Taxonomy, id int64) (*reply, *apiError) {
	t, err := s.termOf(tax, id)
	if err != nil {
		return nil, err
	}
	r := newReply(http.StatusOK, s.termRow(t, q, s.termCounts(tax.Slug)))
	r.rows = 1
	return r, nil
}

func (s *Server) termOf(tax *Taxonomy, id int64) (*Term, *apiError) {
	t := s.terms[id]
	if t == nil || t.Taxonomy != tax.Slug {
		return nil, fail(http.StatusNotFound, "rest_term_invalid", "Term does not exist.")
	}
	return t, nil
}

type termInput struct {
	name, slug, description *string
	parent                  *int64
	meta                    map[string]json.RawMessage
}

func (s *Server) readTerm(q *request, tax *Taxonomy) (*termInput, *apiError) {
	in := &termInput{}
	for name, to := range map[string]**string{"name": &in.name, "slug": &in.slug, "description": &in.description} {
		v, ok, err := q.str(name)
		if err != nil {
			return nil, err
		}
		if ok {
			*to = &v
		}
	}
	if v, ok, err := q.integer("parent"); err != nil {
		return nil, err
	} else if ok {
		if !tax.Hierarchical {
			return nil, fail(http.StatusBadRequest, "rest_taxonomy_not_hierarchical", "Cannot set parent term, taxonomy is not hierarchical.")
		}
		if v != 0 && s.terms[v] == nil {
			return nil, fail(http.StatusBadRequest, "rest_term_invalid", "Parent term does not exist.")
		}
		in.parent = &v
	}
	meta, err := q.meta(s.opt.Meta[tax.Slug])
	in.meta = meta
	return in, err
}

func (s *Server) createTerm(q *request, tax *Taxonomy) (*reply, *apiError) {
	in, err := s.readTerm(q, tax)
	if err != nil {
		return nil, err
	}
	if in.name == nil {
		return nil, missingParams("name")
	}
	if tax.Hierarchical && !s.can(q.user, "manage_categories") || !s.canAssign(q.user) {
		return nil, forbidden(q.user, "rest_cannot_create", "Sorry, you are not allowed to create terms in this taxonomy.")
	}
	t := &Term{ID: s.nextTerm, Taxonomy: tax.Slug, Meta: map[string]json.RawMessage{}, Created: s.now()}
	if err := s.applyTerm(t, in, tax); err != nil {
		return nil, err
	}
	s.storeTerm(t)
	r := newReply(http.StatusCreated, s.termRow(t, q, s.termCounts(tax.Slug)))
	r.header.Set("Location", q.base+"wp/v2/"+tax.RestBase+"/"+strconv.FormatInt(t.ID, 10))
	r.changes = []Change{{Op: "create", Table: tax.RestBase, ID: t.ID, Title: clip(t.Name, 120)}}
	return r, nil
}

func (s *Server) updateTerm(q *request, tax *Taxonomy, id int64) (*reply, *apiError) {
	old, err := s.termOf(tax, id)
	if err != nil {
		return nil, err
	}
	in, err := s.readTerm(q, tax)
	if err != nil {
		return nil, err
	}
	if !s.can(q.user, "manage_categories") {
		return nil, forbidden(q.user, "rest_cannot_update", "Sorry, you are not allowed to edit this term.")
	}
	t := *old
	t.Meta = map[string]json.RawMessage{}
	mergeMeta(t.Meta, old.Meta)
	if err := s.applyTerm(&t, in, tax); err != nil {
		return nil, err
	}
	s.storeTerm(&t)
	r := newReply(http.StatusOK, s.termRow(&t, q, s.termCounts(tax.Slug)))
	r.changes = []Change{{Op: "update", Table: tax.RestBase, ID: id, Title: clip(t.Name, 120)}}
	return r, nil
}

// applyTerm is wp_insert_term and wp_update_term: one name per taxonomy (per
// parent where it has them), slugs made unique on insert and refused on update.
func (s *Server) applyTerm(t *Term, in *termInput, tax *Taxonomy) *apiError {
	isNew := s.terms[t.ID] == nil
	set(&t.Parent, in.parent)
	if in.description != nil {
		t.Description = escapeTerm(*in.description)
	}
	if in.name != nil {
		t.Name = strings.TrimSpace(escapeTerm(*in.name))
		if t.Name == "" {
			// An error without a status of its own: core answers 500.
			return fail(http.StatusInternalServerError, "empty_term_name", "A name is required for this term.")
		}
		if utf8.RuneCountInString(t.Name) > maxNameRunes {
			return fail(http.StatusInternalServerError, "db_insert_error", "Could not insert term into the database.")
		}
	}
	slug := t.Slug
	if in.slug != nil {
		slug = sanitizeSlug(*in.slug)
	}
	if slug == "" {
		slug = sanitizeSlug(t.Name)
	}
	for _, o := range s.terms {
		if o.ID == t.ID || o.Taxonomy != t.Taxonomy {
			continue
		}
		sameName := strings.EqualFold(o.Name, t.Name) && (!tax.Hierarchical || o.Parent == t.Parent)
		if isNew && sameName && (in.slug == nil || *in.slug == "" || o.Slug == slug) {
			e := fail(http.StatusBadRequest, "term_exists", "A term with the name provided already exists in this taxonomy.")
			e.Data["term_id"] = o.ID
			return e
		}
		if !isNew && o.Slug == slug {
			return fail(http.StatusBadRequest, "duplicate_term_slug", "The slug “"+slug+"” is already in use by another term.")
		}
	}
	t.Slug = s.uniqueTermSlug(slug, t)
	mergeMeta(t.Meta, in.meta)
	return nil
}

func (s *Server) uniqueTermSlug(slug string, own *Term) string {
	taken := map[string]bool{}
	for _, o := range s.terms {
		if o.ID != own.ID && o.Taxonomy == own.Taxonomy {
			taken[o.Slug] = true
		}
	}
	out := slug
	for i := 2; taken[out]; i++ {
		out = slug + "-" + strconv.Itoa(i)
	}
	return out
}

func (s *Server) deleteTerm(q *request, tax *Taxonomy, id int64) (*reply, *apiError) {
	t, err := s.termOf(tax, id)
	if err != nil {
		return nil, err
	}
	if !s.can(q.user, "manage_categories") {
		return nil, forbidden(q.user, "rest_cannot_delete", "Sorry, you are not allowed to delete this term.")
	}
	force, _, err := q.boolean("force")
	if err != nil {
		return nil, err
	}
	if !force {
		return nil, fail(http.StatusNotImplemented, "rest_trash_not_supported", "Terms do not support trashing. Set 'force=true' to delete.")
	}
	if tax.Slug == "category" && id == 1 {
		return nil, fail(http.StatusInternalServerError, "rest_cannot_delete", "The term cannot be deleted.")
	}
	body := append([]byte(`{"deleted":true,"previous":`), s.termRow(t, q, s.termCounts(tax.Slug))...)
	s.removeTerm(id)
	s.journalDelete("term", id)
	r := newReply(http.StatusOK, append(body, '}'))
	r.changes = []Change{{Op: "delete", Table: tax.RestBase, ID: id}}
	return r, nil
}

func (s *Server) storeTerm(t *Term) {
	s.putTerm(t)
	s.journalPut("term", t)
}

// escapeTerm is what core does to names and descriptions of terms: tags that
// nobody may store are gone, and a & that begins no entity becomes one.
func escapeTerm(text string) string {
	return ampersand.ReplaceAllStringFunc(kses(text), func(found string) string {
		if found == "&" {
			return "&amp;"
		}
		return found
	})
}

var ampersand = regexp.MustCompile(`&(?:(?:[a-zA-Z][a-zA-Z0-9]*|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});)?`)
