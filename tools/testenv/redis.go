package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/scratch-platform/scratch/internal/devserver"
)

// redisImage is what is run where Redis cannot be installed.
const redisImage = "redis:7-alpine"

// cache is a Redis the tests may use.
type cache struct {
	url     string
	program string // redis-server, for tests that start servers of their own; may be empty
	origin  string // where it came from, in words
	stop    func() error
}

// provideRedis tries the ways in the order of doc.go.
func provideRedis(ctx context.Context) (cache, error) {
	program, localErr := findRedis()
	if localErr != nil {
		if localErr = installPackages(ctx, "redis-server"); localErr == nil {
			program, localErr = findRedis()
		}
	}
	if given := os.Getenv("SCRATCH_TEST_REDIS_URL"); given != "" {
		if err := pingRedis(ctx, given); err != nil {
			return cache{}, fmt.Errorf("the Redis of SCRATCH_TEST_REDIS_URL does not answer: %w; correct it, or unset it to have one set up", err)
		}
		return cache{url: given, program: program, origin: "the one of SCRATCH_TEST_REDIS_URL", stop: func() error { return nil }}, nil
	}
	if localErr == nil {
		return startRedis(ctx, program)
	}
	found, containerErr := startRedisContainer(ctx)
	if containerErr != nil {
		return cache{}, fmt.Errorf("the tests need Redis: install: %w; container: %w; install redis-server, or set SCRATCH_TEST_REDIS_URL to a server whose keys may be written",
			localErr, containerErr)
	}
	return found, nil
}

func findRedis() (string, error) {
	if given := os.Getenv("SCRATCH_TEST_REDIS_SERVER"); given != "" {
		return exec.LookPath(given)
	}
	var tried error
	for _, name := range []string{"redis-server", "valkey-server"} {
		path, err := exec.LookPath(name)
		if err == nil {
			return path, nil
		}
		tried = errors.Join(tried, err)
	}
	return "", fmt.Errorf("no Redis is installed: %w", tried)
}

// startRedis runs a throwaway server on a free loopback port. It keeps nothing
// on disk.
func startRedis(ctx context.Context, program string) (cache, error) {
	dir, err := os.MkdirTemp("", clusterPrefix+strconv.Itoa(os.Getpid())+"-redis-")
	if err != nil {
		return cache{}, fmt.Errorf("make a folder for the test Redis: %w", err)
	}
	removeDir := func() error { return os.RemoveAll(dir) }
	port, err := devserver.FreePort(ctx, 0)
	if err != nil {
		return cache{}, errors.Join(err, removeDir())
	}
	cmd := exec.Command(program, "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", dir, "--save", "", "--appendonly", "no") //nolint:gosec,noctx // the install that was found; ended by stop
	identity{}.run(cmd, dir)
	stop, gone, err := runServer(cmd, filepath.Join(dir, "server.log"))
	if err != nil {
		return cache{}, errors.Join(fmt.Errorf("start a test Redis: %w", err), removeDir())
	}
	stopAll := func() error { return errors.Join(stop(), removeDir()) }
	url := fmt.Sprintf("redis://127.0.0.1:%d/0", port)
	if err := awaitServer(ctx, gone, func(ctx context.Context) error { return pingRedis(ctx, url) }); err != nil {
		words, _ := os.ReadFile(filepath.Join(dir, "server.log"))
		return cache{}, errors.Join(fmt.Errorf("start a test Redis with %s: %w; its words:\n%s", program, err, words), stopAll())
	}
	return cache{url: url, program: program, origin: fmt.Sprintf("a throwaway %s on port %d", filepath.Base(program), port), stop: stopAll}, nil
}

// startRedisContainer runs Redis in a container, on a loopback port.
func startRedisContainer(ctx context.Context) (cache, error) {
	engine, err := findEngine(ctx)
	if err != nil {
		return cache{}, err
	}
	port, err := devserver.FreePort(ctx, 0)
	if err != nil {
		return cache{}, err
	}
	name := "scratch-testenv-" + strings.ToLower(rand.Text())
	say("starting %s in a container with %s", redisImage, engine)
	cmd := exec.CommandContext(ctx, engine, "run", "--rm", "--detach", "--name", name, "--publish", fmt.Sprintf("127.0.0.1:%d:6379", port), redisImage) //nolint:gosec // the engine that was found
	if out, err := cmd.CombinedOutput(); err != nil {
		return cache{}, fmt.Errorf("start %s: %w\n%s", redisImage, err, bytes.TrimSpace(out))
	}
	stop := func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return quiet(ctx, engine, "rm", "--force", name)
	}
	url := fmt.Sprintf("redis://127.0.0.1:%d/0", port)
	if err := awaitServer(ctx, nil, func(ctx context.Context) error { return pingRedis(ctx, url) }); err != nil {
		return cache{}, errors.Join(fmt.Errorf("start %s: %w", redisImage, err), stop())
	}
	return cache{url: url, origin: fmt.Sprintf("a container of %s on port %d", redisImage, port), stop: stop}, nil
}

func pingRedis(ctx context.Context, url string) error {
	options, err := goredis.ParseURL(url)
	if err != nil {
		return errors.New("it is not a URL such as redis://127.0.0.1:6379/0")
	}
	logging.Disable() // the library writes of every attempt
	options.MaxRetries, options.DialerRetries = -1, 1
	c := goredis.NewClient(options)
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return c.Ping(ctx).Err()
}
