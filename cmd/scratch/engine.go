package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"time"

	temporal "go.temporal.io/sdk/client"

	"github.com/scratch-platform/scratch/internal/config"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/worker"
	"github.com/scratch-platform/scratch/worker/deployment"
)

// dialEngine makes the client of the workflow engine. It succeeds while the
// engine is away; calls fail until it is back. observed may be nil.
func dialEngine(settings config.Settings, keys *vault.Vault, log *slog.Logger, observed *observation) (temporal.Client, error) {
	options := temporal.Options{HostPort: settings.TemporalAddress, Namespace: settings.TemporalNamespace}
	if observed != nil {
		options.MetricsHandler, options.Interceptors = observed.metrics.Temporal(), observed.interceptors()
	}
	if !settings.TemporalAPIKey.IsZero() {
		options.Credentials = temporal.NewAPIKeyStaticCredentials(settings.TemporalAPIKey.Reveal())
	}
	if settings.TLS() {
		tlsConfig, err := engineTLS(settings)
		if err != nil {
			return nil, err
		}
		options.ConnectionOptions.TLS = tlsConfig
	}
	return worker.Dial(options, keys, log)
}

func engineTLS(settings config.Settings) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: settings.TemporalTLSServerName}
	if settings.TemporalTLSCA != "" {
		text, err := os.ReadFile(settings.TemporalTLSCA)
		if err != nil {
			return nil, fmt.Errorf("read Temporal's certificate authority: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, models.NewProblem(models.KindInvalid, "config.invalid", settings.TemporalTLSCA+" holds no certificate.", "SCRATCH_TEMPORAL_TLS_CA names a PEM file.")
		}
	}
	if settings.TemporalTLSCert != "" {
		pair, err := tls.LoadX509KeyPair(settings.TemporalTLSCert, settings.TemporalTLSKey)
		if err != nil {
			return nil, fmt.Errorf("read our certificate for Temporal: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// engineAway is an engine that does not answer.
func engineAway(namespace string, err error) error {
	return models.NewProblem(models.KindUnavailable, "engine.away", "Temporal does not answer for the namespace "+namespace+".",
		"Is it running? 'scratch doctor' looks for causes.").Because(err)
}

func engineAnswers(ctx context.Context, engine temporal.Client, namespace string) error {
	if err := worker.Ready(ctx, engine); err != nil {
		return engineAway(namespace, err)
	}
	return nil
}

// engineReady says whether the engine takes runs and a worker that gets them
// waits: with worker versioning, one of the current version.
func engineReady(ctx context.Context, engine temporal.Client, namespace string) error {
	if err := engineAnswers(ctx, engine, namespace); err != nil {
		return err
	}
	queues, err := deployment.Queues(ctx, engine, namespace)
	if err != nil {
		return engineAway(namespace, err)
	}
	return deployment.Ready(queues)
}

// lookAtEngine is the wait between two looks at the engine.
const lookAtEngine = 2 * time.Second

// watchEngine has the log say when the engine goes away and when it is back,
// once each, until the context ends.
func (s *system) watchEngine(ctx context.Context) error {
	away := false
	ticker := time.NewTicker(lookAtEngine)
	defer ticker.Stop()
	for {
		err := worker.Ready(ctx, s.engine)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !away:
			s.log.WarnContext(ctx, "Temporal is away; work waits for it", "address", s.settings.TemporalAddress, "error", err)
		case err == nil && away:
			s.log.InfoContext(ctx, "Temporal is back")
		}
		away = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
