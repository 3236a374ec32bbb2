package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// lookAtTraces hands the collector an empty batch, as a process would hand it a
// full one.
func (d *doctor) lookAtTraces(ctx context.Context) {
	const name = "traces"
	address := d.settings.TracesURL()
	if address == "" {
		return
	}
	headers, err := d.settings.TraceHeaders()
	if err != nil {
		return // told with the settings
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(nil))
	if err != nil {
		d.failed(name, address+" cannot be asked", err, "Correct SCRATCH_OTLP_ENDPOINT.")
		return
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	for key, value := range headers {
		request.Header.Set(key, value)
	}
	answer, err := (&http.Client{Timeout: checkTime}).Do(request)
	if err != nil {
		d.failed(name, address+" does not answer", err, "Check SCRATCH_OTLP_ENDPOINT, and that the collector takes OTLP over HTTP (port 4318 as a rule). Everything else works without it.")
		return
	}
	defer func() { _ = answer.Body.Close() }()
	switch status := answer.StatusCode; {
	case status < http.StatusMultipleChoices:
		d.ok(name, "%s takes traces, of %g of the requests", address, float64(d.settings.TraceSample))
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		d.broken(name, fmt.Sprintf("%s refuses the token (%d)", address, status), "Correct SCRATCH_OTLP_HEADERS: Authorization=<write token>; the token's region must be the endpoint's.")
	case status == http.StatusNotFound:
		d.broken(name, address+" takes no traces (404)", "SCRATCH_OTLP_ENDPOINT is the base that /v1/traces is put behind.")
	default:
		d.broken(name, fmt.Sprintf("%s answers %d", address, status), "Look at the collector's log.")
	}
}

// lookAtMetrics looks for Scratch, or for nobody, at the address for Prometheus.
func (d *doctor) lookAtMetrics(ctx context.Context) {
	const name = "metrics"
	address := d.settings.MetricsListen
	if address == "" {
		return
	}
	if bindable(ctx, address) == nil {
		d.ok(name, "%s is free", address)
		return
	}
	if err := askMetrics(ctx, address); err != nil {
		d.failed(name, address+" is taken by another program, or is no address of this machine", err, "End that program, or set SCRATCH_METRICS_LISTEN.")
		return
	}
	d.ok(name, "http://%s/metrics is served by a running Scratch", address)
}

func askMetrics(ctx context.Context, address string) error {
	if strings.HasPrefix(address, ":") {
		address = "localhost" + address
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return err
	}
	answer, err := (&http.Client{Timeout: checkTime}).Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4<<20))
	if err != nil {
		return err
	}
	if !bytes.Contains(text, []byte("scratch_build_info")) {
		return errors.New("something else answers there")
	}
	return nil
}
