package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
)

// demoState is what the demo remembers between starts.
type demoState struct {
	Port       int    `json:"port"`
	Connection string `json:"connection"`
	Snapshot   string `json:"snapshot"`
}

// demoPort is the first choice of the sample blog's port; the one it got is
// kept, because the connection names it.
const demoPort = 3110

// serveDemo plays a WordPress site with sample content on loopback, with its
// request log and fault switch, and makes a connection and a snapshot of it on
// the first start.
func serveDemo(ctx context.Context, dataDir string, c *client) error {
	file := filepath.Join(dataDir, "demo.json")
	state, first, err := readDemo(file)
	if err != nil {
		return err
	}
	port := state.Port
	if port == 0 {
		port = demoPort
	}
	listener, err := listenNear(ctx, port)
	if err != nil {
		return err
	}
	site, err := fake.New(fake.Options{
		JournalFile: filepath.Join(dataDir, "demo-site.jsonl"),
		LogFile:     filepath.Join(dataDir, "demo-requests.jsonl"),
	}, fake.Demo())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer site.Close()
	served := make(chan error, 1)
	go func() { served <- site.Serve(ctx, listener) }()
	if err := introduceDemo(ctx, c, file, first, state, listener); err != nil && ctx.Err() == nil {
		say("The demo could not be made ready: %v", err)
	}
	return <-served
}

func readDemo(file string) (state demoState, first bool, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return state, true, nil
	}
	if err != nil {
		return state, false, fmt.Errorf("read the demo's state: %w", err)
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return state, false, fmt.Errorf("read the demo's state: %w", err)
	}
	return state, false, nil
}

func introduceDemo(ctx context.Context, c *client, file string, first bool, state demoState, listener net.Listener) error {
	site := "http://localhost:" + strconv.Itoa(portOf(listener))
	if err := awaitReady(ctx, c); err != nil {
		return err
	}
	moved := !first && state.Port != portOf(listener)
	state.Port = portOf(listener)
	credential := map[string]string{"site": site, "username": fake.AdminLogin, "password": fake.AdminPassword}
	switch {
	case first:
		if err := makeDemo(ctx, c, &state, credential); err != nil {
			return err
		}
	case moved:
		err := c.call(ctx, http.MethodPatch, "/api/v1/connections/"+state.Connection, map[string]any{"credential": credential}, nil)
		if err != nil {
			return err
		}
	}
	say("  Demo service   %s (request log and fault switch: %s/_fake/)", site, site)
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return writePrivate(file, string(text))
}

func makeDemo(ctx context.Context, c *client, state *demoState, credential map[string]string) error {
	var connection api.Connection
	err := c.call(ctx, http.MethodPost, "/api/v1/connections", map[string]any{
		"service": "wordpress", "name": "Hearth & Furrow (demo blog)", "credential": credential,
	}, &connection)
	if err != nil {
		return err
	}
	var snapshot api.Snapshot
	if err := c.call(ctx, http.MethodPost, "/api/v1/snapshots", map[string]any{"name": "Demo blog"}, &snapshot); err != nil {
		return err
	}
	state.Connection, state.Snapshot = connection.ID, snapshot.ID
	for _, table := range []string{"posts", "pages", "categories", "tags"} {
		err := c.call(ctx, http.MethodPost, "/api/v1/snapshots/"+snapshot.ID+"/tables",
			map[string]any{"connection_id": connection.ID, "remote_id": table}, nil)
		if err != nil {
			return fmt.Errorf("add the demo's table %s: %w", table, err)
		}
	}
	return nil
}
