package netguard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/scratch-platform/scratch/models"
)

// ErrRefused is what every refusal wraps.
var ErrRefused = errors.New("address refused")

// refused names what the user entered and the kind of address, not the address
// itself: what an internal name resolves to is the operator's, and is only in the
// cause, for the log.
func refused(host string, addr netip.Addr, why string) error {
	return models.NewProblem(models.KindInvalid, "network.address_refused",
		fmt.Sprintf("%s was not contacted: it is %s, which this server does not reach.", models.Bound(host, 253), why),
		"Enter a public address. An operator can allow a host or range of their own network with SCRATCH_NETGUARD_ALLOW.").
		Because(fmt.Errorf("%w: %s", ErrRefused, addr))
}

// DialContext returns a dial function that connects only where the policy allows.
// It serves HTTP transports and database drivers alike; only TCP is dialled.
func DialContext(p Policy) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if !strings.HasPrefix(network, "tcp") {
			return nil, refused(address, netip.Addr{}, "not a TCP address")
		}
		host := splitHost(address)
		dialer := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
		if !p.allowsHost(host) {
			dialer.ControlContext = func(_ context.Context, _, resolved string, _ syscall.RawConn) error {
				return p.checkResolved(host, resolved)
			}
		}
		return dialer.DialContext(ctx, network, address)
	}
}

// checkResolved runs between the making of a socket and its connect, on the
// address it is about to connect to: there is no moment left to change it in.
func (p Policy) checkResolved(host, resolved string) error {
	at, err := netip.ParseAddrPort(resolved)
	if err != nil {
		return refused(host, netip.Addr{}, "not an address")
	}
	if why := p.check(at.Addr()); why != "" {
		return refused(host, at.Addr(), why)
	}
	return nil
}

// Transport returns an HTTP transport that connects only where the policy allows,
// with bounded times and header sizes. It uses no proxy: behind one, the address
// dialled would be the proxy's and the check would see nothing.
func Transport(p Policy) *http.Transport {
	return &http.Transport{
		DialContext:            DialContext(p),
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  90 * time.Second, // services under load answer slowly; each request has its own, shorter time
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConns:           200,
		MaxIdleConnsPerHost:    16, // pages side by side reuse their connections
		MaxResponseHeaderBytes: 256 << 10,
		ForceAttemptHTTP2:      true,
	}
}
