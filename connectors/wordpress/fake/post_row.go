package fake

import (
	"encoding/json"
	"strconv"
)

// postRow serialises a post for one context and field set. base is the API's
// root, for the links.
func (s *Server) postRow(p *Post, edit bool, fields fieldSet, base string) []byte {
	w := &rowWriter{b: make([]byte, 0, 512+len(p.Content)+len(p.Title)+len(p.Excerpt)), fields: fields, edit: edit, first: true}
	w.b = append(w.b, '{')
	s.postHead(w, p)
	s.postBody(w, p)
	s.postTail(w, p, base)
	w.b = append(w.b, '}')
	return w.b
}

func (s *Server) postHead(w *rowWriter, p *Post) {
	w.num("id", p.ID)
	w.str("date", p.DateLocal)
	w.str("date_gmt", p.Date.Format(naive))
	w.rich("guid", s.home()+"/?p="+strconv.FormatInt(p.ID, 10), func() string { return s.home() + "/?p=" + strconv.FormatInt(p.ID, 10) }, false, false)
	w.str("modified", p.ModifiedLocal)
	w.str("modified_gmt", p.Modified.Format(naive))
	if w.edit && p.Type != "attachment" {
		w.str("password", p.Password)
	}
	w.str("slug", p.Slug)
	w.str("status", p.Status)
	w.str("type", p.Type)
	w.str("link", s.link(p))
}

func (s *Server) postBody(w *rowWriter, p *Post) {
	locked := p.Password != ""
	w.rich("title", p.Title, func() string { return renderTitle(p.Title) }, false, false)
	if p.Type == "attachment" {
		s.mediaBody(w, p)
		return
	}
	w.rich("content", p.Content, func() string { return renderContent(p.Content) }, locked, true)
	w.rich("excerpt", p.Excerpt, func() string { return renderExcerpt(p.Excerpt, p.Content) }, locked, false)
	w.num("author", p.Author)
	w.num("featured_media", p.FeaturedMedia)
	if p.Type == "page" {
		w.num("parent", p.Parent)
		w.num("menu_order", p.MenuOrder)
	}
	w.str("comment_status", p.CommentStatus)
	w.str("ping_status", p.PingStatus)
	if p.Type == "post" {
		w.boolean("sticky", p.Sticky)
	}
	w.str("template", p.Template)
	if p.Type == "post" {
		format := p.Format
		if format == "" {
			format = "standard"
		}
		w.str("format", format)
	}
}

func (s *Server) postTail(w *rowWriter, p *Post, base string) {
	w.raw("meta", metaJSON(p.Meta, s.opt.Meta[p.Type]))
	t := s.typeBySlug(p.Type)
	if t == nil {
		return
	}
	for _, slug := range t.Taxonomies {
		if tax := s.taxBySlug(slug); tax != nil {
			w.ids(tax.RestBase, p.Terms[slug])
		}
	}
	if w.edit && p.Type != "attachment" {
		w.str("permalink_template", s.home()+"/%postname%/")
		w.str("generated_slug", sanitizeSlug(p.Title))
	}
	if w.fields.has("class_list") {
		w.raw("class_list", mustJSON([]string{"post-" + strconv.FormatInt(p.ID, 10), p.Type, "type-" + p.Type, "status-" + p.Status}))
	}
	if w.fields.has("_links") {
		w.raw("_links", s.postLinks(p, t, base))
	}
}

type linkItem struct {
	Href       string `json:"href"`
	Embeddable bool   `json:"embeddable,omitempty"`
	Taxonomy   string `json:"taxonomy,omitempty"`
}

func (s *Server) postLinks(p *Post, t *Type, base string) []byte {
	collection := base + "wp/v2/" + t.RestBase
	id := strconv.FormatInt(p.ID, 10)
	links := map[string][]linkItem{
		"self":       {{Href: collection + "/" + id}},
		"collection": {{Href: collection}},
		"about":      {{Href: base + "wp/v2/types/" + t.Slug}},
	}
	if p.Author > 0 {
		links["author"] = []linkItem{{Href: base + "wp/v2/users/" + strconv.FormatInt(p.Author, 10), Embeddable: true}}
	}
	for _, slug := range t.Taxonomies {
		if tax := s.taxBySlug(slug); tax != nil {
			links["wp:term"] = append(links["wp:term"], linkItem{Href: base + "wp/v2/" + tax.RestBase + "?post=" + id, Taxonomy: slug, Embeddable: true})
		}
	}
	return mustJSON(links)
}

func (s *Server) link(p *Post) string {
	if p.Slug == "" || p.Status != "publish" || s.opt.PlainPermalinks {
		return s.home() + "/?p=" + strconv.FormatInt(p.ID, 10)
	}
	return s.home() + "/" + p.Slug + "/"
}

// metaJSON is the meta object: every registered key, with its default where
// the row has none. WordPress sends [] when no key is registered.
func metaJSON(meta map[string]json.RawMessage, keys []MetaKey) []byte {
	if len(keys) == 0 {
		return []byte("[]")
	}
	out := map[string]json.RawMessage{}
	for _, k := range keys {
		v, ok := meta[k.Key]
		switch {
		case ok:
		case !k.Single:
			v = json.RawMessage("[]")
		case k.Type == "integer" || k.Type == "number":
			v = json.RawMessage("0")
		case k.Type == "boolean":
			v = json.RawMessage("false")
		default:
			v = json.RawMessage(`""`)
		}
		out[k.Key] = v
	}
	return mustJSON(out)
}
