package fake

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// postInput is what a write names; nil means the parameter was not sent.
type postInput struct {
	title, content, excerpt, slug, status, password, format, template *string
	commentStatus, pingStatus                                         *string
	altText                                                           *string
	author, featured, parent, menuOrder                               *int64
	sticky                                                            *bool
	date                                                              *string // site's wall clock
	dateReset                                                         bool
	terms                                                             map[string][]int64
	meta                                                              map[string]json.RawMessage
}

// readPost checks the parameters of a create or an update against the schema.
func (s *Server) readPost(q *request, t *Type) (*postInput, *apiError) {
	in := &postInput{}
	for _, step := range []func(*request, *Type, *postInput) *apiError{s.readPostTexts, s.readPostNumbers, s.readPostDate, s.readPostTerms, s.readPostMeta} {
		if err := step(q, t, in); err != nil {
			return nil, err
		}
	}
	return in, nil
}

func (s *Server) readPostTexts(q *request, t *Type, in *postInput) *apiError {
	rich := map[string]**string{"title": &in.title, "content": &in.content, "excerpt": &in.excerpt}
	if t.Slug == "attachment" {
		rich = map[string]**string{"title": &in.title, "caption": &in.excerpt, "description": &in.content}
	}
	for name, to := range rich {
		v, ok, err := q.rendered(name)
		if err != nil {
			return err
		}
		if ok {
			*to = &v
		}
	}
	plain := map[string]**string{"slug": &in.slug, "password": &in.password, "format": &in.format, "template": &in.template, "alt_text": &in.altText}
	for name, to := range plain {
		v, ok, err := q.str(name)
		if err != nil {
			return err
		}
		if ok {
			*to = &v
		}
	}
	enums := []struct {
		name string
		to   **string
		from []string
	}{
		{"status", &in.status, postStatuses},
		{"comment_status", &in.commentStatus, []string{"open", "closed"}},
		{"ping_status", &in.pingStatus, []string{"open", "closed"}},
		{"format", &in.format, []string{"standard", "aside", "chat", "gallery", "link", "image", "quote", "status", "video", "audio"}},
	}
	for _, e := range enums {
		v, ok, err := q.str(e.name)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if !slices.Contains(e.from, v) {
			return invalidParam(e.name, e.name+" is not one of "+strings.Join(e.from, ", ")+".")
		}
		*e.to = &v
	}
	return nil
}

func (s *Server) readPostNumbers(q *request, _ *Type, in *postInput) *apiError {
	for name, to := range map[string]**int64{"author": &in.author, "featured_media": &in.featured, "parent": &in.parent, "menu_order": &in.menuOrder} {
		v, ok, err := q.integer(name)
		if err != nil {
			return err
		}
		if ok {
			*to = &v
		}
	}
	v, ok, err := q.boolean("sticky")
	if err != nil {
		return err
	}
	if ok {
		in.sticky = &v
	}
	return nil
}

// readPostDate reads date or date_gmt; date wins, null resets.
func (s *Server) readPostDate(q *request, _ *Type, in *postInput) *apiError {
	for _, name := range []string{"date", "date_gmt"} {
		raw, ok := q.param(name)
		if !ok {
			continue
		}
		if isNull(raw) {
			in.dateReset = true
			return nil
		}
		zone := s.opt.Timezone
		if name == "date_gmt" {
			zone = time.UTC
		}
		wall, _, err := q.instant(name, zone)
		if err != nil {
			return err
		}
		if name == "date_gmt" {
			at, _ := time.Parse(naive, wall)
			wall = s.wall(at)
		}
		in.date = &wall
		return nil
	}
	return nil
}

func (s *Server) readPostTerms(q *request, t *Type, in *postInput) *apiError {
	in.terms = map[string][]int64{}
	for _, slug := range t.Taxonomies {
		tax := s.taxBySlug(slug)
		if tax == nil {
			continue
		}
		ids, ok, err := q.integers(tax.RestBase)
		if err != nil {
			return err
		}
		if ok {
			in.terms[slug] = ids
		}
	}
	return nil
}

// readPostMeta keeps registered keys alone: core ignores the others silently.
func (s *Server) readPostMeta(q *request, t *Type, in *postInput) *apiError {
	meta, err := q.meta(s.opt.Meta[t.Slug])
	in.meta = meta
	return err
}

func (q *request) meta(keys []MetaKey) (map[string]json.RawMessage, *apiError) {
	raw, ok := q.param("meta")
	if !ok || strings.TrimSpace(string(raw)) == "[]" {
		return nil, nil
	}
	var sent map[string]json.RawMessage
	if isNull(raw) || json.Unmarshal(raw, &sent) != nil {
		return nil, invalidType("meta", "object")
	}
	kept := map[string]json.RawMessage{}
	for _, k := range keys {
		v, ok := sent[k.Key]
		if !ok {
			continue
		}
		if !isNull(v) && !k.accepts(v) {
			return nil, invalidType("meta."+k.Key, k.Type)
		}
		kept[k.Key] = v
	}
	return kept, nil
}

func (k MetaKey) accepts(v json.RawMessage) bool {
	if !k.Single {
		var list []json.RawMessage
		if json.Unmarshal(v, &list) != nil {
			return false
		}
		one := MetaKey{Type: k.Type, Single: true}
		return !slices.ContainsFunc(list, func(x json.RawMessage) bool { return !one.accepts(x) })
	}
	var to any
	_ = json.Unmarshal(v, &to)
	switch x := to.(type) {
	case string:
		if k.Type == "integer" || k.Type == "number" {
			_, err := strconv.ParseFloat(x, 64)
			return err == nil
		}
		return k.Type == "" || k.Type == "string"
	case float64:
		return k.Type == "number" || k.Type == "integer" && x == float64(int64(x))
	case bool:
		return k.Type == "boolean"
	}
	return false
}

func mergeMeta(p map[string]json.RawMessage, in map[string]json.RawMessage) {
	for k, v := range in {
		if isNull(v) {
			delete(p, k)
		} else {
			p[k] = v
		}
	}
}
