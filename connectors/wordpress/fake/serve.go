package fake

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP answers the API, the site's front page, and the control routes.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_fake/") {
		s.control(w, r)
		return
	}
	s.learnHome(r)
	route, ok := s.restRoute(r)
	if !ok {
		s.page(w, r)
		return
	}
	entry := s.log.begin(&Entry{Method: r.Method, Route: route, Query: r.URL.RawQuery, Received: s.opt.Now()})
	q, refused := s.readRequest(r, route)
	s.log.note(entry, func(e *Entry) {
		e.Method = q.method
		if login, _, ok := r.BasicAuth(); ok {
			e.User = clip(login, 60)
		}
	})
	s.mu.Lock()
	q.effect = s.effectOf(q)
	s.mu.Unlock()
	s.log.note(entry, func(e *Entry) { e.Faults = q.effect.names })
	if !pause(r.Context(), q.effect.wait) {
		s.finish(entry, 0, AnswerLost)
		return
	}
	rep := refused
	if rep == nil {
		rep = s.act(r, q, entry)
	}
	s.send(w, r, q, rep, entry)
}

// act carries the request out, as far as its faults let it.
func (s *Server) act(r *http.Request, q *request, entry *Entry) *reply {
	e := &q.effect
	if e.late > 0 {
		s.late.Add(1)
		go func() {
			defer s.late.Done()
			if pause(s.ctx, e.late) {
				s.perform(r, q, entry)
			}
			s.finish(entry, 0, AnswerWithheld)
		}()
		return nil
	}
	if (e.instead != nil || e.drop) && !e.apply {
		return e.instead
	}
	rep := s.perform(r, q, entry)
	if e.instead != nil {
		return e.instead
	}
	return rep
}

func (s *Server) perform(r *http.Request, q *request, entry *Entry) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	user, err := s.authenticate(r)
	var rep *reply
	if err != nil {
		rep = err.reply()
	} else {
		q.user = user
		rep = s.route(q)
	}
	s.log.note(entry, func(e *Entry) {
		e.Rows, e.Changes = rep.rows, rep.changes
		if len(rep.changes) > 0 {
			at := s.opt.Now()
			e.Applied = &at
		}
	})
	return rep
}

// send writes the answer, or withholds it.
func (s *Server) send(w http.ResponseWriter, r *http.Request, q *request, rep *reply, entry *Entry) {
	e := &q.effect
	if e.drop || e.late > 0 {
		pause(r.Context(), e.hold)
		if e.late == 0 {
			s.finish(entry, 0, AnswerWithheld)
		}
		panic(http.ErrAbortHandler) // the server closes the connection without an answer
	}
	h := w.Header()
	for k, v := range rep.header {
		h[k] = v
	}
	h.Add("Link", "<"+q.base+`>; rel="https://api.w.org/"`)
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Access-Control-Expose-Headers", "X-WP-Total, X-WP-TotalPages, Link")
	body := rep.body
	if e.notice != "" {
		body = append([]byte(e.notice), body...)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(rep.status)
	if r.Method == http.MethodHead {
		s.finish(entry, rep.status, AnswerSent)
		return
	}
	if e.cut {
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		s.finish(entry, rep.status, AnswerCut)
		panic(http.ErrAbortHandler)
	}
	answer := AnswerSent
	if _, err := w.Write(body); err != nil || r.Context().Err() != nil {
		answer = AnswerLost
	}
	s.finish(entry, rep.status, answer)
}

func (s *Server) finish(entry *Entry, status int, answer string) {
	at := s.opt.Now()
	s.log.end(entry, func(e *Entry) { e.Status, e.Answer, e.Ended = status, answer, &at })
}

// pause waits; it is false when the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// readRequest reads body and overrides. The reply is not nil when the host
// refuses the request before WordPress sees it.
func (s *Server) readRequest(r *http.Request, route string) (*request, *reply) {
	q := &request{method: r.Method, route: route, query: r.URL.Query(), header: r.Header, base: s.apiBase()}
	s.mu.Lock()
	opt := s.opt
	s.mu.Unlock()
	if slices.Contains(opt.BlockMethods, r.Method) {
		return q, htmlReply(http.StatusMethodNotAllowed, "<html><head><title>405 Not Allowed</title></head><body><center><h1>405 Not Allowed</h1></center></body></html>")
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, opt.MaxBody+1))
	if err != nil {
		return q, fail(http.StatusBadRequest, "rest_invalid_json", "The body could not be read.").reply()
	}
	if int64(len(raw)) > opt.MaxBody {
		if !opt.EmptyParamsOverMaxBody {
			return q, htmlReply(http.StatusRequestEntityTooLarge, "<html><head><title>413 Request Entity Too Large</title></head><body><center><h1>413 Request Entity Too Large</h1></center><hr><center>nginx</center></body></html>")
		}
		raw = nil
	}
	q.raw = raw
	if r.Method == http.MethodPost {
		if m := r.URL.Query().Get("_method"); m != "" {
			q.method = strings.ToUpper(m)
		} else if m := r.Header.Get("X-HTTP-Method-Override"); m != "" {
			q.method = strings.ToUpper(m)
		}
	}
	if q.method == http.MethodHead {
		q.method = http.MethodGet
	}
	if err := q.parseBody(); err != nil {
		return q, err.reply()
	}
	return q, nil
}

// restRoute finds the API route of a URL, under either form of permalinks.
func (s *Server) restRoute(r *http.Request) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path, ok := strings.CutPrefix(r.URL.Path, s.opt.Prefix)
	if !ok {
		return "", false
	}
	if route := r.URL.Query().Get("rest_route"); route != "" && (path == "/" || path == "" || path == "/index.php") {
		return cleanRoute(route), true
	}
	if s.opt.PlainPermalinks || s.opt.HTMLNotFoundAPI {
		return "", false
	}
	rest, ok := strings.CutPrefix(path, "/wp-json")
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return cleanRoute(rest), true
}

func cleanRoute(route string) string {
	if route = "/" + strings.Trim(route, "/"); route == "" {
		return "/"
	}
	return route
}

func (s *Server) learnHome(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opt.SiteURL != "" {
		s.homeURL = strings.TrimSuffix(s.opt.SiteURL, s.opt.Prefix)
		return
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	s.homeURL = scheme + "://" + r.Host
}

func (s *Server) apiBase() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opt.PlainPermalinks {
		return s.home() + "/?rest_route=/"
	}
	return s.home() + "/wp-json/"
}

// page answers everything that is not the API: the front page and the pages of
// posts announce the API, anything else is the theme's 404.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	base := s.apiBase()
	s.mu.Lock()
	prefix, name, hide := s.opt.Prefix, s.opt.Name, s.opt.HTMLNotFoundAPI
	slug := strings.Trim(strings.TrimPrefix(r.URL.Path, prefix), "/")
	known := slug == "" || s.bySlug["post/"+slug] > 0 || s.bySlug["page/"+slug] > 0
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	if !hide && (strings.HasPrefix(r.URL.Path, prefix+"/") || r.URL.Path == prefix) {
		w.Header().Add("Link", "<"+base+`>; rel="https://api.w.org/"`)
	}
	if !known {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><head><title>Page not found</title></head><body><h1>Nothing here</h1></body></html>")
		return
	}
	_, _ = fmt.Fprintf(w, "<!DOCTYPE html><html><head><title>%[1]s</title><link rel=\"https://api.w.org/\" href=\"%[2]s\" /></head><body><h1>%[1]s</h1></body></html>", html.EscapeString(name), html.EscapeString(base))
}

// Redirect answers every request with a permanent redirect to another site
// address, as a host does from http to https or from the bare domain to www.
func Redirect(to string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.TrimSuffix(to, "/")+r.URL.RequestURI(), http.StatusMovedPermanently)
	})
}

// encodeQuery keeps commas readable, as WordPress's own links do.
func encodeQuery(v url.Values) string { return strings.ReplaceAll(v.Encode(), "%2C", ",") }
