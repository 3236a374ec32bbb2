package redis

import (
	"context"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

const (
	// probeEvery is how soon a server that was away is found again.
	probeEvery = 500 * time.Millisecond
	// lookEvery is how often a server that nobody asks is looked at.
	lookEvery = 5 * time.Second
	// maxPause bounds the time between two looks at a server that comes and
	// goes, so that it does not fill the log.
	maxPause = 10 * time.Second
)

// tries writes as a script does, so that a server that is loading, read-only,
// full or forbidden to us counts as away.
var tries = goredis.NewScript(`redis.call('SET', KEYS[1], '1', 'PX', 60000) return 1`)

// Away reports whether the server did not answer when last asked.
func (c *Client) Away() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.away
}

// Cause is why the server is away, and since when; nil while it is there.
func (c *Client) Cause() (since time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.away {
		return time.Time{}, nil
	}
	return c.since, c.cause
}

// OnAgain has f called, not blocking, whenever messages can be heard again:
// what was sent before is lost, so whoever relies on messages looks now. Call it
// before Serve.
func (c *Client) OnAgain(f func()) { c.again = append(c.again, f) }

// lost says that a call failed.
func (c *Client) lost(ctx context.Context, err error) {
	c.mu.Lock()
	if c.away {
		c.mu.Unlock()
		return
	}
	now := time.Now()
	// Back for a moment only: look less often.
	if now.Sub(c.since) < lookEvery && c.cause != nil {
		c.pause = min(2*c.pause, maxPause)
	} else {
		c.pause = probeEvery
	}
	c.away, c.cause, c.since = true, err, now
	c.mu.Unlock()
	c.log.WarnContext(ctx, "Redis is away; limits, locks and events go on without it, more slowly", "error", err)
	select {
	case c.probe <- struct{}{}:
	default:
	}
}

// found says that the server answers.
func (c *Client) found(ctx context.Context) {
	c.mu.Lock()
	was, since := c.away, c.since
	if was {
		c.away, c.since = false, time.Now()
	}
	c.mu.Unlock()
	if was {
		c.log.InfoContext(ctx, "Redis is back", "away_for", time.Since(since).Round(time.Millisecond).String())
		for _, f := range c.again {
			f()
		}
	}
}

// try asks the server for what the product needs of it.
func (c *Client) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	return tries.Run(ctx, c.server, []string{c.prefix + "probe"}).Err()
}

// watch looks at the server until the context ends.
func (c *Client) watch(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.probe: // it was lost a moment ago
		case <-timer.C:
			if err := c.try(ctx); err == nil {
				c.found(ctx)
			} else if ctx.Err() == nil {
				c.lost(ctx, err)
			}
		}
		timer.Reset(c.nextLook())
	}
}

func (c *Client) nextLook() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away {
		return c.pause
	}
	return lookEvery
}
