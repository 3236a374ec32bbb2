package connectors

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
)

var (
	errRequestTimeout = errors.New("request timeout")
	errAlreadySent    = errors.New("the request was written once and is not repeated")
)

// flight watches one request on its way: how much of it may have reached the
// service decides whether a lost answer of a write is ambiguous (Promise 5).
type flight struct {
	request *http.Request
	writes  bool
	// touched is set as soon as the transport begins to write on a connection.
	touched atomic.Bool
	// http2 is set when that connection speaks HTTP/2.
	http2 atomic.Bool
	// credential names the headers that authorize added.
	credential []string
	secrets    []string
}

// watch hangs the tracing of writes into the context.
//
// The transport takes a write to another connection only when nothing of it was
// written on the first, or an HTTP/2 service has said that it did not look at it
// (see carry and guardIdempotency for what is kept from it): GotConn therefore
// starts the watch afresh.
func (f *flight) watch(ctx context.Context) context.Context {
	ctx = context.WithValue(ctx, flightKey{}, f)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			f.touched.Store(false)
			secure, ok := info.Conn.(interface{ ConnectionState() tls.ConnectionState })
			f.http2.Store(ok && secure.ConnectionState().NegotiatedProtocol == "h2")
		},
		WroteHeaders: func() { f.touched.Store(true) },
	})
}

// carry gives the request its body, again for another connection where that is
// no repetition. HTTP/2 transports also repeat after a protocol error of the
// service's, which does not say that nothing was done.
func (f *flight) carry(r *http.Request, body []byte) {
	fresh := func() io.ReadCloser { return io.NopCloser(bytes.NewReader(body)) }
	r.Body = fresh()
	r.ContentLength = int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) {
		if f.writes && f.http2.Load() && f.touched.Load() {
			return nil, errAlreadySent
		}
		return fresh(), nil
	}
}

// guardIdempotency keeps net/http from repeating a write by itself, which it
// does when it sees an Idempotency-Key header under its canonical name. Header
// names are the same to the service in any case.
func (f *flight) guardIdempotency(r *http.Request) {
	if !f.writes {
		return
	}
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, ok := r.Header[name]; ok {
			delete(r.Header, name)
			r.Header[strings.ToLower(name)] = values
		}
	}
}

// authorize puts the credential on and remembers which headers it is in, so that
// they neither go to another host nor into an error.
func (f *flight) authorize(ctx context.Context, r *http.Request, put func(context.Context, *http.Request) error) error {
	before := r.Header.Clone()
	query := r.URL.Query()
	if err := put(ctx, r); err != nil {
		return err
	}
	for name, values := range r.Header {
		for i, value := range values {
			if i < len(before[name]) && before[name][i] == value {
				continue
			}
			f.credential = append(f.credential, name)
			f.secrets = append(f.secrets, value)
			if _, rest, ok := strings.Cut(value, " "); ok {
				f.secrets = append(f.secrets, rest)
			}
		}
	}
	for name, values := range r.URL.Query() {
		if _, ours := query[name]; !ours {
			f.secrets = append(f.secrets, values...)
		}
	}
	return nil
}

// flightKey is where follow finds the flight of a redirected request.
type flightKey struct{}

// maxRedirects is enough for http to https, www and a language path.
const maxRedirects = 5

var (
	errManyRedirects    = errors.New("too many redirects")
	errInsecureRedirect = errors.New("a redirect leads from https to http")
)

// follow is the rule on redirects: reads follow a few, never from https to http,
// and leave the credential behind when they change the host; writes follow none,
// because a repeated body is a repeated write.
func follow(next *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	if first.Method != http.MethodGet && first.Method != http.MethodHead {
		return http.ErrUseLastResponse
	}
	if len(via) >= maxRedirects {
		return errManyRedirects
	}
	if last.URL.Scheme == "https" && next.URL.Scheme != "https" {
		return errInsecureRedirect
	}
	f, ok := next.Context().Value(flightKey{}).(*flight)
	if ok && !strings.EqualFold(next.URL.Host, first.URL.Host) {
		for _, name := range f.credential {
			next.Header.Del(name)
		}
	}
	return nil
}
