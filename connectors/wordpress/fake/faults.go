package fake

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The kinds of fault. Each says what happens to a request that it matches.
const (
	FaultStatus    = "status"    // an error document with Status; with Apply, after the write was done
	FaultHTML      = "html"      // a host's or firewall's HTML page with Status
	FaultDrop      = "drop"      // the connection is closed; with Apply, after the write was done
	FaultLate      = "late"      // the connection is closed and the write is done DelayMS later
	FaultCut       = "cut"       // the write is done and half of the answer is sent
	FaultSlow      = "slow"      // the answer comes DelayMS late
	FaultLag       = "lag"       // reads do not see what was created in the last DelayMS
	FaultShort     = "short"     // a page lacks its last Rows rows
	FaultDuplicate = "duplicate" // a page repeats its first row at the end
	FaultDelete    = "delete"    // after the page is answered, its first Rows rows are deleted
	FaultEmpty     = "empty"     // 200 with no rows and a total of 0
	FaultNotice    = "notice"    // a PHP notice in HTML stands before the JSON
)

var faultKinds = []string{FaultStatus, FaultHTML, FaultDrop, FaultLate, FaultCut, FaultSlow, FaultLag, FaultShort, FaultDuplicate, FaultDelete, FaultEmpty, FaultNotice}

// Fault is a switch: what goes wrong, for which requests, how often.
type Fault struct {
	ID   string `json:"id,omitempty"`
	Kind string `json:"kind"`
	// Method matches the effective method; empty matches all.
	Method string `json:"method,omitempty"`
	// Path is a glob over the REST route, such as /wp/v2/posts/*; empty matches all.
	Path string `json:"path,omitempty"`
	// Contains must occur in the query or the body; empty matches all.
	Contains string `json:"contains,omitempty"`
	// Skip lets that many matching requests pass first.
	Skip int `json:"skip,omitempty"`
	// Times is how many requests are hit: 0 means one, -1 means every one.
	Times int `json:"times,omitempty"`

	Status int `json:"status,omitempty"`
	// RetryAfter is sent as it is: seconds or an HTTP date.
	RetryAfter string `json:"retry_after,omitempty"`
	// Text goes into the answer, word for word.
	Text string `json:"text,omitempty"`
	// Code is the error document's code; empty: one that fits the status.
	Code    string `json:"code,omitempty"`
	Apply   bool   `json:"apply,omitempty"`
	DelayMS int    `json:"delay_ms,omitempty"`
	// HoldMS keeps the connection open that long before it is closed.
	HoldMS int `json:"hold_ms,omitempty"`
	// Items lets a batch do only its first Items writes (with Apply).
	Items int `json:"items,omitempty"`
	Rows  int `json:"rows,omitempty"`

	Seen int `json:"seen"`
	Hits int `json:"hits"`
}

func (f *Fault) check() error {
	if !slices.Contains(faultKinds, f.Kind) {
		return fmt.Errorf("fault kind %q is unknown; use one of %s", f.Kind, strings.Join(faultKinds, ", "))
	}
	if _, err := path.Match(f.Path, "/"); err != nil {
		return fmt.Errorf("fault path %q is not a glob: %w", f.Path, err)
	}
	if (f.Kind == FaultStatus || f.Kind == FaultHTML) && (f.Status < 200 || f.Status > 599) {
		return fmt.Errorf("fault of kind %s needs a status between 200 and 599", f.Kind)
	}
	return nil
}

// matches counts the request and says whether the fault strikes.
func (f *Fault) matches(q *request) bool {
	if f.Method != "" && f.Method != q.method {
		return false
	}
	if ok, _ := path.Match(f.Path, q.route); f.Path != "" && !ok {
		return false
	}
	if f.Contains != "" && !strings.Contains(string(q.raw), f.Contains) && !strings.Contains(q.query.Encode(), f.Contains) {
		return false
	}
	f.Seen++
	times := f.Times
	if times == 0 {
		times = 1
	}
	if f.Seen <= f.Skip || times > 0 && f.Hits >= times {
		return false
	}
	f.Hits++
	return true
}

// effect is what the matching faults do to one request.
type effect struct {
	names      []string
	wait       time.Duration
	instead    *reply // answered instead
	apply      bool   // … after the write was done
	drop       bool
	late       time.Duration
	hold       time.Duration
	cut        bool
	notice     string
	lag        time.Duration
	applyItems int
	short      int
	duplicate  bool
	remove     int
	empty      bool
}

// Inject switches a fault on and returns its id.
func (s *Server) Inject(f Fault) (string, error) {
	if err := f.check(); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.ID == "" {
		s.faultSeq++
		f.ID = "fault-" + strconv.Itoa(s.faultSeq)
	}
	s.faults = append(s.faults, &f)
	return f.ID, nil
}

// Faults lists the faults with how often each was seen and struck.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Fault, 0, len(s.faults))
	for _, f := range s.faults {
		out = append(out, *f)
	}
	return out
}

// ClearFaults switches off one fault, or all with an empty id.
func (s *Server) ClearFaults(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.DeleteFunc(s.faults, func(f *Fault) bool { return id == "" || f.ID == id })
}

// effectOf is called with the lock held.
func (s *Server) effectOf(q *request) effect {
	var e effect
	for _, f := range s.faults {
		if f.matches(q) {
			e.names = append(e.names, f.ID)
			e.add(f)
		}
	}
	return e
}

func (e *effect) add(f *Fault) {
	delay := time.Duration(f.DelayMS) * time.Millisecond
	e.hold = max(e.hold, time.Duration(f.HoldMS)*time.Millisecond)
	switch f.Kind {
	case FaultStatus, FaultHTML:
		e.instead, e.apply = f.answer(), f.Apply
	case FaultDrop:
		e.drop, e.apply = true, f.Apply
	case FaultLate:
		e.late = max(delay, time.Millisecond)
	case FaultCut:
		e.cut = true
	case FaultSlow:
		e.wait += delay
	case FaultLag:
		e.lag = delay
	case FaultShort:
		e.short = max(f.Rows, 1)
	case FaultDuplicate:
		e.duplicate = true
	case FaultDelete:
		e.remove = max(f.Rows, 1)
	case FaultEmpty:
		e.empty = true
	case FaultNotice:
		e.notice = "<br />\n<b>Notice</b>:  Undefined variable: " + f.Text + " in <b>/srv/wp-content/plugins/old/old.php</b> on line <b>12</b><br />\n"
	}
	if f.Items > 0 {
		e.applyItems = f.Items
	}
}

func (f *Fault) answer() *reply {
	var r *reply
	if f.Kind == FaultHTML {
		r = htmlReply(f.Status, "<!DOCTYPE html><html><head><title>"+strconv.Itoa(f.Status)+" "+http.StatusText(f.Status)+"</title></head><body><h1>Access to this page has been limited</h1><p>"+f.Text+"</p></body></html>")
	} else {
		code, text := f.Code, f.Text
		if code == "" {
			code = map[int]string{429: "too_many_requests", 403: "rest_forbidden", 404: "rest_no_route"}[f.Status]
		}
		if code == "" {
			code = "internal_server_error"
		}
		if text == "" {
			text = "There has been a critical error on this website."
		}
		r = fail(f.Status, code, text).reply()
	}
	if f.RetryAfter != "" {
		r.header.Set("Retry-After", f.RetryAfter)
	}
	return r
}

// all empties a selection under the fault "empty".
func (e *effect) all(ids []int64) []int64 {
	if e.empty {
		return nil
	}
	return ids
}

// bend changes the rows of one page.
func (e *effect) bend(ids []int64) []int64 {
	if e.short > 0 {
		ids = ids[:max(0, len(ids)-e.short)]
	}
	if e.duplicate && len(ids) > 0 {
		ids = append(slices.Clone(ids), ids[0])
	}
	return ids
}
