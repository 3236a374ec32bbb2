package fake

import (
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
)

// control serves the request log and the fault switch. Only loopback callers
// that are not a foreign web page may use it.
//
//	GET    /_fake/log?after=N&limit=M   {"entries":[…],"last":N}
//	GET    /_fake/faults                the faults, with how often each struck
//	POST   /_fake/faults                one Fault or a list → {"ids":[…]}
//	DELETE /_fake/faults[?id=…]         one off, or all
//	GET    /_fake/state[?table=posts]   row counts, or the rows of one table
//	PUT    /_fake/meta?of=post          a list of MetaKey: what a plugin registers from now on
//	POST   /_fake/reset                 first content, no faults, empty log
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	if !fromLoopback(r) {
		http.Error(w, "the control routes answer loopback callers only", http.StatusForbidden)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /_fake/log":
		s.controlLog(w, r)
	case "GET /_fake/faults":
		answer(w, http.StatusOK, s.Faults())
	case "POST /_fake/faults":
		s.controlInject(w, r)
	case "DELETE /_fake/faults":
		s.ClearFaults(r.URL.Query().Get("id"))
		w.WriteHeader(http.StatusNoContent)
	case "GET /_fake/state":
		answer(w, http.StatusOK, s.snapshot(r.URL.Query().Get("table")))
	case "PUT /_fake/meta":
		s.controlMeta(w, r)
	case "POST /_fake/reset":
		s.Reset()
		w.WriteHeader(http.StatusNoContent)
	default:
		http.NotFound(w, r)
	}
}

func fromLoopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return false
	}
	// A page elsewhere may make a browser on this machine call us.
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		return err == nil && u.Host == r.Host
	}
	name, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		name = r.Host
	}
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(mustJSON(v))
}

func (s *Server) controlLog(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	entries, err := s.log.after(after, limit)
	if err != nil {
		http.Error(w, "the log's file could not be written: "+err.Error(), http.StatusInternalServerError)
		return
	}
	last := after
	if len(entries) > 0 {
		last = entries[len(entries)-1].Seq
	}
	answer(w, http.StatusOK, map[string]any{"entries": entries, "last": last})
}

func (s *Server) controlInject(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var list []Fault
	if err == nil && json.Unmarshal(raw, &list) != nil {
		var one Fault
		err = json.Unmarshal(raw, &one)
		list = []Fault{one}
	}
	ids := []string{}
	for _, f := range list {
		if err != nil {
			break
		}
		var id string
		if id, err = s.Inject(f); err == nil {
			ids = append(ids, id)
		}
	}
	if err != nil {
		http.Error(w, "not a fault: "+err.Error(), http.StatusBadRequest)
		return
	}
	answer(w, http.StatusCreated, map[string]any{"ids": ids})
}

// controlMeta registers other meta keys for a post type or taxonomy, as a plugin
// that was updated does. Values of keys that are no longer registered stay in
// the site's database, unseen.
func (s *Server) controlMeta(w http.ResponseWriter, r *http.Request) {
	var keys []MetaKey
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&keys); err != nil {
		http.Error(w, "not a list of meta keys: "+err.Error(), http.StatusBadRequest)
		return
	}
	s.Configure(func(o *Options) {
		meta := maps.Clone(o.Meta)
		meta[r.URL.Query().Get("of")] = keys
		o.Meta = meta
	})
	w.WriteHeader(http.StatusNoContent)
}

// snapshot is the site's database in short, or one table of it in full.
func (s *Server) snapshot(table string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.typeByBase(table); t != nil {
		rows := make([]*Post, 0, len(s.byType[t.Slug]))
		for _, id := range s.byType[t.Slug] {
			rows = append(rows, s.posts[id].clone())
		}
		return rows
	}
	if tax := s.taxByBase(table); tax != nil {
		rows := []Term{}
		for _, t := range s.terms {
			if t.Taxonomy == tax.Slug {
				rows = append(rows, *t)
			}
		}
		return rows
	}
	counts := map[string]map[string]int{}
	for _, p := range s.posts {
		base := s.typeBySlug(p.Type)
		if base == nil {
			continue
		}
		if counts[base.RestBase] == nil {
			counts[base.RestBase] = map[string]int{}
		}
		counts[base.RestBase][p.Status]++
	}
	for _, t := range s.terms {
		if tax := s.taxBySlug(t.Taxonomy); tax != nil {
			if counts[tax.RestBase] == nil {
				counts[tax.RestBase] = map[string]int{}
			}
			counts[tax.RestBase]["all"]++
		}
	}
	return counts
}
