package codec

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/scratch-platform/scratch/models"
)

// Authorize decides whether a request may use the endpoint; nil is yes. What is
// decoded can belong to any organization, so only operators pass.
type Authorize func(*http.Request) error

// CheckToken tells whether a bearer token is an operator's; nil is yes.
type CheckToken func(ctx context.Context, token string) error

// Bearer lets requests with an operator's token pass.
func Bearer(check CheckToken) Authorize {
	return func(r *http.Request) error {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(token) == "" {
			return unauthorized("no bearer token was sent")
		}
		if err := check(r.Context(), strings.TrimSpace(token)); err != nil {
			return unauthorized("the token is not accepted").Because(err)
		}
		return nil
	}
}

// CheckSession tells whether a request carries the session of a browser whose
// person may operate; nil is yes.
type CheckSession func(*http.Request) error

// Signed is the rule in production: besides a token, the Temporal Web UI passes by
// its exact origin in a browser in which an operator is signed in. Browsers send
// the session's cookie to the endpoint only where both are on one site. Whoever
// sends a token is judged by that alone.
func Signed(uiOrigin string, token CheckToken, session CheckSession) Authorize {
	bearer := Bearer(token)
	return func(r *http.Request) error {
		// Promise 11: the browser tells the page that asks, and no page can feign it.
		if uiOrigin == "" || r.Header.Get("Origin") != uiOrigin || r.Header.Get("Authorization") != "" {
			return bearer(r)
		}
		if err := session(r); err != nil {
			return unauthorized("no operator is signed in in this browser").Because(err)
		}
		return nil
	}
}

// Local is the rule of local mode: besides a token, the Temporal Web UI passes by
// its exact origin, from this machine. Temporal's dev server has no setting for a
// credential towards its codec endpoint. The Host is checked as well, so that a
// name that resolves to this machine (DNS rebinding) does not pass.
func Local(uiOrigin string, check CheckToken) Authorize {
	bearer := Bearer(check)
	return func(r *http.Request) error {
		if uiOrigin != "" && r.Header.Get("Origin") == uiOrigin && loopback(r.RemoteAddr) && loopback(r.Host) {
			return nil
		}
		return bearer(r)
	}
}

// loopback reports whether "host:port" or "host" names this machine.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

func unauthorized(detail string) *models.Problem {
	return models.NewProblem(models.KindUnauthenticated, "codec.unauthenticated", detail,
		"Send an operator's API token: `temporal … --codec-endpoint <url>/codec --codec-auth \"Bearer $(cat <data-dir>/api-token)\"`. "+
			"For Temporal's Web UI, open a link that `scratch sign-in --operator` makes, in the same browser; "+
			"on the machine where `scratch dev` runs it passes by itself.")
}
