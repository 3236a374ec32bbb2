package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
)

// demoState is what the demo remembers between starts. It is written after each
// step of the first one, so that a start that was killed half-way is gone on
// with and nothing is made twice.
type demoState struct {
	Port       int    `json:"port"`
	Connection string `json:"connection,omitempty"`
	Snapshot   string `json:"snapshot,omitempty"`
	// Ready says that everything was made; what a person removes of it later
	// stays removed.
	Ready bool `json:"ready"`
}

// demoPort is the first choice of the sample blog's port; the one it got is
// kept, because the connection names it.
const demoPort = 3110

// What the demo calls what it makes.
const (
	demoConnection = "Hearth & Furrow (demo blog)"
	demoSnapshot   = "Demo blog"
)

// demoTables are the sample blog's tables that the demo's snapshot holds.
var demoTables = []string{"posts", "pages", "categories", "tags"}

// serveDemo plays a WordPress site with sample content on loopback, with its
// request log and fault switch, and makes a connection and a snapshot of it on
// the first start.
func serveDemo(ctx context.Context, dataDir string, c *client) error {
	d := &demo{file: filepath.Join(dataDir, "demo.json"), client: c}
	if err := d.read(); err != nil {
		return err
	}
	port := d.state.Port
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
	if err := d.introduce(ctx, portOf(listener)); err != nil && ctx.Err() == nil {
		say("The demo could not be made ready: %v", err)
	}
	return <-served
}

// demo makes the sample blog known to the product.
type demo struct {
	file    string
	client  *client
	state   demoState
	resumed bool // an earlier start began, so something may be there already
}

func (d *demo) read() error {
	text, err := os.ReadFile(d.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, &d.state)
	}
	if err != nil {
		return fmt.Errorf("read the demo's state: %w", err)
	}
	d.resumed = true
	return nil
}

func (d *demo) write() error {
	text, err := json.Marshal(d.state)
	if err != nil {
		return err
	}
	return writePrivate(d.file, string(text))
}

// introduce makes what the demo needs and is not there yet, and tells the
// connection where the blog is now.
func (d *demo) introduce(ctx context.Context, port int) error {
	if err := awaitReady(ctx, d.client); err != nil {
		return err
	}
	if !d.resumed {
		// The intent is on disk before anything is made: a start that finds it
		// looks for what an earlier one made without hearing of it.
		d.state.Port = port
		if err := d.write(); err != nil {
			return err
		}
	}
	if !d.state.Ready {
		if err := d.make(ctx, port); err != nil {
			return err
		}
	}
	if d.state.Port != port {
		err := d.client.call(ctx, http.MethodPatch, "/api/v1/connections/"+d.state.Connection, map[string]any{"credential": demoCredential(port)}, nil)
		if err != nil {
			return err
		}
		d.state.Port = port
		if err := d.write(); err != nil {
			return err
		}
	}
	say("  Demo service   %s (request log and fault switch: %s/_fake/)", demoSite(port), demoSite(port))
	return nil
}

func demoSite(port int) string { return "http://localhost:" + strconv.Itoa(port) }

func demoCredential(port int) map[string]string {
	return map[string]string{"site": demoSite(port), "username": fake.AdminLogin, "password": fake.AdminPassword}
}

// make goes through the steps that are not done, each with its own entry in the
// state.
func (d *demo) make(ctx context.Context, port int) error {
	if err := d.connect(ctx, port); err != nil {
		return err
	}
	if err := d.makeSnapshot(ctx); err != nil {
		return err
	}
	if err := d.addTables(ctx); err != nil {
		return err
	}
	d.state.Ready = true
	return d.write()
}

func (d *demo) connect(ctx context.Context, port int) error {
	if d.state.Connection != "" {
		return nil
	}
	if d.resumed {
		known, err := all[api.Connection](ctx, d.client, "/api/v1/connections", nil)
		if err != nil {
			return err
		}
		for _, c := range known {
			var hint struct {
				Site string `json:"site"`
			}
			if c.Name == demoConnection && json.Unmarshal(c.Hint, &hint) == nil && hint.Site == demoSite(d.state.Port) {
				d.state.Connection = c.ID
				return d.write()
			}
		}
	}
	if d.state.Port != port {
		d.state.Port = port
		if err := d.write(); err != nil {
			return err
		}
	}
	var made api.Connection
	err := d.client.call(ctx, http.MethodPost, "/api/v1/connections", map[string]any{
		"service": "wordpress", "name": demoConnection, "credential": demoCredential(port),
	}, &made)
	if err != nil {
		return err
	}
	d.state.Connection = made.ID
	return d.write()
}

func (d *demo) makeSnapshot(ctx context.Context) error {
	if d.state.Snapshot != "" {
		return nil
	}
	if d.resumed {
		known, err := all[api.Snapshot](ctx, d.client, "/api/v1/snapshots", nil)
		if err != nil {
			return err
		}
		for _, s := range known {
			if s.Name == demoSnapshot {
				d.state.Snapshot = s.ID
				return d.write()
			}
		}
	}
	var made api.Snapshot
	if err := d.client.call(ctx, http.MethodPost, "/api/v1/snapshots", map[string]any{"name": demoSnapshot}, &made); err != nil {
		return err
	}
	d.state.Snapshot = made.ID
	return d.write()
}

func (d *demo) addTables(ctx context.Context) error {
	path := "/api/v1/snapshots/" + d.state.Snapshot + "/tables"
	known, err := all[api.Table](ctx, d.client, path, nil)
	if err != nil {
		return err
	}
	for _, table := range demoTables {
		if slices.ContainsFunc(known, func(t api.Table) bool { return t.RemoteID == table && t.ConnectionID == d.state.Connection }) {
			continue
		}
		err := d.client.call(ctx, http.MethodPost, path, map[string]any{"connection_id": d.state.Connection, "remote_id": table}, nil)
		if err != nil {
			return fmt.Errorf("add the demo's table %s: %w", table, err)
		}
	}
	return nil
}
