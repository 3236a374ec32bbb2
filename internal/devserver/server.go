package devserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

const (
	// healthyWithin bounds a start: 0.4 s when idle, more on a loaded machine
	// or with a large database.
	healthyWithin = 60 * time.Second
	// boundEvery is how often the log's size is looked at.
	boundEvery = time.Minute
	// A server that ends by itself is started again after restartFirst, then
	// ever later up to restartLast.
	restartFirst = 100 * time.Millisecond
	restartLast  = 10 * time.Second
)

// Server is a running dev server. Its methods may be called from any goroutine.
type Server struct {
	options Options
	ports   ports
	log     serverLog
	release func() // lets the next process have the data folder

	cancel context.CancelFunc // ends watching
	done   chan struct{}      // closed when watching ended

	mu       sync.Mutex
	process  *process
	adopted  bool
	restarts int
}

// Start adopts or starts the server of o.DataDir and returns once it is
// healthy. ctx bounds the start only; Stop ends the server.
// Errors: ErrInUse when another live process has the data folder; else what
// failed, with the server's own last words.
func Start(ctx context.Context, o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	release, err := holdDataDir(o)
	if err != nil {
		return nil, err
	}
	log, err := openLog(o)
	if err != nil {
		release()
		return nil, err
	}
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Server{options: o, log: log, release: release, cancel: cancel, done: make(chan struct{})}
	if err := s.adoptOrLaunch(ctx, watching); err != nil {
		cancel()
		_ = log.Close()
		release()
		return nil, err
	}
	go s.watch(watching)
	return s, nil
}

// Address is where the server listens, as host:port on loopback.
func (s *Server) Address() string { return s.ports.address() }

// Namespace is the one that was created.
func (s *Server) Namespace() string { return s.options.Namespace }

// UIURL is where Temporal's Web UI answers; empty when it does not run.
func (s *Server) UIURL() string {
	if s.ports.ui == 0 {
		return ""
	}
	return "http://" + net.JoinHostPort(loopback, strconv.Itoa(s.ports.ui))
}

// PID is the server's process; it changes when the server is restarted.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.pid
}

// Adopted tells whether an earlier run had started the server.
func (s *Server) Adopted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.adopted
}

// Restarts counts how often the server ended by itself and came back.
func (s *Server) Restarts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.restarts
}

// Stop ends the server cleanly and waits for it: at most ten seconds, or until
// ctx ends, then it is killed. Its state stays in the data folder.
func (s *Server) Stop(ctx context.Context) error {
	s.cancel()
	<-s.done
	s.mu.Lock()
	current := s.process
	s.mu.Unlock()
	// An adopted process is watched until it is gone; watching ended above.
	if s.Adopted() {
		again, err := adopt(ctx, current.pid, s.mark())
		if err != nil {
			return err
		}
		current = again
	}
	err := current.terminate(ctx)
	if s.options.DataDir != "" {
		err = errors.Join(err, removeFile(s.options.file(AddressFile)), removeFile(s.options.file("temporal.json")))
	}
	err = errors.Join(err, s.log.Close())
	s.release()
	return err
}

// mark is the word of the command line by which our server is known.
func (s *Server) mark() string { return s.options.file("temporal.db") }

// launch starts a child on s.ports and waits until it is healthy.
func (s *Server) launch(ctx context.Context) error {
	p, err := spawn(s.options.CLI, append(s.options.settings(), s.ports.args()...), s.log.output(), s.options.surviveParent)
	if err != nil {
		return fmt.Errorf("start Temporal's dev server: %w", err)
	}
	// Written before it is healthy: a start that is killed leaves no server
	// that the next one knows nothing of.
	if err = s.writeRecord(p.pid); err == nil {
		err = s.awaitHealthy(ctx, p)
	}
	if err == nil && s.options.DataDir != "" {
		err = WriteAddress(s.options.DataDir, s.Address(), s.options.Namespace)
	}
	if err != nil {
		return errors.Join(err, p.terminate(ctx))
	}
	s.mu.Lock()
	s.process, s.adopted = p, false
	s.mu.Unlock()
	return nil
}

func (s *Server) writeRecord(pid int) error {
	if s.options.DataDir == "" {
		return nil
	}
	return record{
		PID: pid, Frontend: s.ports.frontend, UI: s.ports.ui,
		CLI: s.options.CLI, Settings: s.options.settings(),
	}.write(s.options.file("temporal.json"))
}

// errEnded says that the server was gone before it was healthy.
var errEnded = errors.New("it ended")

func (s *Server) awaitHealthy(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, healthyWithin)
	defer cancel()
	go func() { // a server that is gone will not become healthy
		select {
		case <-p.exited:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := awaitHealth(ctx, s.Address(), s.options.Namespace)
	if err == nil {
		return nil
	}
	select {
	case <-p.exited:
		err = fmt.Errorf("%w: %s", errEnded, p.reason())
	default:
	}
	return fmt.Errorf("Temporal's dev server on %s did not become healthy: %w; its last words:\n%s",
		s.Address(), err, s.log.tail())
}
