package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

const (
	// silence is how long a subscription may be silent before it is pinged, and
	// how long the answer may take.
	silence = 5 * time.Second
	// batch is how many messages travel together when many wait.
	batch = 128
)

var errSilent = errors.New("the subscription is silent")

// Hear has f called with every message of a channel, of this process too, in
// one goroutine: f must not block. Call it before Serve.
func (c *Client) Hear(channel string, f func(payload string)) {
	c.hears[channel] = append(c.hears[channel], f)
}

// Listening reports whether messages of others can be heard just now.
func (c *Client) Listening() bool { return c.listening.Load() }

// Send queues a message for all processes and never blocks. It reports whether
// it was queued: a message is dropped when the server is away, too many wait, or
// it is above MaxMessage. A queued one may be lost as well.
func (c *Client) Send(channel, payload string) bool {
	if len(payload) > MaxMessage || c.Away() {
		return false
	}
	select {
	case c.queue <- message{channel: channel, payload: payload}:
		return true
	default:
		return false
	}
}

// Serve sends, hears and looks after the server until the context ends.
func (c *Client) Serve(ctx context.Context) error {
	var parts sync.WaitGroup
	for _, part := range []func(context.Context){c.watch, c.deliver, c.hear} {
		parts.Go(func() { part(ctx) })
	}
	parts.Wait()
	return nil
}

// deliver sends what is queued.
func (c *Client) deliver(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-c.queue:
			if err := c.publish(ctx, first); err != nil && ctx.Err() == nil {
				c.lost(ctx, err)
			}
		}
	}
}

// publish sends a message with those that wait behind it, in order.
func (c *Client) publish(ctx context.Context, first message) error {
	ctx, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	pipe := c.server.Pipeline()
	for m, n := first, 1; ; n++ {
		pipe.Publish(ctx, c.prefix+m.channel, m.payload)
		if n == batch {
			break
		}
		select {
		case m = <-c.queue:
			continue
		default:
		}
		break
	}
	if c.Away() {
		return nil // messages need not last
	}
	_, err := pipe.Exec(ctx)
	return err
}

// hear keeps a subscription for as long as the context lives.
func (c *Client) hear(ctx context.Context) {
	if len(c.hears) == 0 {
		return
	}
	for ctx.Err() == nil {
		err := c.subscription(ctx)
		c.listening.Store(false)
		if ctx.Err() != nil {
			return
		}
		c.lost(ctx, err)
		timer := time.NewTimer(c.nextLook())
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// subscription hears until it breaks.
func (c *Client) subscription(ctx context.Context) error {
	channels := make([]string, 0, len(c.hears))
	for channel := range c.hears {
		channels = append(channels, c.prefix+channel)
	}
	s := c.server.Subscribe(ctx, channels...)
	// A read waits for the network alone: closing it is what ends it.
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer func() {
		if stop() {
			_ = s.Close() // broken or given up; a new one is made
		}
	}()
	pinged := false
	for {
		heard, err := s.ReceiveTimeout(ctx, silence)
		var slow net.Error
		switch {
		case errors.As(err, &slow) && slow.Timeout() && !pinged:
			pinged, err = true, s.Ping(ctx)
		case errors.As(err, &slow) && slow.Timeout():
			err = errSilent
		}
		if err != nil {
			return fmt.Errorf("hear the other processes: %w", err)
		}
		if heard != nil {
			pinged = false
			c.take(heard, len(channels))
		}
	}
}

func (c *Client) take(heard any, channels int) {
	switch m := heard.(type) {
	case *goredis.Subscription:
		if m.Count == channels {
			c.listening.Store(true)
			for _, f := range c.again {
				f()
			}
		}
	case *goredis.Message:
		for _, f := range c.hears[strings.TrimPrefix(m.Channel, c.prefix)] {
			f(m.Payload)
		}
	}
}
