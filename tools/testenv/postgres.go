package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// oldestPostgres is the oldest major version that Scratch supports.
const oldestPostgres = 15

// database is a PostgreSQL the tests may use.
type database struct {
	url      string // an administrator's
	programs string // folder of initdb and postgres, for tests that start servers of their own; may be empty
	origin   string // where it came from, in words
	stop     func() error
}

// providePostgres tries the ways in the order of doc.go.
func providePostgres(ctx context.Context) (database, error) {
	bin, localErr := findPostgres(ctx)
	if localErr != nil {
		if localErr = installPackages(ctx, "postgresql"); localErr == nil {
			bin, localErr = findPostgres(ctx)
		}
	}
	if given := os.Getenv("SCRATCH_TEST_POSTGRES_URL"); given != "" {
		if err := ping(ctx, given); err != nil {
			return database{}, fmt.Errorf("the PostgreSQL of SCRATCH_TEST_POSTGRES_URL does not answer: %w; correct it, or unset it to have one set up", err)
		}
		return database{url: given, programs: bin, origin: "the one of SCRATCH_TEST_POSTGRES_URL", stop: func() error { return nil }}, nil
	}
	if localErr == nil {
		return startCluster(ctx, bin)
	}
	found, containerErr := startContainer(ctx)
	if containerErr != nil {
		return database{}, fmt.Errorf("the tests need PostgreSQL %d or newer: install: %w; container: %w; "+
			"install PostgreSQL, or set SCRATCH_TEST_POSTGRES_URL to a server where databases may be created",
			oldestPostgres, localErr, containerErr)
	}
	return found, nil
}

// findPostgres returns the folder of the newest local install's programs.
func findPostgres(ctx context.Context) (string, error) {
	if given := os.Getenv("SCRATCH_TEST_POSTGRES_BIN"); given != "" {
		return given, nil
	}
	var folders []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
		"/usr/pgsql-*/bin",                   // Fedora, RHEL
		"/opt/homebrew/opt/postgresql@*/bin", // Homebrew
		"/usr/local/opt/postgresql@*/bin",    // Homebrew on Intel
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		if matches, err := filepath.Glob(pattern); err == nil {
			folders = append(folders, matches...)
		}
	}
	if initdb, err := exec.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(initdb))
	}
	return newest(ctx, folders)
}

// newest picks the folder whose postgres has the highest supported version.
func newest(ctx context.Context, folders []string) (string, error) {
	versions := map[string]int{}
	for _, folder := range folders {
		if version := majorVersion(ctx, filepath.Join(folder, "postgres")); version >= oldestPostgres {
			versions[folder] = version
		}
	}
	if len(versions) == 0 {
		return "", fmt.Errorf("no PostgreSQL %d or newer is installed (looked in %q)", oldestPostgres, folders)
	}
	sort.SliceStable(folders, func(i, j int) bool { return versions[folders[i]] > versions[folders[j]] })
	return folders[0], nil
}

// majorVersion asks a postgres program; 0 when it does not answer.
func majorVersion(ctx context.Context, program string) int {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return 0
	}
	var major int
	if _, err := fmt.Sscanf(string(out), "postgres (PostgreSQL) %d", &major); err != nil {
		return 0
	}
	return major
}

func ping(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	connection, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close(ctx) }()
	var version string
	if err := connection.QueryRow(ctx, `SHOW server_version_num`).Scan(&version); err != nil {
		return err
	}
	if number, err := strconv.Atoi(version); err != nil || number < oldestPostgres*10_000 {
		return fmt.Errorf("it is version %s, older than %d", version, oldestPostgres)
	}
	return nil
}

// awaitServer asks until the server answers, or gone is closed.
func awaitServer(ctx context.Context, gone <-chan struct{}, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-gone:
			return errors.New("it ended by itself")
		case <-ctx.Done():
			return fmt.Errorf("it did not answer: %w", err)
		case <-ticker.C:
		}
	}
}
