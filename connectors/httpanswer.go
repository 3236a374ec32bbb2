package connectors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// HTTPAnswer is what a service answered, whole.
type HTTPAnswer struct {
	Status int
	Header http.Header
	Body   []byte
	// URL is where the answer came from, after redirects.
	URL *url.URL
	// Junk is what stood before the JSON, such as a PHP notice: JSON sets it and
	// goes on.
	Junk string

	client *HTTPClient
	req    *HTTPRequest
}

// Date is the service's clock when it answered, or the zero time.
func (a *HTTPAnswer) Date() time.Time {
	at, err := http.ParseTime(a.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return at
}

// readBody reads up to one byte more than limit. A length that was announced
// sizes the buffer, which growing would copy several times over.
func readBody(resp *http.Response, limit int64) ([]byte, error) {
	var body bytes.Buffer
	if resp.ContentLength > 0 {
		body.Grow(int(min(resp.ContentLength, limit, 4<<20)) + bytes.MinRead)
	}
	_, err := body.ReadFrom(io.LimitReader(resp.Body, limit+1))
	return body.Bytes(), err
}

// answer reads what came back and types it.
func (c *HTTPClient) answer(ctx context.Context, req *HTTPRequest, f *flight, timeout time.Duration, resp *http.Response) (*HTTPAnswer, error) {
	c.secret.learn(f.secrets)
	body, err := readBody(resp, c.config.MaxBody)
	yes := resp.StatusCode >= 200 && resp.StatusCode < 300 || resp.StatusCode == http.StatusNotModified
	switch {
	case yes && err != nil:
		f.touched.Store(true)
		return nil, c.lost(ctx, req, f, timeout, err)
	case yes && int64(len(body)) > c.config.MaxBody:
		return nil, c.unreadable(req, resp.StatusCode, KindTooLarge, "answer_too_large",
			fmt.Sprintf("the answer has more than %d bytes", c.config.MaxBody), nil, "")
	}
	a := &HTTPAnswer{Status: resp.StatusCode, Header: resp.Header, Body: body, URL: resp.Request.URL, client: c, req: req}
	if !yes {
		return nil, c.refused(req, a)
	}
	c.slow.reset()
	return a, nil
}

// JSON reads the answer into a value. An answer that is no JSON fails with what
// it is instead; of a write, with KindAmbiguous, for the service had said yes.
func (a *HTTPAnswer) JSON(into any) error {
	body := bytes.TrimPrefix(bytes.TrimSpace(a.Body), []byte("\ufeff"))
	if !json.Valid(body) {
		clean, junk, ok := skipJunk(body)
		if !ok {
			return a.notJSON(body)
		}
		body = clean
		a.Junk = models.Bound(a.client.secret.text(excerpt(junk)), MaxServiceWords)
	}
	if err := json.Unmarshal(body, into); err != nil {
		reason := "the answer has another form than expected"
		var mismatch *json.UnmarshalTypeError
		if errors.As(err, &mismatch) {
			reason = fmt.Sprintf("%q in the answer is a %s", mismatch.Field, mismatch.Value)
		}
		return a.client.unreadable(a.req, a.Status, KindInternal, "answer_unexpected", reason, body,
			"The service may have changed, or a plugin alters its answers. Please report this.")
	}
	return nil
}

// Warning says that JSON had to be dug out of something, or is nil.
func (a *HTTPAnswer) Warning() *models.Problem {
	if a.Junk == "" {
		return nil
	}
	return models.NewProblem(models.KindUnavailable, "connector.junk_before_json",
		fmt.Sprintf("%s put text before its answer: %q", a.client.config.Service, a.Junk),
		"Switch off the display of errors and notices at the service; a plugin may be at fault.")
}

func (a *HTTPAnswer) notJSON(body []byte) error {
	switch {
	case len(body) == 0:
		return a.client.unreadable(a.req, a.Status, KindUnavailable, "answer_empty", "the answer is empty", nil, "")
	case looksLikeHTML(body):
		return a.client.unreadable(a.req, a.Status, KindInvalid, "answer_html", "the answer is a web page, not data", body,
			"Check the address. A login page, a maintenance mode or a firewall may answer in the service's place.")
	default:
		return a.client.unreadable(a.req, a.Status, KindInvalid, "answer_not_json", "the answer is not JSON", body,
			"Check that the address is the one of the service's API.")
	}
}

// unreadable is for a yes whose content cannot be used.
func (c *HTTPClient) unreadable(req *HTTPRequest, status int, kind Kind, code, reason string, body []byte, hint string) error {
	e := c.failed(req, kind, reason, nil)
	e.Code, e.Status, e.Hint, e.Words = code, status, hint, excerpt(body)
	if req.writes() {
		e.Kind = KindAmbiguous
	}
	return c.secret.clean(e)
}

// Places to look for the beginning of JSON behind junk.
const (
	maxJunk       = 64 << 10
	maxJunkStarts = 64
)

// skipJunk finds JSON that has something else before it.
func skipJunk(body []byte) (clean, junk []byte, ok bool) {
	head := body[:min(len(body), maxJunk)]
	at := 0
	for range maxJunkStarts {
		next := bytes.IndexAny(head[at:], "{[")
		if next < 0 {
			return nil, nil, false
		}
		at += next
		if at > 0 && json.Valid(body[at:]) {
			return body[at:], body[:at], true
		}
		at++
	}
	return nil, nil, false
}

func looksLikeHTML(body []byte) bool {
	head := strings.ToLower(string(bytes.TrimSpace(body[:min(len(body), 1024)])))
	return strings.HasPrefix(head, "<!doctype html") || strings.HasPrefix(head, "<html") ||
		strings.HasPrefix(head, "<") && (strings.Contains(head, "<body") || strings.Contains(head, "<head") || strings.Contains(head, "<br"))
}

// excerpt is the beginning of an answer as a person reads it: a web page without
// its tags and scripts. It is longer than what is kept, so that a secret at the
// end of what is kept is whole when it is looked for.
func excerpt(body []byte) string {
	text := strings.ToValidUTF8(string(body[:min(len(body), 16<<10)]), "\ufffd")
	if strings.Contains(text, "<") && strings.Contains(text, ">") {
		text = html.UnescapeString(withoutTags(text))
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
	return models.Bound(strings.Join(strings.Fields(text), " "), 8*MaxServiceWords)
}

func withoutTags(text string) string {
	var b strings.Builder
	for text != "" {
		before, rest, found := strings.Cut(text, "<")
		b.WriteString(before)
		if !found {
			break
		}
		for _, block := range []string{"script", "style"} {
			if len(rest) > len(block) && strings.EqualFold(rest[:len(block)], block) {
				_, rest, _ = strings.Cut(rest, "</")
				break
			}
		}
		_, text, _ = strings.Cut(rest, ">")
		b.WriteByte(' ')
	}
	return b.String()
}
