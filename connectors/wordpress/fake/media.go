package fake

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// mediaBody writes an attachment's own members of a row.
func (s *Server) mediaBody(w *rowWriter, p *Post) {
	w.num("author", p.Author)
	w.num("featured_media", 0)
	w.str("comment_status", p.CommentStatus)
	w.str("ping_status", p.PingStatus)
	w.str("template", p.Template)
	w.str("alt_text", p.AltText)
	w.rich("caption", p.Excerpt, func() string { return renderExcerpt(p.Excerpt, "") }, false, false)
	w.rich("description", p.Content, func() string { return renderContent(p.Content) }, false, false)
	kind := "file"
	if strings.HasPrefix(p.MimeType, "image/") {
		kind = "image"
	}
	w.str("media_type", kind)
	w.str("mime_type", p.MimeType)
	w.raw("media_details", []byte(`{"filesize":`+strconv.FormatInt(p.MenuOrder, 10)+`,"sizes":{}}`))
	w.raw("post", []byte("null"))
	w.str("source_url", s.home()+"/wp-content/uploads/"+p.File)
}

// createMedia takes a raw body with Content-Disposition, or a multipart form
// with a part named file.
func (s *Server) createMedia(q *request, t *Type) (*reply, *apiError) {
	if !s.can(q.user, "upload_files") {
		return nil, forbidden(q.user, "rest_cannot_create", "Sorry, you are not allowed to upload media on this site.")
	}
	name, kind, data, err := q.upload()
	if err != nil {
		return nil, err
	}
	ext := strings.ToLower(path.Ext(name))
	allowed := map[string]string{".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".webp": "image/webp", ".pdf": "application/pdf"}
	if allowed[ext] == "" {
		return nil, fail(http.StatusInternalServerError, "rest_upload_unknown_error", "Sorry, you are not allowed to upload this file type.")
	}
	if kind == "" {
		kind = allowed[ext]
	}
	title := strings.TrimSuffix(name, path.Ext(name))
	now := s.now()
	p := &Post{
		ID: s.nextPost, Type: "attachment", Status: "inherit", Author: q.user.ID, Title: title, MimeType: kind, Created: now,
		Date: now, DateLocal: s.wall(now), Modified: now, ModifiedLocal: s.wall(now), CommentStatus: "open", PingStatus: "closed", MenuOrder: int64(len(data)),
	}
	p.Slug = s.uniqueSlug(sanitizeSlug(title), "attachment", nil)
	p.File = now.Format("2006/01/") + p.Slug + ext
	s.store(p.clone())
	r := newReply(http.StatusCreated, s.postRow(p, true, q.fields(), q.base))
	r.header.Set("Location", q.base+"wp/v2/media/"+strconv.FormatInt(p.ID, 10))
	r.changes = []Change{{Op: "create", Table: t.RestBase, ID: p.ID, Title: title}}
	return r, nil
}

func (q *request) upload() (name, kind string, data []byte, err *apiError) {
	kind, params, _ := mime.ParseMediaType(q.header.Get("Content-Type"))
	if kind == "multipart/form-data" {
		return q.uploadForm(params["boundary"])
	}
	if len(q.raw) == 0 {
		return "", "", nil, fail(http.StatusBadRequest, "rest_upload_no_data", "No data supplied.")
	}
	if kind == "" {
		return "", "", nil, fail(http.StatusBadRequest, "rest_upload_no_content_type", "No Content-Type supplied.")
	}
	disposition := q.header.Get("Content-Disposition")
	if disposition == "" {
		return "", "", nil, fail(http.StatusBadRequest, "rest_upload_no_content_disposition", "No Content-Disposition supplied.")
	}
	name = dispositionName(disposition)
	if name == "" {
		return "", "", nil, fail(http.StatusBadRequest, "rest_upload_invalid_disposition", "Invalid Content-Disposition supplied. Content-Disposition needs to be formatted as `attachment; filename=\"image.png\"` or similar.")
	}
	return path.Base(name), kind, q.raw, nil
}

func (q *request) uploadForm(boundary string) (name, kind string, data []byte, err *apiError) {
	form := multipart.NewReader(bytes.NewReader(q.raw), boundary)
	for {
		part, perr := form.NextPart()
		if perr != nil {
			return "", "", nil, fail(http.StatusBadRequest, "rest_upload_no_data", "No data supplied.")
		}
		if part.FormName() != "file" {
			continue
		}
		data, perr := io.ReadAll(part)
		if perr != nil {
			return "", "", nil, fail(http.StatusBadRequest, "rest_upload_no_data", "No data supplied.")
		}
		return path.Base(part.FileName()), part.Header.Get("Content-Type"), data, nil
	}
}

// dispositionName reads filename= as core does: by hand, without the
// filename*= of RFC 2231.
func dispositionName(header string) string {
	for _, part := range strings.Split(header, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if ok && strings.TrimSpace(key) == "filename" {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}
