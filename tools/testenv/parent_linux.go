package main

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel end the server when we are killed. SIGQUIT is
// PostgreSQL's immediate shutdown.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT }
