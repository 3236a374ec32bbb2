package bench

import (
	"os/exec"
	"syscall"
)

// dieWithUs makes the kernel end a child when this process is killed.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
