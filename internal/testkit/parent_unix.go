//go:build unix && !linux

package testkit

import "syscall"

// ownGroup keeps the terminal's signals from a server.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
