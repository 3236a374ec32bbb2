package fake

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *Server) createPost(q *request, t *Type) (*reply, *apiError) {
	in, err := s.readPost(q, t)
	if err != nil {
		return nil, err
	}
	if _, ok := q.param("id"); ok {
		return nil, fail(http.StatusBadRequest, "rest_post_exists", "Cannot create existing post.")
	}
	if err := s.mayCreate(q.user, t, in); err != nil {
		return nil, err
	}
	now := s.now()
	p := &Post{ID: s.nextPost, Type: t.Slug, Status: "draft", Author: q.user.ID, CommentStatus: "open", PingStatus: "open", Created: now, Floating: true}
	if t.Slug == "page" {
		p.CommentStatus, p.PingStatus = "closed", "closed"
	}
	p = p.clone()
	p.Date, p.DateLocal = now, s.wall(now)
	if err := s.applyPost(q, t, p, in, true); err != nil {
		return nil, err
	}
	if p.Title == "" && p.Content == "" && p.Excerpt == "" && t.holdsTexts() {
		return nil, fail(http.StatusBadRequest, "empty_content", "Content, title, and excerpt are empty.")
	}
	if t.Slug == "post" && len(p.Terms["category"]) == 0 {
		p.Terms["category"] = []int64{1}
	}
	// wp_insert_post takes a new row's modified time from its date: a post
	// written with a date of last year was "modified" last year.
	p.Modified, p.ModifiedLocal = p.Date, p.DateLocal
	s.store(p)
	r := newReply(http.StatusCreated, s.postRow(p, true, q.fields(), q.base))
	r.header.Set("Location", q.base+"wp/v2/"+t.RestBase+"/"+strconv.FormatInt(p.ID, 10))
	r.changes = []Change{{Op: "create", Table: t.RestBase, ID: p.ID, Title: clip(p.Title, 120)}}
	return r, nil
}

// holdsTexts reports whether rows of a type have a title, content and an
// excerpt. wp_insert_post refuses a row without any only where all three could
// be given: a page, which has no excerpt, may be made of a slug alone.
func (t *Type) holdsTexts() bool {
	return slices.Contains(t.Supports, "title") && slices.Contains(t.Supports, "editor") && slices.Contains(t.Supports, "excerpt")
}

func (s *Server) updatePost(q *request, t *Type, id int64) (*reply, *apiError) {
	old := s.posts[id]
	if old == nil || old.Type != t.Slug {
		return nil, fail(http.StatusNotFound, "rest_post_invalid_id", "Invalid post ID.")
	}
	in, err := s.readPost(q, t)
	if err != nil {
		return nil, err
	}
	if !s.canEditPost(q.user, old) {
		return nil, forbidden(q.user, "rest_cannot_edit", "Sorry, you are not allowed to edit this post.")
	}
	if err := s.mayWrite(q.user, t, in); err != nil {
		return nil, err
	}
	p := old.clone()
	if err := s.applyPost(q, t, p, in, false); err != nil {
		return nil, err
	}
	s.store(p)
	r := newReply(http.StatusOK, s.postRow(p, true, q.fields(), q.base))
	r.changes = []Change{{Op: "update", Table: t.RestBase, ID: id, Title: clip(p.Title, 120)}}
	return r, nil
}

func (s *Server) mayCreate(u *User, t *Type, in *postInput) *apiError {
	if !s.can(u, capOf("edit", t.Slug)) {
		return forbidden(u, "rest_cannot_create", "Sorry, you are not allowed to create posts as this user.")
	}
	return s.mayWrite(u, t, in)
}

// mayWrite checks the rights that single fields need.
func (s *Server) mayWrite(u *User, t *Type, in *postInput) *apiError {
	if in.author != nil && *in.author != u.ID && !s.can(u, capOf("edit_others", t.Slug)) {
		return forbidden(u, "rest_cannot_edit_others", "Sorry, you are not allowed to create posts as this user.")
	}
	if in.sticky != nil && *in.sticky && !s.can(u, capOf("edit_others", t.Slug)) {
		return forbidden(u, "rest_cannot_assign_sticky", "Sorry, you are not allowed to make posts sticky.")
	}
	if in.status != nil && slices.Contains([]string{"publish", "future", "private"}, *in.status) && !s.can(u, capOf("publish", t.Slug)) {
		return forbidden(u, "rest_cannot_publish", "Sorry, you are not allowed to publish posts in this post type.")
	}
	return nil
}

// applyPost writes the named fields into p, by core's rules.
func (s *Server) applyPost(q *request, t *Type, p *Post, in *postInput, create bool) *apiError {
	if err := s.applyReferences(p, in, t); err != nil {
		return err
	}
	if err := s.applyTexts(q.user, p, in, create); err != nil {
		return err
	}
	set(&p.Password, in.password)
	set(&p.Format, in.format)
	set(&p.Template, in.template)
	set(&p.CommentStatus, in.commentStatus)
	set(&p.PingStatus, in.pingStatus)
	set(&p.MenuOrder, in.menuOrder)
	set(&p.Sticky, in.sticky)
	set(&p.AltText, in.altText)
	if p.Sticky && p.Password != "" {
		return fail(http.StatusBadRequest, "rest_invalid_field", "A post can not be sticky and have a password.")
	}
	s.applyStatus(p, in)
	s.applySlug(p, in)
	mergeMeta(p.Meta, in.meta)
	now := s.now()
	p.Modified, p.ModifiedLocal = now, s.wall(now)
	return nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (s *Server) applyReferences(p *Post, in *postInput, t *Type) *apiError {
	if in.author != nil {
		if s.users[*in.author] == nil {
			return fail(http.StatusBadRequest, "rest_invalid_author", "Invalid author ID.")
		}
		p.Author = *in.author
	}
	if in.featured != nil {
		m := s.posts[*in.featured]
		switch known := *in.featured == 0 || m != nil && m.Type == "attachment"; {
		case known:
			p.FeaturedMedia = *in.featured
		case !s.opt.LaxFeaturedMedia:
			return fail(http.StatusBadRequest, "rest_invalid_featured_media", "Invalid featured media ID.")
		}
	}
	if in.parent != nil && t.Hierarchical {
		if *in.parent != 0 && s.posts[*in.parent] == nil {
			return fail(http.StatusBadRequest, "rest_post_invalid_id", "Invalid post parent ID.")
		}
		p.Parent = *in.parent
	}
	for tax, ids := range in.terms {
		// Core drops ids that do not exist in the taxonomy, silently.
		kept := make([]int64, 0, len(ids))
		for _, id := range ids {
			if term := s.terms[id]; term != nil && term.Taxonomy == tax && !slices.Contains(kept, id) {
				kept = append(kept, id)
			}
		}
		if tax == "category" && len(kept) == 0 && t.Slug == "post" {
			kept = []int64{1}
		}
		p.Terms[tax] = kept
	}
	return nil
}

func (s *Server) applyTexts(u *User, p *Post, in *postInput, create bool) *apiError {
	clean := func(v string) string {
		if s.can(u, "unfiltered_html") {
			return v
		}
		return kses(v)
	}
	code := "db_update_error"
	if create {
		code = "db_insert_error"
	}
	if in.title != nil {
		p.Title = strings.TrimSpace(clean(*in.title))
	}
	if in.content != nil {
		p.Content = clean(*in.content)
	}
	if in.excerpt != nil {
		p.Excerpt = clean(*in.excerpt)
	}
	if len(p.Title) > maxTextBytes || len(p.Excerpt) > maxTextBytes {
		return fail(http.StatusInternalServerError, code, "Could not write the post into the database. The value is too long.")
	}
	return nil
}

// applyStatus keeps publish and future true to the date, and lets a draft's
// date float until it is published.
func (s *Server) applyStatus(p *Post, in *postInput) {
	now := s.now()
	if in.dateReset {
		p.Floating = true
	}
	if in.date != nil {
		at, _ := time.ParseInLocation(naive, *in.date, s.opt.Timezone)
		p.Date, p.DateLocal, p.Floating = at.UTC(), *in.date, false
	}
	was := p.Status
	set(&p.Status, in.status)
	if p.Floating {
		if in.dateReset || p.Status != "draft" && p.Status != "pending" && was != p.Status {
			p.Date, p.DateLocal = now, s.wall(now)
		}
		p.Floating = p.Status == "draft" || p.Status == "pending"
	}
	switch {
	case p.Status == "publish" && p.Date.After(now):
		p.Status = "future"
	case p.Status == "future" && !p.Date.After(now):
		p.Status = "publish"
	}
	if was == "trash" && p.Status != "trash" {
		p.Slug = strings.TrimSuffix(p.Slug, "__trashed")
	}
}

func (s *Server) applySlug(p *Post, in *postInput) {
	slug := p.Slug
	if in.slug != nil {
		slug = sanitizeSlug(*in.slug)
	}
	if slug == "" && p.Status != "draft" && p.Status != "pending" {
		slug = sanitizeSlug(p.Title)
		if slug == "" {
			slug = strconv.FormatInt(p.ID, 10)
		}
	}
	own := s.posts[p.ID]
	p.Slug = s.uniqueSlug(slug, p.Type, own)
}

func (s *Server) deletePost(q *request, t *Type, id int64) (*reply, *apiError) {
	p := s.posts[id]
	if p == nil || p.Type != t.Slug {
		return nil, fail(http.StatusNotFound, "rest_post_invalid_id", "Invalid post ID.")
	}
	if !s.canDeletePost(q.user, p) {
		return nil, forbidden(q.user, "rest_cannot_delete", "Sorry, you are not allowed to delete this post.")
	}
	force, _, err := q.boolean("force")
	if err != nil {
		return nil, err
	}
	if force {
		body := append([]byte(`{"deleted":true,"previous":`), s.postRow(p, true, nil, q.base)...)
		s.removePost(id)
		s.journalDelete("post", id)
		r := newReply(http.StatusOK, append(body, '}'))
		r.changes = []Change{{Op: "delete", Table: t.RestBase, ID: id}}
		return r, nil
	}
	if t.Slug == "attachment" {
		return nil, fail(http.StatusNotImplemented, "rest_trash_not_supported", "The post does not support trashing. Set 'force=true' to delete.")
	}
	if p.Status == "trash" {
		return nil, fail(http.StatusGone, "rest_already_trashed", "The post has already been deleted.")
	}
	c := p.clone()
	c.Status = "trash"
	if c.Slug != "" {
		c.Slug += "__trashed"
	}
	now := s.now()
	c.Modified, c.ModifiedLocal = now, s.wall(now)
	s.store(c)
	r := newReply(http.StatusOK, s.postRow(c, true, q.fields(), q.base))
	r.changes = []Change{{Op: "trash", Table: t.RestBase, ID: id}}
	return r, nil
}

func (s *Server) getPost(q *request, t *Type, id int64) (*reply, *apiError) {
	edit, err := q.contextOf()
	if err != nil {
		return nil, err
	}
	p := s.posts[id]
	if p == nil || p.Type != t.Slug || len(s.lagged(q, []int64{id})) == 0 {
		return nil, fail(http.StatusNotFound, "rest_post_invalid_id", "Invalid post ID.")
	}
	if edit && !s.canEditPost(q.user, p) {
		return nil, forbidden(q.user, "rest_forbidden_context", "Sorry, you are not allowed to edit this post.")
	}
	if !s.canReadPost(q.user, p) {
		return nil, forbidden(q.user, "rest_forbidden", "Sorry, you are not allowed to do that.")
	}
	r := newReply(http.StatusOK, s.postRow(p, edit, q.fields(), q.base))
	r.rows = 1
	return r, nil
}

func (q *request) fields() fieldSet {
	list, _ := q.words("_fields")
	return parseFields(list)
}

// store keeps a row and its line in the journal.
func (s *Server) store(p *Post) {
	s.putPost(p)
	s.journalPut("post", p)
}
