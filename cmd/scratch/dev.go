package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/scratch-platform/scratch/internal/accounts"
	"github.com/scratch-platform/scratch/internal/config"
	"github.com/scratch-platform/scratch/internal/devserver"
	"github.com/scratch-platform/scratch/internal/netguard"
	"github.com/scratch-platform/scratch/models"
)

type devFlags struct {
	dataDir    string
	port       int
	temporal   int
	temporalUI int
	demo       bool
	open       bool
}

func devCommand() *cobra.Command {
	var f devFlags
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run everything on this machine: Temporal, store, worker, API, page and a demo service",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withExit(exitEnvironment, runDev(c.Context(), f))
		},
	}
	c.Flags().StringVar(&f.dataDir, "data-dir", ".scratch", "folder for everything kept between starts")
	c.Flags().IntVar(&f.port, "port", 3010, "port of the page and the API; the next free one when taken")
	c.Flags().IntVar(&f.temporal, "temporal-port", 7233, "port of Temporal")
	c.Flags().IntVar(&f.temporalUI, "temporal-ui-port", 8233, "port of Temporal's Web UI")
	c.Flags().BoolVar(&f.demo, "demo", true, "serve a sample blog, with a connection and a snapshot ready")
	c.Flags().BoolVar(&f.open, "open", false, "open the page in the browser")
	return c
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// runDev starts everything, prints where it is, and ends all of it when the
// context does. The order of the end is the reverse: no request is taken while
// the engine goes away.
func runDev(ctx context.Context, f devFlags) (err error) {
	settings, err := devSettings(f)
	if err != nil {
		return err
	}
	listener, err := listenNear(ctx, f.port)
	if err != nil {
		return err
	}
	defer listener.Close()
	settings.Listen = listener.Addr().String()
	settings.PublicURL = "http://localhost:" + strconv.Itoa(portOf(listener))
	guard, err := settings.Netguard()
	if err != nil {
		return err
	}
	s, engine, err := assembleDev(ctx, f, settings, guard.And(netguard.Loopback()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(), stopEngine(ctx, engine)) }()
	token, link, err := s.signInLocally(ctx)
	if err != nil {
		return err
	}
	if err := writePrivate(filepath.Join(f.dataDir, addressFile), settings.PublicURL); err != nil {
		return err
	}
	group, running := errgroup.WithContext(ctx)
	s.sharing.run(running, group)
	if err := s.observed.serve(running, settings, group, s.log); err != nil {
		return err
	}
	handler := s.handler(true) //nolint:contextcheck // requests bring their own
	group.Go(func() error { return serveHTTP(running, listener, handler, settings.Drain) })
	s.run(running, group)
	if f.demo {
		group.Go(func() error { return serveDemo(running, f.dataDir, newClient(settings.PublicURL, token)) })
	}
	group.Go(func() error {
		if err := awaitReady(running, newClient(settings.PublicURL, token)); err != nil {
			return err
		}
		announce(f, settings, engine, link)
		return nil
	})
	err = group.Wait()
	if ctx.Err() != nil {
		say("Stopping; everything is kept in %s.", f.dataDir)
		return ignoreEnd(err)
	}
	return err
}

func devSettings(f devFlags) (config.Settings, error) {
	settings, err := config.Load(os.Environ())
	if err != nil {
		return settings, err
	}
	settings.DataDir = f.dataDir
	settings.Role = config.RoleMonolith
	return settings, os.MkdirAll(f.dataDir, 0o700)
}

// assembleDev opens the store, starts the engine and makes the parts. The engine
// needs a CLI that may have to be built, for minutes; the store is opened first,
// so that a second process on the folder is refused at once.
func assembleDev(ctx context.Context, f devFlags, settings config.Settings, guard netguard.Policy) (*system, *devserver.Server, error) {
	s, err := newSystem(ctx, settings)
	if err != nil {
		return nil, nil, err
	}
	if s.store, err = s.openStore(ctx); err != nil {
		return nil, nil, errors.Join(err, s.close())
	}
	engine, err := startEngine(ctx, f, settings)
	if err != nil {
		return nil, nil, errors.Join(err, s.close())
	}
	s.settings.TemporalAddress, s.settings.TemporalNamespace, s.settings.TemporalUIURL = engine.Address(), engine.Namespace(), engine.UIURL()
	if err = s.makeParts(guard); err == nil {
		err = s.store.Migrate(ctx)
	}
	if err != nil {
		return nil, nil, errors.Join(err, s.close(), stopEngine(ctx, engine))
	}
	return s, engine, nil
}

func startEngine(ctx context.Context, f devFlags, settings config.Settings) (*devserver.Server, error) {
	cli, err := devserver.Finder{Report: func(line string) { say("%s", line) }}.Find(ctx)
	if err != nil {
		return nil, err
	}
	engine, err := devserver.Start(ctx, devserver.Options{
		CLI: cli, DataDir: f.dataDir, Port: f.temporal, UIPort: f.temporalUI,
		CodecEndpoint: settings.PublicURL + "/codec", Report: func(line string) { say("%s", line) },
	})
	if errors.Is(err, devserver.ErrInUse) {
		return nil, models.NewProblem(models.KindConflict, "store.in_use", "Another process runs on the folder "+f.dataDir+".",
			"Stop that one, or choose another folder with --data-dir.").Because(err)
	}
	return engine, err
}

func stopEngine(ctx context.Context, engine *devserver.Server) error {
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	return engine.Stop(stop)
}

// signInLocally makes the one local user, the API token's file for scripts,
// and a fresh one-time link for the browser.
func (s *system) signInLocally(ctx context.Context) (token, link string, err error) {
	org, user, err := s.store.System().EnsureLocalAccount(ctx)
	if err != nil {
		return "", "", err
	}
	if token, err = s.localToken(ctx, org, user); err != nil {
		return "", "", err
	}
	made, err := signInLink(ctx, s.store, s.settings.PublicURL, false)
	return token, made.Link, err
}

// localToken reads the token of an earlier start, or makes one.
func (s *system) localToken(ctx context.Context, org models.Organization, user models.User) (string, error) {
	path := filepath.Join(s.settings.DataDir, tokenFile)
	if text, err := os.ReadFile(path); err == nil {
		token := strings.TrimSpace(string(text))
		if hash, err := accounts.Parse(accounts.APIToken, token); err == nil {
			if _, _, err := s.store.System().TokenByHash(ctx, hash[:]); err == nil {
				return token, nil
			}
		}
	}
	key := accounts.Mint(accounts.APIToken)
	err := s.store.Org(org.ID).CreateToken(ctx, models.APIToken{
		ID: models.NewID(models.PrefixAPIToken), OrganizationID: org.ID, UserID: user.ID,
		Name: "local", Hash: key.Hash[:], Scopes: accounts.AllScopes().String(), CreatedAt: time.Now().UTC(),
	})
	if err != nil {
		return "", err
	}
	return key.Text.Reveal(), writePrivate(path, key.Text.Reveal())
}

// listenNear takes the port asked for, or the next free one, and says so. It
// binds loopback and nothing else.
func listenNear(ctx context.Context, port int) (net.Listener, error) {
	var lc net.ListenConfig
	for try := range 50 {
		l, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+try)))
		if err == nil {
			if try > 0 {
				say("Port %d is taken; using %d.", port, port+try)
			}
			return l, nil
		}
		if port == 0 {
			return nil, fmt.Errorf("listen on loopback: %w", err)
		}
	}
	return nil, models.NewProblem(models.KindUnavailable, "server.no_port", fmt.Sprintf("Ports %d to %d are all taken.", port, port+49), "Name a free one with --port.")
}

func portOf(l net.Listener) int {
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

func awaitReady(ctx context.Context, c *client) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if c.call(ctx, http.MethodGet, "/readyz", nil, nil) == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func announce(f devFlags, settings config.Settings, engine *devserver.Server, link string) {
	say("")
	say("  Scratch        %s", link)
	say("  (that link signs one browser in, once; later open %s)", settings.PublicURL)
	say("  API token      %s", filepath.Join(f.dataDir, tokenFile))
	say("  API docs       %s/docs", settings.PublicURL)
	say("  Temporal UI    %s", engine.UIURL())
	say("")
	if f.open {
		openBrowser(link)
	}
}

// openBrowser asks the desktop to open a link; a machine without one is told
// nothing, the link is on the terminal.
func openBrowser(link string) {
	name := "xdg-open"
	if runtime.GOOS == "darwin" {
		name = "open"
	}
	if path, err := exec.LookPath(name); err == nil {
		_ = exec.Command(path, link).Start() //nolint:gosec,noctx // the desktop's opener, and a link of our own; it outlives us
	}
}

func ignoreEnd(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
