package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// maxHeaders bounds the headers sent with traces.
const maxHeaders = 20

func (s *Settings) checkTelemetry(found *findings) {
	if problem := badURL(s.OTLPEndpoint); s.OTLPEndpoint != "" && problem != "" {
		found.add("SCRATCH_OTLP_ENDPOINT", problem)
	}
	if _, err := s.TraceHeaders(); err != nil {
		found.add("SCRATCH_OTLP_HEADERS", err.Error())
	} else if !s.OTLPHeaders.IsZero() && s.OTLPEndpoint == "" {
		found.add("SCRATCH_OTLP_HEADERS", "it is for SCRATCH_OTLP_ENDPOINT, which is not set")
	}
	if s.MetricsListen == "" {
		return
	}
	switch problem := badAddress(s.MetricsListen); {
	case problem != "":
		found.add("SCRATCH_METRICS_LISTEN", problem)
	case s.MetricsListen == s.Listen:
		found.add("SCRATCH_METRICS_LISTEN", "it must not be the address of the API, where /metrics needs a token")
	case public(s.MetricsListen):
		found.add("SCRATCH_METRICS_LISTEN", "it is a public address, and metrics are served there without a token; choose one of a private network")
	}
}

// public reports whether an address is one of the open internet. All addresses
// of the machine (0.0.0.0, as containers have it) are taken: the network around
// it decides there.
func public(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	shared := netip.MustParsePrefix("100.64.0.0/10") // RFC 6598, as overlay networks use it
	private := addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() || shared.Contains(addr)
	return !private
}

// parseHeaders reads name=value,name=value with percent-encoded values, as
// OTEL_EXPORTER_OTLP_HEADERS has them. Its errors hold no value: they are
// secrets.
func parseHeaders(text string) (map[string]string, error) {
	headers := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, encoded, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		if !ok || !httpguts.ValidHeaderFieldName(name) {
			return nil, errors.New("it is not of the form name=value,name=value")
		}
		value, err := url.PathUnescape(strings.TrimSpace(encoded))
		if err != nil || value == "" || !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("the value of %s is empty or not percent-encoded", name)
		}
		headers[name] = value
	}
	if len(headers) > maxHeaders {
		return nil, fmt.Errorf("it holds more than %d headers", maxHeaders)
	}
	return headers, nil
}
