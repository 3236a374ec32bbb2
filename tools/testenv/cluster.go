package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/scratch-platform/scratch/internal/devserver"
)

// clusterPrefix names our folders below the system's temporary one; the number
// that follows is the pid of the testenv that owns it.
const clusterPrefix = "scratch-testenv-"

// startCluster makes a throwaway cluster on a free loopback port. fsync stays
// on, as in production: what the tests measure and break must be real.
func startCluster(ctx context.Context, bin string) (database, error) {
	sweepClusters()
	owner, err := clusterOwner()
	if err != nil {
		return database{}, err
	}
	dir, err := os.MkdirTemp("", clusterPrefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return database{}, fmt.Errorf("make a folder for the test cluster: %w", err)
	}
	removeDir := func() error { return os.RemoveAll(dir) }
	if err := owner.take(dir); err != nil {
		return database{}, errors.Join(err, removeDir())
	}
	password := rand.Text()
	if err := initCluster(ctx, bin, dir, password, owner); err != nil {
		return database{}, errors.Join(err, removeDir())
	}
	port, err := devserver.FreePort(ctx, 0)
	if err != nil {
		return database{}, errors.Join(err, removeDir())
	}
	stop, gone, err := runCluster(bin, dir, port, owner)
	if err != nil {
		return database{}, errors.Join(err, removeDir())
	}
	url := fmt.Sprintf("postgres://scratch:%s@127.0.0.1:%d/postgres?sslmode=disable", password, port)
	stopAll := func() error { return errors.Join(stop(), removeDir()) }
	if err := awaitServer(ctx, gone, func(ctx context.Context) error { return ping(ctx, url) }); err != nil {
		words, _ := os.ReadFile(filepath.Join(dir, "server.log"))
		return database{}, errors.Join(fmt.Errorf("start a test cluster with %s: %w; its words:\n%s", bin, err, words), stopAll())
	}
	return database{url: url, programs: bin, origin: fmt.Sprintf("a throwaway cluster of %s on port %d", bin, port), stop: stopAll}, nil
}

func initCluster(ctx context.Context, bin, dir, password string, owner identity) error {
	passwordFile := filepath.Join(dir, "password")
	if err := os.WriteFile(passwordFile, []byte(password), 0o600); err != nil {
		return fmt.Errorf("set the test cluster's password: %w", err)
	}
	if err := owner.take(passwordFile); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata", filepath.Join(dir, "data"), //nolint:gosec // the install that was found
		"--username", "scratch", "--pwfile", passwordFile, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--locale", "C", "--no-sync")
	owner.run(cmd, dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make a test cluster with %s: %w\n%s", bin, err, out)
	}
	return nil
}

// runCluster starts the server. SIGINT is PostgreSQL's fast shutdown: it ends
// its sessions and itself.
func runCluster(bin, dir string, port int, owner identity) (stop func() error, gone <-chan struct{}, err error) {
	cmd := exec.Command(filepath.Join(bin, "postgres"), "-D", filepath.Join(dir, "data"), "-p", strconv.Itoa(port), //nolint:gosec,noctx // ended by stop
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=300",
		"-c", "shared_buffers=256MB", "-c", "max_wal_size=2GB")
	owner.run(cmd, dir)
	stop, gone, err = runServer(cmd, filepath.Join(dir, "server.log"))
	if err != nil {
		return nil, nil, fmt.Errorf("start the test cluster: %w", err)
	}
	return stop, gone, nil
}

// runServer starts a server that ends by SIGINT. On Linux the kernel ends it
// when the thread that started it ends, so one goroutine keeps that thread.
func runServer(cmd *exec.Cmd, words string) (stop func() error, gone <-chan struct{}, err error) {
	log, err := os.Create(words)
	if err != nil {
		return nil, nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	dieWithParent(cmd)
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() { _ = log.Close() }()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		return nil, nil, err
	}
	stop = func() error {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop %s: %w", filepath.Base(cmd.Path), err)
		}
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Signal(syscall.SIGQUIT) // at once: the data is thrown away anyway
			<-ended
		}
		return nil
	}
	return stop, ended, nil
}

// sweepClusters removes what a killed testenv left behind.
func sweepClusters() {
	left, err := filepath.Glob(filepath.Join(os.TempDir(), clusterPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range left {
		number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), clusterPrefix), "-")
		pid, err := strconv.Atoi(number)
		if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.RemoveAll(dir)
		}
	}
}

// identity is the user the server runs as: PostgreSQL refuses to run as root.
type identity struct{ credential *syscall.Credential }

func clusterOwner() (identity, error) {
	if os.Geteuid() != 0 {
		return identity{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
		if uidErr == nil && gidErr == nil {
			return identity{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
		}
	}
	return identity{}, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody to run it as")
}

// take gives a path to the user.
func (i identity) take(path string) error {
	if i.credential == nil {
		return nil
	}
	if err := os.Chown(path, int(i.credential.Uid), int(i.credential.Gid)); err != nil {
		return fmt.Errorf("hand the test cluster's folder to its user: %w", err)
	}
	return nil
}

// run has the command run as the user, in dir, with a plain environment.
func (i identity) run(cmd *exec.Cmd, dir string) {
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "HOME=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: i.credential, Setpgid: true}
}
