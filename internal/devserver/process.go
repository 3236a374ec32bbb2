package devserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	// stopGrace is how long the server may take to close its database after a
	// SIGTERM (about 1 s when idle) before it is killed.
	stopGrace = 10 * time.Second
	// adoptedPoll is how often an adopted server, which is no child of ours and
	// cannot be waited for, is looked at.
	adoptedPoll = 250 * time.Millisecond
)

// process is a running server: a child of ours, or one adopted.
type process struct {
	pid    int
	handle *os.Process
	exited chan struct{} // closed once it is gone
	err    error         // why, for a child; read after exited
}

// spawn starts a child. On Linux the kernel kills it when the *thread* that
// started it ends, so one goroutine keeps that thread, from start to exit.
func spawn(path string, args []string, output io.Writer, surviveParent bool) (*process, error) {
	p := &process{exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		cmd := exec.Command(path, args...) //nolint:gosec,noctx // the found CLI with our arguments; it is ended by terminate, not by a context
		cmd.Env = environment()
		cmd.Stdout, cmd.Stderr = output, output
		cmd.SysProcAttr = childAttributes(surviveParent)
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		p.pid, p.handle = cmd.Process.Pid, cmd.Process
		started <- nil
		p.err = cmd.Wait()
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return p, nil
}

// adopt watches a process that an earlier run of ours started. mark is a word
// of its command line; ctx ends the watching, not the process.
func adopt(ctx context.Context, pid int, mark string) (*process, error) {
	handle, err := os.FindProcess(pid)
	if err != nil {
		return nil, fmt.Errorf("adopt process %d: %w", pid, err)
	}
	p := &process{pid: pid, handle: handle, exited: make(chan struct{})}
	go func() {
		ticker := time.NewTicker(adoptedPoll)
		defer ticker.Stop()
		for isRunning(pid, mark) {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
		close(p.exited)
	}()
	return p, nil
}

// terminate asks the process to end, and kills it when it does not.
func (p *process) terminate(ctx context.Context) error {
	if err := p.handle.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end process %d: %w", p.pid, err)
	}
	timer := time.NewTimer(stopGrace)
	defer timer.Stop()
	select {
	case <-p.exited:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	if err := p.handle.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", p.pid, err)
	}
	<-p.exited
	return nil
}

// reason says in words why the process is gone.
func (p *process) reason() string {
	if p.err != nil {
		return p.err.Error()
	}
	return "without an error"
}

// isRunning tells whether pid is alive and is the process we mean: pids are
// reused, so its command line must hold mark.
func isRunning(pid int, mark string) bool {
	return pid > 0 && strings.Contains(commandLine(pid), mark)
}
