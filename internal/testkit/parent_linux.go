package testkit

import "syscall"

// ownGroup has the kernel end a server when the test binary is killed, and keeps
// the terminal's signals from it.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
