//go:build unix && !linux

package devserver

import (
	"context"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// childAttributes put the server in a process group of its own, so that the
// terminal's Ctrl-C reaches us first. These systems have no parent-death
// signal: after a SIGKILL of ours the next start adopts or ends the server.
func childAttributes(bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// commandLine is empty for a process that is gone.
func commandLine(pid int) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	text, err := exec.CommandContext(ctx, "ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return string(text)
}
