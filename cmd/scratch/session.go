package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/models"
)

// Environment of the client commands.
const (
	serverVariable = "SCRATCH_SERVER"
	tokenVariable  = "SCRATCH_TOKEN"
	folderVariable = "SCRATCH_DATA_DIR"
)

// clientFlags are the flags every client command takes.
type clientFlags struct {
	server  string
	token   string
	dataDir string
	json    bool
}

// bind adds the flags to a top-level client command and everything below it.
func (f *clientFlags) bind(c *cobra.Command) {
	folder := os.Getenv(folderVariable)
	if folder == "" {
		folder = ".scratch"
	}
	flags := c.PersistentFlags()
	flags.StringVar(&f.server, "server", "", "address of the server (or "+serverVariable+"; else the one 'scratch dev' left in the data folder)")
	flags.StringVar(&f.token, "token", "", "API token: @file, or - to read it from standard input (or "+tokenVariable+"; else the data folder's)")
	flags.StringVar(&f.dataDir, "data-dir", folder, "data folder of 'scratch dev'")
	flags.BoolVar(&f.json, "json", false, "print JSON on standard output, and nothing else there")
}

// session is one run of a client command: the server it speaks to and where
// its words go. Answers go to out, everything said on the way to err.
type session struct {
	*client
	json bool
	in   io.Reader
	out  io.Writer
	err  io.Writer
	now  func() time.Time
}

// action is a client command's work.
type action func(ctx context.Context, s *session, args []string) error

// run makes cobra's function of an action: it finds the server first.
func (f *clientFlags) run(do action) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		s, err := f.open(c)
		if err != nil {
			return err
		}
		return do(c.Context(), s, args)
	}
}

func (f *clientFlags) open(c *cobra.Command) (*session, error) {
	server, token := f.server, f.token
	if server == "" {
		server = os.Getenv(serverVariable)
	}
	if token == "" {
		token = os.Getenv(tokenVariable)
	}
	token, err := secretArgument(token, c.InOrStdin())
	if err != nil {
		return nil, err
	}
	if server != "" && !strings.Contains(server, "://") {
		server = "http://" + server
	}
	speaks, err := clientFromFolder(f.dataDir, server, token)
	if err != nil {
		return nil, err
	}
	return &session{client: speaks, json: f.json, in: c.InOrStdin(), out: c.OutOrStdout(), err: c.ErrOrStderr(), now: time.Now}, nil
}

// secretArgument reads a secret given as @file or - (standard input). Given as
// it is, it can be read by everybody who may list processes; it is taken, and
// no help text suggests it.
func secretArgument(text string, in io.Reader) (string, error) {
	content, found, err := readArgument(text, in)
	if !found {
		return text, err
	}
	return strings.TrimSpace(string(content)), err
}

// maxArgument bounds what is read for one argument.
const maxArgument = 16 << 20

// readArgument reads what "@file" or "-" names; found is false for anything else.
func readArgument(text string, in io.Reader) (content []byte, found bool, err error) {
	path, isFile := strings.CutPrefix(text, "@")
	switch {
	case text == "-":
		content, err = io.ReadAll(io.LimitReader(in, maxArgument))
	case isFile:
		content, err = readBounded(path)
	default:
		return nil, false, nil
	}
	if err != nil {
		err = withExit(exitBadInput, models.NewProblem(models.KindInvalid, "client.unreadable", "Cannot read "+plain(text)+".", "Check the path and its permissions.").Because(err))
	}
	return content, true, err
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the person at the terminal names their own file
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	return io.ReadAll(io.LimitReader(f, maxArgument))
}

// show prints an answer: as JSON for programs, or as write prints it for people.
func (s *session) show(answer any, write func(w io.Writer) error) error {
	if !s.json {
		// A page keeps the first error of its writes and tells it at the end.
		page := bufio.NewWriter(s.out)
		return errors.Join(write(page), page.Flush())
	}
	encoder := json.NewEncoder(s.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(answer)
}

// say tells the person at the terminal what happens; never on standard output.
func (s *session) say(format string, args ...any) {
	fmt.Fprintf(s.err, format+"\n", args...)
}

// done confirms a change: one line for people, the answer for programs.
func (s *session) done(answer any, format string, args ...any) error {
	return s.show(answer, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		return err
	})
}

// listing is a whole list as --json prints it.
type listing[T any] struct {
	Items []T `json:"items"`
}

func listed[T any](items []T) listing[T] {
	if items == nil {
		items = []T{}
	}
	return listing[T]{Items: items}
}

// unhurried speaks to the same server without a limit on the whole exchange:
// for uploads, exports and event streams, which take as long as they take. An
// answer must still begin within a minute.
func (c *client) unhurried() *client {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return c
	}
	own := transport.Clone()
	own.ResponseHeaderTimeout = time.Minute
	return &client{base: c.base, token: c.token, http: &http.Client{Transport: own}}
}

// badInput is a refusal made here, before the server is asked.
func badInput(code, detail, hint string) error {
	return withExit(exitBadInput, models.NewProblem(models.KindInvalid, code, detail, hint))
}

// missing reports whether the server said that there is no such thing.
func missing(err error) bool {
	p, ok := models.AsProblem(err)
	return ok && strings.HasSuffix(p.Code, ".not_found")
}

// as is the same client under a tab of its own: undo goes by it.
func (c *client) as(tab string) *client {
	return &client{base: c.base, token: c.token, http: &http.Client{Timeout: c.http.Timeout, Transport: tabTransport{tab, c.http.Transport}}}
}

// tabTransport names the tab in every request.
type tabTransport struct {
	tab  string
	next http.RoundTripper
}

func (t tabTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	next := t.next
	if next == nil {
		next = http.DefaultTransport
	}
	r = r.Clone(r.Context())
	r.Header.Set("Scratch-Tab", t.tab)
	return next.RoundTrip(r)
}
