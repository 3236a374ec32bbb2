package connectors

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// failed begins an error of the request.
func (c *HTTPClient) failed(req *HTTPRequest, kind Kind, reason string, cause error) *Error {
	return c.secret.clean(&Error{
		Kind: kind, Service: c.config.Service, Tried: req.Tried,
		Table: req.Table, Record: req.Record, Column: req.Column,
		Reason: reason, Cause: cause,
	})
}

// notSent is for a request that never left.
func (c *HTTPClient) notSent(req *HTTPRequest, reason string, err error) error {
	kind := KindUnavailable
	if errors.Is(err, context.DeadlineExceeded) {
		kind = KindTimeout
	}
	return c.failed(req, kind, reason, err)
}

// lost types a request that got no answer, or half of one. It is the one place
// that tells "nothing was sent" from "it may have been applied".
func (c *HTTPClient) lost(ctx context.Context, req *HTTPRequest, f *flight, timeout time.Duration, err error) error {
	c.secret.learn(f.secrets)
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // the wrapping holds the whole address, keys included
	}
	e := c.failed(req, KindUnavailable, "", err)
	switch {
	case ctx.Err() != nil:
		e.Cause = context.Cause(ctx)
		e.Reason = "it was cancelled"
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			e.Kind, e.Reason = KindTimeout, "the time for it was over"
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errRequestTimeout), timedOut(err):
		e.Kind, e.Cause = KindTimeout, errRequestTimeout
		e.Reason = fmt.Sprintf("no answer within %s", timeout)
		e.Hint = "The service is slow or not reachable now; try again later."
	default:
		explainTransport(e, err)
	}
	// Promise 5: a write of which anything may have gone out is ambiguous, and
	// nothing here or below repeats it.
	if f.writes && f.touched.Load() {
		e.Kind, e.Wait = KindAmbiguous, 0
		e.Hint = "Scratch looks whether the service applied it before anything is sent again."
	}
	return c.secret.clean(e)
}

func timedOut(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// explainTransport puts the failures to reach a service into words.
func explainTransport(e *Error, err error) {
	var (
		dns    *net.DNSError
		record tls.RecordHeaderError
	)
	problem, refused := models.AsProblem(err)
	switch {
	case refused: // the guard's word on a private address
		e.Kind, e.Code, e.Reason, e.Hint = KindInvalid, problem.Code, problem.Detail, problem.Hint
	case errors.Is(err, errInsecureRedirect):
		e.Kind, e.Code, e.Reason = KindInvalid, "redirect_insecure", "the service redirects from https to http"
		e.Hint = "Correct the redirect at the service, or enter the final https address."
	case errors.Is(err, errManyRedirects):
		e.Kind, e.Code, e.Reason = KindInvalid, "redirects_too_many", fmt.Sprintf("the service redirects more than %d times", maxRedirects)
		e.Hint = "Enter the address that the redirects lead to."
	case certificate(err):
		e.Code, e.Reason = "tls_certificate", "its certificate is not accepted: "+certificateReason(err)
		e.Hint = "Renew or correct the certificate of the service, or enter the host name it was made for."
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		e.Code, e.Reason = "tls_failed", "it does not speak https on that port"
		e.Hint = "Check the address: http or https, and the port."
	case errors.As(err, &dns) && dns.IsNotFound:
		e.Code, e.Reason = "host_unknown", fmt.Sprintf("the host %q does not exist", models.Bound(dns.Name, 253))
		e.Hint = "Check the spelling of the address."
	case errors.As(err, &dns):
		e.Code, e.Reason = "host_lookup_failed", "the host's address could not be looked up"
		e.Hint = "Check the name service of this server; try again later."
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Code, e.Reason = "connection_refused", "nothing answers on that host and port"
		e.Hint = "Check the address and port, and that the service runs."
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		e.Code, e.Reason = "host_unreachable", "the host cannot be reached from here"
		e.Hint = "Check the address, and the network of this server."
	default:
		e.Code, e.Reason = "connection_lost", "the connection broke"
		e.Hint = "Try again later."
	}
}

func certificate(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		unknown      x509.UnknownAuthorityError
		host         x509.HostnameError
		invalid      x509.CertificateInvalidError
	)
	return errors.As(err, &verification) || errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid)
}

func certificateReason(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &host):
		return "it was made for another host"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "it has expired or is not valid yet"
	case errors.As(err, &unknown):
		return "nobody known has signed it"
	default:
		return "it is not valid"
	}
}

// refused types an answer that is no yes.
func (c *HTTPClient) refused(req *HTTPRequest, a *HTTPAnswer) error {
	e := c.failed(req, KindInternal, "", nil)
	e.Status, e.Words = a.Status, excerpt(a.Body)
	byStatus(e, req.writes(), a)
	if looksLikeHTML(a.Body) && (a.Status == http.StatusForbidden || a.Status >= 500) {
		e.Code = "answer_html"
		e.Hint = "A web page came in place of data: a firewall, a maintenance mode or a fatal error of the service."
		if a.Status == http.StatusForbidden {
			e.Kind = KindUnavailable // a firewall's no is not the service's, and says nothing about rights
		}
	}
	if wait, ok := retryAfter(a.Header, c.config.Now()); ok {
		e.Wait = wait
	}
	if c.config.Explain != nil {
		c.config.Explain(a, e)
	}
	if e.Kind == KindRateLimited && e.Wait <= 0 {
		e.Wait = c.slow.next()
	}
	if e.Wait > 0 && e.Kind != KindQuota && c.config.Limiter != nil {
		claims := req.Claims
		if claims == nil {
			claims = c.config.Claims
		}
		if len(claims) > 0 {
			c.config.Limiter.Penalize(claims[0].Key, c.config.Now().Add(e.Wait))
		}
	}
	return c.secret.clean(e)
}

// byStatus is what a status alone says.
func byStatus(e *Error, writes bool, a *HTTPAnswer) {
	switch status := a.Status; {
	case status >= 300 && status < 400:
		e.Kind, e.Code, e.Words = KindInvalid, "redirected", ""
		e.Reason = "the address redirects, and a change is never sent after a redirect"
		if to, err := a.URL.Parse(a.Header.Get("Location")); err == nil && to.Host != "" {
			e.Reason = fmt.Sprintf("the address redirects to %s://%s%s", to.Scheme, to.Host, models.Bound(to.Path, 200))
		}
		e.Hint = "Enter the address that the redirect leads to."
	case status == http.StatusUnauthorized:
		e.Kind, e.Hint = KindAuth, "Enter the credential of this connection again."
	case status == http.StatusForbidden:
		e.Kind, e.Hint = KindPermission, "Give this account the right for it at the service, or connect another account."
	case status == http.StatusPaymentRequired:
		e.Kind, e.Hint = KindQuota, "The service asks for payment before it goes on."
	case status == http.StatusNotFound, status == http.StatusGone:
		e.Kind = KindNotFound
	case status == http.StatusMethodNotAllowed, status == http.StatusNotImplemented:
		e.Kind = KindUnsupported
	case status == http.StatusConflict, status == http.StatusPreconditionFailed, status == http.StatusLocked:
		e.Kind = KindConflict
	case status == http.StatusRequestEntityTooLarge, status == http.StatusRequestURITooLong, status == http.StatusRequestHeaderFieldsTooLarge:
		e.Kind = KindTooLarge
	case status == http.StatusTooManyRequests:
		e.Kind, e.Hint = KindRateLimited, "The service asks to wait; Scratch goes on by itself."
	case status == http.StatusTooEarly:
		e.Kind = KindUnavailable
	case status >= 500 || status == http.StatusRequestTimeout:
		e.Kind, e.Hint = KindUnavailable, "The service has trouble; try again later."
		if writes {
			e.Kind = KindAmbiguous // it may have failed after it had stored
		}
	default:
		e.Kind = KindInvalid
	}
}

// maxWait bounds what a Retry-After can ask for.
const maxWait = 24 * time.Hour

// retryAfter reads the header as seconds or as a date; a date is held against
// the service's own clock.
func retryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseFloat(value, 64); err == nil {
		if seconds < 0 || seconds != seconds {
			return 0, false
		}
		return time.Duration(min(seconds, maxWait.Seconds()) * float64(time.Second)), true
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	if theirs, err := http.ParseTime(header.Get("Date")); err == nil {
		now = theirs
	}
	return min(max(until.Sub(now), time.Second), maxWait), true
}

// backoff is how long to wait after a 429 that does not say: 2 s, doubled each
// time to a minute, with a spread so that workers do not come back together.
type backoff struct{ times atomic.Int32 }

func (b *backoff) reset() { b.times.Store(0) }

func (b *backoff) next() time.Duration {
	wait := min(2*time.Second<<min(b.times.Add(1)-1, 5), time.Minute)
	return wait + rand.N(wait/4) //nolint:gosec // a spread, not a secret
}
