package netguard

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

func TestWhichAddressesAreReached(t *testing.T) {
	refusedAddresses := []string{
		"0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
		"168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192",
		"192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1",
		"240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::a00:1", "64:ff9b:1::808:808",
		"fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "ff02::1", "2001::1", "2001:db8::1",
		"2002:7f00:1::", "3fff::1", "fec0::1", "100::1", "5f00::1",
	}
	for _, text := range refusedAddresses {
		require.NotEmpty(t, Policy{}.check(netip.MustParseAddr(text)), text)
	}
	for _, text := range []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0",
		"192.167.255.255", "198.20.0.0", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
	} {
		require.Empty(t, Policy{}.check(netip.MustParseAddr(text)), text)
	}
}

func TestAllowList(t *testing.T) {
	p, err := ParsePolicy([]string{"10.1.0.0/16", " 192.168.7.7 ", "Wiki.Internal", "", "fd12::/16", "::ffff:10.9.9.9"})
	require.NoError(t, err)
	for _, text := range []string{"10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "192.168.7.7", "fd12::1", "10.9.9.9"} {
		require.Empty(t, p.check(netip.MustParseAddr(text)), text)
	}
	for _, text := range []string{"10.2.0.1", "192.168.7.8", "127.0.0.1", "fd13::1", "169.254.169.254"} {
		require.NotEmpty(t, p.check(netip.MustParseAddr(text)), text)
	}
	require.True(t, p.allowsHost("WIKI.internal."))
	require.False(t, p.allowsHost("wiki.internal.example.com"))
	both := p.And(Loopback())
	require.Empty(t, both.check(netip.MustParseAddr("127.0.0.1")))
	require.Empty(t, both.check(netip.MustParseAddr("10.1.0.1")))
	require.True(t, both.allowsHost("wiki.internal"))

	_, err = ParsePolicy([]string{"10.0.0.0/99", "10.0.0.256", "good.example", "bad host", "https://x"})
	for _, bad := range []string{"10.0.0.0/99", "10.0.0.256", "bad host", "https://x"} {
		require.ErrorContains(t, err, bad, "all problems at once")
	}
}

func TestCheckHostAnswersEarly(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "[::1]", "localhost", "LOCALHOST.", "a.localhost", "169.254.169.254"} {
		requireRefused(t, Policy{}.CheckHost(host))
	}
	require.NoError(t, Policy{}.CheckHost("blog.example.com"))
	require.NoError(t, Policy{}.CheckHost("8.8.8.8"))
	require.NoError(t, Loopback().CheckHost("localhost"))
}

// The names below all end at this machine; no spelling and no redirect may reach
// the server.
func TestNothingReachesLoopback(t *testing.T) {
	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer server.Close()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	require.NoError(t, err)

	client := &http.Client{Transport: Transport(Policy{})}
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.0.0.2", "0.0.0.0", "[::1]", "[::]"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+":"+port, nil)
		require.NoError(t, err)
		response, err := client.Do(request)
		if err == nil {
			_ = response.Body.Close()
		}
		requireRefused(t, err)
	}
	require.False(t, reached)
}

func TestRedirectIntoThePrivateNetworkIsRefused(t *testing.T) {
	front := httptest.NewServer(http.RedirectHandler("http://10.0.0.1:1/latest", http.StatusFound))
	defer front.Close()
	client := &http.Client{Transport: Transport(Loopback())}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL, nil)
	require.NoError(t, err)
	response, err := client.Do(request)
	if err == nil {
		_ = response.Body.Close()
	}
	requireRefused(t, err)
}

// The address a name resolved to is checked, whatever the name resolved to before
// (DNS rebinding); the answer does not tell what an internal name resolves to.
func TestResolvedAddressIsChecked(t *testing.T) {
	require.NoError(t, Policy{}.checkResolved("blog.example.com", "8.8.8.8:443"))
	err := Policy{}.checkResolved("blog.example.com", "10.11.12.13:443")
	requireRefused(t, err)
	require.Contains(t, err.Error(), "blog.example.com")
	require.NotContains(t, err.Error(), "10.11.12.13")
	requireRefused(t, Policy{}.checkResolved("x", "not an address"))
}

func TestAllowedHostAndLoopbackWork(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer server.Close()
	byName, err := ParsePolicy([]string{"localhost"})
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	require.NoError(t, err)
	for target, policy := range map[string]Policy{server.URL: Loopback(), "http://localhost:" + port: byName} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		require.NoError(t, err)
		response, err := (&http.Client{Transport: Transport(policy)}).Do(request)
		require.NoError(t, err)
		_ = response.Body.Close()
		require.Equal(t, http.StatusTeapot, response.StatusCode)
	}
}

func TestTransportIgnoresProxies(t *testing.T) {
	require.Nil(t, Transport(Policy{}).Proxy, "behind a proxy the guard would see the proxy's address only")
}

func TestOnlyTCPIsDialled(t *testing.T) {
	_, err := DialContext(Loopback())(context.Background(), "unix", "/run/secret.sock")
	requireRefused(t, err)
}

func requireRefused(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, ErrRefused)
	problem, ok := models.AsProblem(err)
	require.True(t, ok, "%v", err)
	require.NotEmpty(t, problem.Hint)
}
