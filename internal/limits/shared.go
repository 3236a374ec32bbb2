package limits

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

const (
	// beatEvery is how often a process says that it lives and renews its
	// claims. A claim of one that died ends after claimLasts, which is before the
	// engine gives its work to another (workflows/policy, a heartbeat's 15 s):
	// that one would find the connection's whole budget taken.
	beatEvery  = 4 * time.Second
	claimLasts = 3 * beatEvery
	// lookAgain bounds the time between two questions of one that waits, so
	// that a lost message or a longer penalty is made up for. The script's
	// PLACE is longer.
	lookAgain = time.Second
	// wary is how long after an absence the other processes may still go by their
	// shares. They look for the server every half second.
	wary = 2 * time.Second
	// unknownProcesses is how many processes are supposed to share a budget
	// when the server was never reached.
	unknownProcesses = 4
	// atOnce bounds the requests one question asks for.
	atOnce = 32

	channelFreed = "limits.freed"
	epochKey     = "limits.epoch"
	livingKey    = "limits.living"
)

//go:embed take.lua
var takeScript string

//go:embed beat.lua
var beatScript string

var errClosed = errors.New("the limiter is closed")

// Server keeps the budgets where all processes see them.
type Server interface {
	// Run runs a script in one step; it fails at once while the server is away.
	Run(ctx context.Context, script string, keys []string, args ...any) ([]int64, error)
	// Send queues a message for all processes, which may be lost.
	Send(channel, payload string) bool
	// Hear has f called with every message of a channel.
	Hear(channel string, f func(payload string))
	// OnAgain has f called when the server was away and is back.
	OnAgain(f func())
}

var _ connectors.Limiter = (*Shared)(nil)

// Shared is a limiter whose budgets are shared by all processes over one
// server, by that server's clock. Requests of one process are served in the
// order of arrival, processes in the order in which they began to wait.
//
// While the server is away each process goes on by itself with a share of the
// budget: rate, burst and cap divided by the processes last seen alive (at least
// 2, at least one request in flight), and with nothing saved. When the server is
// back, was emptied or is another one, budgets count from then on as if they had
// been spent: what was used meanwhile is not known. So an absence costs time and
// no request above the rate. The cap of requests in flight can be exceeded, by
// less than itself, while those end that others had begun when it began, and
// where it is smaller than the number of processes.
type Shared struct {
	server  Server
	now     func() time.Time
	log     *slog.Logger
	process string

	lasts time.Duration // a claim, until it is renewed

	life  context.Context //nolint:containedctx // ended by Close; the pumps' own
	end   context.CancelFunc
	pumps sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	lines     map[string]*line
	sweepAt   int
	epoch     int64     // of the server's contents; 0: not asked yet
	trusted   time.Time // budgets of the server count from then; zero: always
	processes int       // alive at the last beat; 0: not known
	alone     bool      // the last question failed
	aloneFrom time.Time
}

// NewShared returns a limiter over a server; now is the clock that Penalize is
// given times of. Serve keeps its claims alive; Close ends it.
func NewShared(server Server, now func() time.Time, log *slog.Logger) *Shared {
	life, end := context.WithCancel(context.Background())
	s := &Shared{
		server: server, now: now, log: log, process: models.NewID("prc"), lasts: claimLasts,
		life: life, end: end, lines: map[string]*line{}, sweepAt: sweepAt,
	}
	server.Hear(channelFreed, s.freed)
	server.OnAgain(s.again)
	return s
}

// Wait implements connectors.Limiter, as Limiter.Wait does.
func (s *Shared) Wait(ctx context.Context, key string, rate connectors.Rate) (func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, waitError(key, err)
	}
	rate.Burst = max(rate.Burst, 1)
	mine := &turn{granted: make(chan struct{})}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, waitError(key, errClosed)
	}
	l := s.line(key)
	changed := l.rate != rate
	l.rate = rate
	l.queue = append(l.queue, mine)
	if changed || len(l.queue) == 1 {
		s.stir(l)
	}
	s.mu.Unlock()

	select {
	case <-mine.granted:
		return sync.OnceFunc(func() { s.release(l) }), nil
	case <-ctx.Done():
		s.leave(l, mine)
		return nil, waitError(key, ctx.Err())
	case <-s.life.Done():
		s.leave(l, mine)
		return nil, waitError(key, errClosed)
	}
}

// Penalize implements connectors.Limiter, as Limiter.Penalize does. When it
// returns, the other processes know, unless the server is away; then they learn
// it from the service.
func (s *Shared) Penalize(key string, until time.Time) {
	s.mu.Lock()
	now := s.now()
	if latest := now.Add(MaxPenalty); until.After(latest) {
		until = latest
	}
	if s.closed || !until.After(now) {
		s.mu.Unlock()
		return
	}
	l := s.line(key)
	if !until.After(l.penalty) {
		s.mu.Unlock()
		return
	}
	l.penalty, l.penalized = until, true
	told := make(chan struct{})
	l.tell = append(l.tell, told)
	s.stir(l)
	s.mu.Unlock()
	timer := time.NewTimer(lookAgain)
	defer timer.Stop()
	select {
	case <-told:
	case <-timer.C:
	case <-s.life.Done():
	}
}

// release gives a slot back.
func (s *Shared) release(l *line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.held--
	if l.rate.InFlight > 0 {
		s.stir(l)
	}
}

// leave takes a turn out of the line; one that was granted at the same moment
// is passed on or given back.
func (s *Shared) leave(l *line, t *turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-t.granted:
		l.held--
		l.refund++
	default:
		l.remove(t)
	}
	s.stir(l)
}

// Serve says that this process lives, and renews its claims, until the context
// ends.
func (s *Shared) Serve(ctx context.Context) error {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		s.beat(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (s *Shared) beat(ctx context.Context) {
	answer, err := s.server.Run(ctx, beatScript, []string{livingKey}, s.process, claimLasts.Milliseconds())
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && len(answer) == 1 {
		s.processes = int(answer[0])
	}
	s.renewAll()
}

// renewAll has every claim told again. The caller holds the lock.
func (s *Shared) renewAll() {
	for _, l := range s.lines {
		if l.held > 0 && l.rate.InFlight > 0 {
			l.renew = true
			s.stir(l)
		}
	}
}

// Close ends the limiter: who waits is sent away. Claims that are left end by
// themselves.
func (s *Shared) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.pumps.Wait()
	return nil
}

// freed hears that another process gave something of a key back.
func (s *Shared) freed(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.lines[key]; ok && len(l.queue) > 0 {
		s.stir(l)
	}
}

// again has everybody ask, and every claim told: the server is back, maybe
// empty.
func (s *Shared) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renewAll()
	for _, l := range s.lines {
		s.stir(l)
	}
}

// line finds or makes the key's line. The caller holds the lock.
func (s *Shared) line(key string) *line {
	if l, ok := s.lines[key]; ok {
		return l
	}
	if len(s.lines) >= s.sweepAt {
		now := s.now()
		for key, l := range s.lines {
			if l.idle(now) {
				delete(s.lines, key)
			}
		}
		s.sweepAt = max(sweepAt, 2*len(s.lines))
	}
	l := &line{key: key, poke: make(chan struct{}, 1)}
	s.lines[key] = l
	return l
}
