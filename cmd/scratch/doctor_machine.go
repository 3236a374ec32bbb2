package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/scratch-platform/scratch/internal/config"
	"github.com/scratch-platform/scratch/internal/devserver"
	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
)

// variables of the command line and of tools, which are no settings of a
// server: not mistyped ones.
var otherVariables = []string{serverVariable, tokenVariable, "SCRATCH_TEMPORAL_CLI", "SCRATCH_CACHE", "SCRATCH_KILL_SEEDS"}

// lookAtSettings reads the environment. What is wrong is named all at once; the
// other checks then go on without the variables that cannot be used.
func (d *doctor) lookAtSettings(f *localFlags) {
	environ := os.Environ()
	if f.dataDir != "" {
		environ = append(environ, folderVariable+"="+f.dataDir)
	}
	settings, err := config.Load(environ)
	if p, ok := models.AsProblem(err); ok {
		for _, field := range p.Fields {
			d.broken("settings", field.Field+": "+field.Detail, p.Hint)
			environ = slices.DeleteFunc(environ, func(one string) bool {
				name, _, _ := strings.Cut(one, "=")
				return name == field.Field || name+"_FILE" == field.Field || name == field.Field+"_FILE"
			})
		}
		settings, err = config.Load(environ)
	}
	if err != nil {
		d.failed("settings", "the environment cannot be read", err, "Unset the SCRATCH_ variables one by one.")
		settings.DataDir = ".scratch"
	}
	for _, name := range config.Unknown(environ) {
		if !slices.Contains(otherVariables, name) {
			d.note("settings", name+" is not a setting of Scratch.", "Is it mistyped? The settings and their meanings stand in .env.example.")
		}
	}
	if len(d.checks) == 0 {
		where := "a SQLite file in " + settings.DataDir
		if settings.PostgreSQL() {
			where = "PostgreSQL"
		}
		d.ok("settings", "role %s, store in %s", settings.Role, where)
	}
	d.settings = settings
}

// devFiles is what `scratch dev` left in its data folder.
type devFiles struct {
	server    string // where the API answers; empty when it never ran here
	temporal  string
	namespace string
}

func readDevFiles(folder string) devFiles {
	var dev devFiles
	if text, err := os.ReadFile(filepath.Join(folder, addressFile)); err == nil {
		dev.server = strings.TrimSpace(string(text))
	}
	if text, err := os.ReadFile(filepath.Join(folder, devserver.AddressFile)); err == nil {
		dev.temporal, dev.namespace, _ = strings.Cut(strings.TrimSpace(string(text)), "\n")
	}
	return dev
}

// oneMachine reports whether Scratch runs here as 'scratch dev' has it: with a
// Temporal of its own.
func (d *doctor) oneMachine() bool {
	return !d.settings.PostgreSQL() && os.Getenv("SCRATCH_TEMPORAL_ADDRESS") == ""
}

// Free space below which doctor warns, and below which it calls it broken.
const (
	littleSpace = 2 << 30
	noSpace     = 200 << 20
)

func (d *doctor) lookAtFolders(context.Context) {
	for _, one := range []struct{ name, path string }{{"data folder", d.settings.DataDir}, {"upload folder", d.settings.UploadDir()}} {
		existing, err := nearestFolder(one.path)
		if err == nil {
			err = writable(existing)
		}
		if err != nil {
			d.failed(one.name, one.path+" cannot be written", err, "Give this user the right to write there, or choose another folder with SCRATCH_DATA_DIR.")
			continue
		}
		detail := one.path + " is writable"
		if existing != filepath.Clean(one.path) {
			detail = one.path + " will be made"
		}
		switch free, _, err := diskSpace(existing); {
		case err != nil:
			d.failed(one.name, "the free space cannot be read", err, "Check the disk.")
		case free < noSpace:
			d.broken(one.name, fmt.Sprintf("%s; the disk is full: %s free", detail, config.Size(free)), "Make room, or choose another disk.")
		case free < littleSpace:
			d.note(one.name, fmt.Sprintf("%s; only %d MB free", detail, free>>20), "Make room before large downloads.")
		default:
			d.ok(one.name, "%s, %d GB free", detail, free>>30)
		}
	}
}

// nearestFolder is the folder, or the nearest one above it that exists.
func nearestFolder(path string) (string, error) {
	path = filepath.Clean(path)
	for {
		info, err := os.Stat(path)
		switch {
		case err == nil && info.IsDir():
			return path, nil
		case err == nil:
			return "", fmt.Errorf("%s is not a folder", path)
		case !errors.Is(err, fs.ErrNotExist) || filepath.Dir(path) == path:
			return "", err
		}
		path = filepath.Dir(path)
	}
}

// writable tries: permissions alone do not tell of read-only disks.
func writable(folder string) error {
	file, err := os.CreateTemp(folder, ".scratch-doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// diskSpace gives the bytes that may still be used of a folder's disk, and all
// there are.
func diskSpace(folder string) (free, size int64, err error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(folder, &stat); err != nil {
		return 0, 0, err
	}
	block := int64(stat.Bsize)                                         //nolint:unconvert // other widths elsewhere
	return int64(stat.Bavail) * block, int64(stat.Blocks) * block, nil //nolint:gosec // no disk has 2^63 bytes
}

func (d *doctor) lookAtKeys(context.Context) {
	source := d.settings.VaultSource()
	created := source.Create
	source.Create = false
	if source.Configured.IsZero() && created {
		if _, err := os.Stat(source.File); errors.Is(err, fs.ErrNotExist) {
			d.ok("keys", "%s will be made at the first start", source.File)
			return
		}
	}
	keys, err := vault.Open(source)
	if err != nil {
		d.failed("keys", "the keyset cannot be used", err, "Make one with 'scratch vault new' and set SCRATCH_VAULT_KEYSET in every process.")
		return
	}
	d.ok("keys", "new values are encrypted with key %s", keys.PrimaryKeyID())
}

// lookAtCLI asks for the Temporal CLI where 'scratch dev' would run it.
func (d *doctor) lookAtCLI(ctx context.Context) {
	if !d.oneMachine() {
		return
	}
	path, err := (devserver.Finder{}).Look(ctx)
	if err != nil {
		d.note("temporal cli", "none that is new enough is on this machine", "'scratch dev' downloads or builds one on its first start (up to 6 minutes); or put a current 'temporal' on PATH.")
		return
	}
	d.ok("temporal cli", "%s", path)
}

// devPorts are the ports 'scratch dev' wishes for.
var devPorts = []struct {
	port int
	what string
}{{3010, "page and API"}, {7233, "Temporal"}, {8233, "Temporal's Web UI"}}

func (d *doctor) lookAtPorts(ctx context.Context) {
	if !d.oneMachine() {
		d.lookAtListen(ctx)
		return
	}
	if d.dev.temporal != "" {
		return // it runs, on ports of its own choice
	}
	for _, one := range devPorts {
		if err := bindable(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(one.port))); err != nil {
			d.note("port "+strconv.Itoa(one.port), one.what+": taken by another program", "'scratch dev' takes the next free one and says so.")
			continue
		}
		d.ok("port "+strconv.Itoa(one.port), "%s: free", one.what)
	}
}

// lookAtListen is for a configured server: its port must be free, or be its own.
func (d *doctor) lookAtListen(ctx context.Context) {
	if d.settings.Role == config.RoleWorker || d.settings.Role == config.RoleCron {
		return
	}
	if bindable(ctx, d.settings.Listen) == nil {
		d.ok("listen address", "%s is free", d.settings.Listen)
		return
	}
	if _, err := askReady(ctx, "http://"+d.settings.Listen); err == nil {
		d.ok("listen address", "%s is held by a running Scratch", d.settings.Listen)
		return
	}
	d.broken("listen address", d.settings.Listen+" is taken by another program, or is no address of this machine", "End that program, or set SCRATCH_LISTEN.")
}

func bindable(ctx context.Context, address string) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return listener.Close()
}
