package connectors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Defaults of HTTPConfig.
const (
	defaultTimeout = 30 * time.Second
	defaultMaxBody = 32 << 20
	userAgent      = "Scratch/1 (+https://github.com/scratch-platform/scratch)"
)

// HTTPConfig says how one connector reaches its service.
type HTTPConfig struct {
	Service   string
	Base      string // "https://blog.example/wp-json"; a request's Path is put behind it
	Transport http.RoundTripper
	Limiter   Limiter
	// Claims are waited for before each request, in this order: one for most
	// services, several where limits are nested (a base and its user). The first
	// is the one that a 429 silences.
	Claims []Claim
	// Own narrows the first claim, which is the connection's, before each request:
	// Dependencies.Own.
	Own func(ctx context.Context) OwnLimits
	// Authorize puts the credential on each request; nil for none.
	Authorize func(ctx context.Context, r *http.Request) error
	// Tokens makes a 401 refresh the token and send the request once more (a 401
	// is a no: nothing was written). It replaces Authorize with a bearer token.
	Tokens TokenSource
	// Secrets are kept out of every error, in whatever spelling a service quotes
	// them. What Authorize puts on a request is kept out without being named.
	Secrets []string
	// Explain reads the service's own error: it is given the answer and an error
	// made from the status alone, and corrects kind, code, words, column, hint.
	// For a write, KindAmbiguous and no other kind says that it may have been
	// applied: 5xx answers to writes come with it, and Explain takes it away only
	// where the service's code proves that nothing was done.
	Explain func(answer *HTTPAnswer, e *Error)
	Timeout time.Duration // of one request with its answer; 30 s when 0
	MaxBody int64         // of an answer, decompressed; 32 MB when 0
	Now     func() time.Time
}

// Claim is a share of one limit.
type Claim struct {
	Key  string
	Rate Rate
}

// HTTPClient is how every connector speaks HTTP. It waits for the connection's
// limits, authenticates, bounds time and size, types every failure once, and
// repeats nothing: what may be tried again is the caller's to say.
type HTTPClient struct {
	config HTTPConfig
	client *http.Client
	secret *redactor
	slow   backoff
}

// HTTPRequest is one request.
type HTTPRequest struct {
	Method string
	Path   string // behind the base
	URL    string // in place of base and path
	Query  url.Values
	Header http.Header
	// Body is sent as JSON, Raw as it is with ContentType.
	Body        any
	Raw         []byte
	ContentType string
	// Reads says of a POST that it only asks. Every method but GET, HEAD and
	// OPTIONS is a write without it.
	Reads bool
	// Anonymous sends no credential.
	Anonymous bool
	// Tried, Table, Record and Column go into errors.
	Tried, Table, Record, Column string
	Timeout                      time.Duration // in place of the config's
	Claims                       []Claim       // in place of the config's
}

func (r *HTTPRequest) writes() bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	default:
		return !r.Reads
	}
}

// NewHTTPClient fails when Base is not an http or https address.
func NewHTTPClient(config HTTPConfig) (*HTTPClient, error) {
	if config.Base != "" {
		if err := checkAddress(config.Service, config.Base); err != nil {
			return nil, err
		}
	}
	if config.Timeout <= 0 {
		config.Timeout = defaultTimeout
	}
	if config.MaxBody <= 0 {
		config.MaxBody = defaultMaxBody
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Tokens != nil {
		config.Authorize = nil
	}
	return &HTTPClient{
		config: config,
		client: &http.Client{Transport: config.Transport, CheckRedirect: follow},
		secret: newRedactor(config.Secrets...),
	}, nil
}

func checkAddress(service, base string) error {
	u, err := url.Parse(base)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.Fragment == "" {
		return nil
	}
	return &Error{
		Kind: KindInvalid, Service: service, Tried: "read the address", Code: "address_invalid",
		Reason: "the address is not of the form https://host/path",
		Hint:   "Enter the address as a browser shows it, without user name, password or #part.",
	}
}

// Do sends the request and gives the answer, whole, when its status is 2xx. Any
// other outcome is an *Error. Of a write, only KindAmbiguous leaves open whether
// it was applied; every other kind says that it was not.
func (c *HTTPClient) Do(ctx context.Context, req HTTPRequest) (*HTTPAnswer, error) {
	if c.config.Tokens == nil {
		return c.attempt(ctx, &req, c.config.Authorize)
	}
	token, err := c.token(ctx, &req, "")
	if err != nil {
		return nil, err
	}
	answer, err := c.attempt(ctx, &req, bearer(token))
	if req.Anonymous || !unauthorized(err) {
		return answer, err
	}
	fresh, refreshErr := c.token(ctx, &req, token)
	if refreshErr != nil {
		return nil, refreshErr
	}
	if fresh == token {
		return nil, err
	}
	return c.attempt(context.WithValue(ctx, attemptKey{}, 2), &req, bearer(fresh))
}

type attemptKey struct{}

// Attempt says for the how-manieth time a request is sent, 1 for the first: a
// transport reads it off the request's context.
func Attempt(ctx context.Context) int {
	if n, ok := ctx.Value(attemptKey{}).(int); ok {
		return n
	}
	return 1
}

func (c *HTTPClient) token(ctx context.Context, req *HTTPRequest, refused string) (string, error) {
	if req.Anonymous {
		return "", nil
	}
	token, err := c.config.Tokens.Token(ctx, refused)
	if err != nil {
		if e, ok := AsError(err); ok {
			return "", c.secret.clean(e)
		}
		return "", c.failed(req, KindUnavailable, "no access token could be had", err)
	}
	return token, nil
}

func bearer(token string) func(context.Context, *http.Request) error {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
}

func unauthorized(err error) bool {
	e, ok := AsError(err)
	return ok && e.Status == http.StatusUnauthorized
}

// attempt sends the request once.
func (c *HTTPClient) attempt(ctx context.Context, req *HTTPRequest, authorize func(context.Context, *http.Request) error) (*HTTPAnswer, error) {
	release, err := c.claim(ctx, req)
	if err != nil {
		return nil, err
	}
	defer release()

	timeout := c.config.Timeout
	if req.Timeout > 0 {
		timeout = req.Timeout
	}
	limited, cancel := context.WithTimeoutCause(ctx, timeout, errRequestTimeout)
	defer cancel()
	f, err := c.build(limited, req, authorize)
	if err != nil {
		return nil, err
	}
	resp, err := c.client.Do(f.request)
	if err != nil {
		return nil, c.lost(ctx, req, f, timeout, err)
	}
	defer resp.Body.Close() // the body was read or given up; its close tells nothing new
	return c.answer(ctx, req, f, timeout, resp)
}

// claim waits for every limit the request comes under.
func (c *HTTPClient) claim(ctx context.Context, req *HTTPRequest) (func(), error) {
	claims := req.Claims
	if claims == nil {
		claims = c.config.Claims
	}
	releases := make([]func(), 0, len(claims))
	release := func() {
		for _, r := range releases {
			r()
		}
	}
	if c.config.Limiter == nil {
		claims = nil
	}
	for i, claim := range claims {
		rate := claim.Rate
		if i == 0 && c.config.Own != nil {
			rate = c.config.Own(ctx).Narrow(rate)
		}
		r, err := c.config.Limiter.Wait(ctx, claim.Key, rate)
		if err != nil {
			release()
			return nil, c.notSent(req, "it was waiting for its turn under the service's limits", err)
		}
		releases = append(releases, r)
	}
	if err := ctx.Err(); err != nil {
		release()
		return nil, c.notSent(req, "it was not sent", err)
	}
	return release, nil
}

// build makes the request, authorized, with a watch on what is written of it.
func (c *HTTPClient) build(ctx context.Context, req *HTTPRequest, authorize func(context.Context, *http.Request) error) (*flight, error) {
	body, contentType, err := encode(req)
	if err != nil {
		return nil, c.failed(req, KindInternal, "the request's body could not be written", err)
	}
	f := &flight{writes: req.writes()}
	r, err := http.NewRequestWithContext(f.watch(ctx), req.Method, c.address(req), nil)
	if err != nil {
		return nil, c.failed(req, KindInvalid, "the address is malformed", errors.New("parse url"))
	}
	for name, values := range req.Header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	r.Header.Set("User-Agent", userAgent)
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "application/json")
	}
	if body != nil {
		r.Header.Set("Content-Type", contentType)
		f.carry(r, body)
	}
	if authorize != nil && !req.Anonymous {
		if err := f.authorize(ctx, r, authorize); err != nil {
			if e, ok := AsError(err); ok {
				return nil, c.secret.clean(e)
			}
			return nil, c.failed(req, KindAuth, "the credential could not be used", err)
		}
	}
	f.guardIdempotency(r)
	f.request = r
	return f, nil
}

func (c *HTTPClient) address(req *HTTPRequest) string {
	address := req.URL
	if address == "" {
		address = strings.TrimRight(c.config.Base, "/")
		if req.Path != "" {
			address += "/" + strings.TrimLeft(req.Path, "/")
		}
	}
	if len(req.Query) > 0 {
		separator := "?"
		if strings.Contains(address, "?") {
			separator = "&"
		}
		address += separator + req.Query.Encode()
	}
	return address
}

func encode(req *HTTPRequest) (body []byte, contentType string, err error) {
	switch {
	case req.Raw != nil:
		return req.Raw, req.ContentType, nil
	case req.Body == nil:
		return nil, "", nil
	}
	// Not json.Marshal: it writes < and & as escapes, and content goes out as
	// it is.
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(req.Body); err != nil {
		return nil, "", fmt.Errorf("encode body: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), "application/json", nil
}

// Penalize silences the first claim until then, for services that announce in
// their own way that the budget is spent.
func (c *HTTPClient) Penalize(until time.Time) {
	if c.config.Limiter != nil && len(c.config.Claims) > 0 {
		c.config.Limiter.Penalize(c.config.Claims[0].Key, until)
	}
}
