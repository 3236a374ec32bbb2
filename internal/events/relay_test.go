package events_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/events"
	"github.com/scratch-platform/scratch/models"
)

// outbox holds a number of rows and fails once when told to.
type outbox struct {
	mu      sync.Mutex
	waiting int
	fail    error
}

func (o *outbox) Relay(_ context.Context, limit int) ([]models.Event, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.fail; err != nil {
		o.fail = nil
		return nil, err
	}
	n := min(limit, o.waiting)
	o.waiting -= n
	return make([]models.Event, n), nil
}

func (o *outbox) add(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting += n
}

func (o *outbox) left() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.waiting
}

func TestRelayEmptiesTheOutboxAndTells(t *testing.T) {
	box := &outbox{waiting: 1234}
	told := make(chan struct{}, 100)
	relay := events.NewRelay(box, func([]models.Event) { told <- struct{}{} }, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	for range 3 { // 500, 500, 234
		<-told
	}
	require.Zero(t, box.left(), "rows were left in the outbox")

	box.add(1)
	relay.Wake()
	<-told
	require.Zero(t, box.left(), "a wake-up did not relay")
	cancel()
	require.NoError(t, <-ended)
}

func TestRelayGoesOnAfterAFailure(t *testing.T) {
	box := &outbox{waiting: 1, fail: errors.New("database is away")}
	told := make(chan struct{}, 1)
	relay := events.NewRelay(box, func([]models.Event) { told <- struct{}{} }, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	<-told
	require.Zero(t, box.left())
	cancel()
	require.NoError(t, <-ended)
}
