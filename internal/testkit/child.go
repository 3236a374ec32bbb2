package testkit

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// child is a server's process, which ends with the test binary at the latest.
// ended is closed when it has.
type child struct {
	t     testing.TB
	cmd   *exec.Cmd
	ended chan struct{}
	words Words
}

// startChild starts a command as a server of the test's own. credential is who
// it runs as; nil for the test's user.
func startChild(t testing.TB, credential *syscall.Credential, cmd *exec.Cmd) *child {
	t.Helper()
	c := &child{t: t, cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &c.words, &c.words
	cmd.SysProcAttr = ownGroup()
	cmd.SysProcAttr.Credential = credential
	started := make(chan error, 1)
	go func() {
		defer close(c.ended)
		// On Linux the kernel ends the server with the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // killed, mostly
		}
	}()
	require.NoError(t, <-started)
	return c
}

// end sends a signal that ends the process and waits until it has.
func (c *child) end(signal syscall.Signal) {
	if err := c.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.t.Errorf("end %s: %v", c.cmd.Path, err)
	}
	<-c.ended
}
