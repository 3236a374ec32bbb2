package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
)

const (
	// callTimeout bounds one exchange with the server, which normally takes
	// less than a millisecond: a server that hangs costs this once, and is away
	// from then on.
	callTimeout = time.Second
	// queueLength bounds the messages that wait to be sent.
	queueLength = 4096
	// MaxMessage bounds one message, in bytes.
	MaxMessage = 64 << 10
)

// ErrAway says that the server does not answer just now.
var ErrAway = errors.New("Redis is away")

// Config says where the server is.
type Config struct {
	// URL is redis://user:password@host:6379/0, or rediss:// for TLS.
	URL vault.Secret
	// Prefix begins every key and channel; "" is one of the database's number,
	// since channels are shared by all databases of a server.
	Prefix string
	Log    *slog.Logger
}

// Client is a connection to one server that outlives the server's absence. It
// is safe for use by many goroutines.
type Client struct {
	server *goredis.Client
	prefix string
	log    *slog.Logger

	queue     chan message
	listening atomic.Bool
	// probe is asked for when a call failed, so that nobody waits for a tick.
	probe chan struct{}

	mu      sync.Mutex
	scripts map[string]*goredis.Script // by text; those of this program
	away    bool
	cause   error
	since   time.Time // when the present state began
	pause   time.Duration
	// The fields below are set before Run.
	hears map[string][]func(payload string)
	again []func()
}

// message is one on its way to the others.
type message struct{ channel, payload string }

var quiet sync.Once

// Open makes a client. It does not connect: a server that is away is found out
// by the first call. Close it.
func Open(cfg Config) (*Client, error) {
	// The library writes every failed attempt to standard error; the client says
	// once that the server is away and once that it is back.
	quiet.Do(logging.Disable)
	options, err := goredis.ParseURL(cfg.URL.Reveal())
	if err != nil {
		// The parser's words may hold the password.
		return nil, models.NewProblem(models.KindInvalid, "config.invalid", "SCRATCH_REDIS_URL cannot be used.",
			"It is redis://user:password@host:6379/0, or rediss:// for TLS; special characters of the password are percent-encoded.")
	}
	options.ClientName = "scratch"
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = callTimeout, callTimeout, callTimeout
	options.ContextTimeoutEnabled = true
	options.DialerRetries = 1
	options.MaxRetries = 1 // a connection that a restarted server no longer knows
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if cfg.Prefix == "" {
		cfg.Prefix = fmt.Sprintf("scratch:%d:", options.DB)
	}
	return &Client{
		server: goredis.NewClient(options), prefix: cfg.Prefix, log: cfg.Log,
		queue: make(chan message, queueLength), probe: make(chan struct{}, 1),
		scripts: map[string]*goredis.Script{}, hears: map[string][]func(string){},
		since: time.Now(), pause: probeEvery,
	}, nil
}

// Close ends the connections.
func (c *Client) Close() error { return c.server.Close() }

// Run runs a script, given as its text, and returns the whole numbers it
// answers. Keys get the prefix. While the server is away it fails at once with
// ErrAway.
func (c *Client) Run(ctx context.Context, script string, keys []string, args ...any) ([]int64, error) {
	if c.Away() {
		return nil, ErrAway
	}
	prefixed := make([]string, len(keys))
	for i, key := range keys {
		prefixed[i] = c.prefix + key
	}
	answer, err := c.script(script).Run(ctx, c.server, prefixed, args...).Int64Slice()
	if err != nil {
		if ctx.Err() == nil {
			c.lost(ctx, err)
		}
		return nil, fmt.Errorf("run a script in Redis: %w", err)
	}
	return answer, nil
}

func (c *Client) script(text string) *goredis.Script {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.scripts[text]
	if !ok {
		s = goredis.NewScript(text)
		c.scripts[text] = s
	}
	return s
}

// Facts is what doctor asks about a server.
type Facts struct {
	Version string
	// Evicts says that the server drops keys when its memory is full.
	Evicts bool
}

// Look asks the server about itself, whether or not it was away.
func (c *Client) Look(ctx context.Context) (Facts, error) {
	if err := c.server.Ping(ctx).Err(); err != nil {
		return Facts{}, fmt.Errorf("reach Redis: %w", err)
	}
	if err := c.try(ctx); err != nil {
		return Facts{}, fmt.Errorf("write to Redis: %w", err)
	}
	text, err := c.server.Info(ctx, "server", "memory").Result()
	if err != nil {
		return Facts{}, fmt.Errorf("ask Redis about itself: %w", err)
	}
	said := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			said[name] = value
		}
	}
	bounded := said["maxmemory"] != "" && said["maxmemory"] != "0"
	return Facts{Version: said["redis_version"], Evicts: bounded && said["maxmemory_policy"] != "noeviction"}, nil
}

// Older reports whether the server's version is below one such as "6.2". A
// version that cannot be read is not.
func (f Facts) Older(than string) bool {
	var mine, theirs [2]int
	if n, _ := fmt.Sscanf(f.Version, "%d.%d", &mine[0], &mine[1]); n != len(mine) {
		return false
	}
	if n, _ := fmt.Sscanf(than, "%d.%d", &theirs[0], &theirs[1]); n != len(theirs) {
		return false
	}
	return mine[0] < theirs[0] || mine[0] == theirs[0] && mine[1] < theirs[1]
}
