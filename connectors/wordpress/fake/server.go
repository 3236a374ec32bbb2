package fake

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Server is the fake site. It is an http.Handler; all of its methods may be
// called at any time from any goroutine.
type Server struct {
	opt Options
	log requestLog

	mu sync.Mutex // guards all below
	state
	seeds    []Content
	faults   []*Fault
	faultSeq int
	homeURL  string
	counts   map[string]map[int64]int64
	countsAt int64
	journal  *os.File

	late   sync.WaitGroup
	ctx    context.Context //nolint:containedctx // ends late writes with the server
	cancel context.CancelFunc
}

// Content fills a new site before it is served.
type Content func(*Server)

// New makes a site, fills it, and replays its journal if it has one. The
// caller closes it.
func New(opt Options, content ...Content) (*Server, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Timezone == nil {
		opt.Timezone = time.UTC
	}
	if opt.CacheBytes == 0 {
		opt.CacheBytes = 512 << 20
	}
	if opt.MaxBody == 0 {
		opt.MaxBody = 8 << 20
	}
	if opt.Meta == nil {
		// Core itself registers footnotes for posts and pages.
		foot := []MetaKey{{Key: "footnotes", Type: "string", Single: true}}
		opt.Meta = map[string][]MetaKey{"post": foot, "page": foot}
	}
	s := &Server{opt: opt, seeds: content}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.fill()
	if err := errors.Join(s.log.open(opt.LogFile), s.openJournal(opt.JournalFile)); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) fill() {
	s.state = newState(&s.opt, s.opt.Now().UTC().Truncate(time.Second))
	s.counts = nil
	for _, fill := range s.seeds {
		fill(s)
	}
}

// Close ends late writes and closes the files. Requests still running end on
// their own.
func (s *Server) Close() {
	s.cancel()
	s.late.Wait()
	s.log.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.journal != nil {
		_ = s.journal.Close()
		s.journal = nil
	}
}

// Reset puts the site back to its first content and forgets faults and log.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
	s.fill()
	if s.journal != nil {
		_ = s.journal.Truncate(0)
		_, _ = s.journal.Seek(0, io.SeekStart)
	}
	s.log.clear()
}

// Configure changes the site's options while it runs, as an administrator or
// a plugin would.
func (s *Server) Configure(change func(*Options)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.opt)
	s.types = append(coreTypes(), s.opt.Types...)
	s.taxes = append(coreTaxonomies(), s.opt.Taxonomies...)
	s.version++
	for _, p := range s.posts {
		s.cacheUsed -= int64(len(p.cache))
		p.cache = nil
	}
}

// Serve answers on a listener until the context ends.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if srv.Shutdown(stop) != nil {
			_ = srv.Close()
		}
	}()
	err := srv.Serve(ln)
	if errors.Is(err, http.ErrServerClosed) {
		<-done
		return nil
	}
	return err
}

func (s *Server) now() time.Time { return s.opt.Now().UTC().Truncate(time.Second) }

func (s *Server) home() string { return s.homeURL + s.opt.Prefix }

// AddPost stores a row as if it had always been there and returns its id.
// Missing dates and status take what WordPress would give them.
func (s *Server) AddPost(p Post) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addPost(p)
}

func (s *Server) addPost(p Post) int64 {
	if p.ID == 0 {
		p.ID = s.nextPost
	}
	if p.Type == "" {
		p.Type = "post"
	}
	if p.Status == "" {
		p.Status = "publish"
	}
	if p.Date.IsZero() {
		p.Date = s.now()
	}
	if p.Modified.IsZero() {
		p.Modified = p.Date
	}
	if p.Created.IsZero() {
		p.Created = p.Date
	}
	p.DateLocal, p.ModifiedLocal = s.wall(p.Date), s.wall(p.Modified)
	if p.Author == 0 {
		p.Author = 2
	}
	if p.CommentStatus == "" {
		p.CommentStatus, p.PingStatus = "open", "open"
	}
	if p.Slug == "" && p.Status == "publish" {
		p.Slug = s.uniqueSlug(sanitizeSlug(p.Title), p.Type, nil)
	}
	s.store(p.clone())
	return p.ID
}

// AddTerm stores a term and returns its id.
func (s *Server) AddTerm(t Term) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addTerm(t)
}

func (s *Server) addTerm(t Term) int64 {
	if t.ID == 0 {
		t.ID = s.nextTerm
	}
	if t.Slug == "" {
		t.Slug = s.uniqueTermSlug(sanitizeSlug(t.Name), &t)
	}
	s.storeTerm(&t)
	return t.ID
}

// Post returns a copy of a row; ok is false when there is none.
func (s *Server) Post(id int64) (p Post, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.posts[id]
	if row == nil {
		return Post{}, false
	}
	return *row.clone(), true
}

// Edit changes a row as somebody else at the site would: modified moves on,
// unless the change sets it.
func (s *Server) Edit(id int64, change func(*Post)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.posts[id]
	if row == nil {
		return false
	}
	p := row.clone()
	change(p)
	if p.Modified.Equal(row.Modified) {
		p.Modified = s.now()
	}
	p.ModifiedLocal = s.wall(p.Modified)
	s.store(p)
	return true
}

// Remove deletes a row for good.
func (s *Server) Remove(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removePost(id)
	s.journalDelete("post", id)
}

// RemoveTerm deletes a term and takes it off every post.
func (s *Server) RemoveTerm(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeTerm(id)
	s.journalDelete("term", id)
}

// Terms returns the terms of a taxonomy.
func (s *Server) Terms(taxonomy string) []Term {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Term
	for _, t := range s.terms {
		if t.Taxonomy == taxonomy {
			out = append(out, *t)
		}
	}
	return out
}

// Posts returns copies of all rows of a type, by id.
func (s *Server) Posts(postType string) []Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Post, 0, len(s.byType[postType]))
	for _, id := range s.byType[postType] {
		out = append(out, *s.posts[id].clone())
	}
	return out
}
