package devserver

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// childAttributes put the server in a process group of its own, so that the
// terminal's Ctrl-C reaches us first, and have the kernel kill it with us.
// SIGKILL and not SIGTERM: a server that takes a second to close would still
// hold its ports and database when the next start comes, and its WAL loses
// nothing by a kill.
func childAttributes(surviveParent bool) *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if !surviveParent {
		attributes.Pdeathsig = syscall.SIGKILL
	}
	return attributes
}

// commandLine is empty for a process that is gone, also for a zombie.
func commandLine(pid int) string {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return ""
	}
	return string(text)
}
