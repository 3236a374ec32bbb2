package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

// Files that `scratch dev` leaves in its data folder for clients.
const (
	tokenFile   = "api-token"
	addressFile = "address"
)

// maxAnswer bounds what a client reads of one answer.
const maxAnswer = 256 << 20

// client speaks to a running server, for the client commands and the demo.
type client struct {
	base  string
	token string
	http  *http.Client
}

func newClient(base, token string) *client {
	return &client{base: strings.TrimSuffix(base, "/"), token: token, http: &http.Client{Timeout: 2 * time.Minute}}
}

// clientFromFolder finds the server and the token: flags and environment
// first, then what `scratch dev` left in its data folder.
func clientFromFolder(dataDir, server, token string) (*client, error) {
	if server == "" {
		text, err := os.ReadFile(filepath.Join(dataDir, addressFile))
		if err != nil {
			return nil, withExit(exitEnvironment, models.NewProblem(models.KindUnavailable, "client.no_server",
				"No server is named, and none runs from "+dataDir+".", "Start one with 'scratch dev', or name one with --server.").Because(err))
		}
		server = strings.TrimSpace(string(text))
	}
	if token == "" {
		text, err := os.ReadFile(filepath.Join(dataDir, tokenFile))
		if err != nil {
			return nil, withExit(exitEnvironment, models.NewProblem(models.KindUnauthenticated, "client.no_token",
				"No API token is given.", "Set SCRATCH_TOKEN, or run from the folder where 'scratch dev' runs.").Because(err))
		}
		token = strings.TrimSpace(string(text))
	}
	return newClient(server, token), nil
}

// call sends a request and reads its JSON answer into out, when out is not
// nil. A refused request is a *models.Problem with exit code 2 or 3.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	return c.send(ctx, method, path, "application/json", body, out)
}

func (c *client) send(ctx context.Context, method, path, contentType string, body io.Reader, out any) error {
	answer, err := c.open(ctx, method, path, contentType, body)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
		return err
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(out); err != nil {
		return withExit(exitEnvironment, fmt.Errorf("read the answer to %s %s: %w", method, path, err))
	}
	return nil
}

// open sends a request and hands out its answer when it is a good one.
func (c *client) open(ctx context.Context, method, path, contentType string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, withExit(exitBadInput, fmt.Errorf("make the request: %w", err))
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, withExit(exitEnvironment, models.NewProblem(models.KindUnavailable, "client.unreachable",
			"The server at "+c.base+" does not answer.", "Is it running? 'scratch dev' prints its address; 'scratch doctor' looks for causes.").Because(err))
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer answer.Body.Close()
	return nil, refused(answer)
}

// refused reads the problem document of an answer.
func refused(answer *http.Response) error {
	code := exitBadInput
	if answer.StatusCode >= 500 || answer.StatusCode == http.StatusUnauthorized {
		code = exitEnvironment
	}
	var doc api.ProblemDocument
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&doc); err != nil || doc.Code == "" {
		return withExit(code, errors.Join(fmt.Errorf("the server answered %s", answer.Status), err))
	}
	p := models.NewProblem(models.KindInvalid, doc.Code, doc.Detail, doc.Hint)
	for _, f := range doc.Errors {
		p = p.WithFields(models.FieldProblem(f))
	}
	if doc.RequestID != "" && answer.StatusCode >= 500 {
		p.Hint = strings.TrimSpace(p.Hint + " Request " + doc.RequestID + ".")
	}
	return withExit(code, p)
}

// listOf is a page of a list as the API answers it.
type listOf[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

// all reads every page of a list.
func all[T any](ctx context.Context, c *client, path string, query url.Values) ([]T, error) {
	if query == nil {
		query = url.Values{}
	}
	var items []T
	for {
		var page listOf[T]
		target := path
		if len(query) > 0 {
			target += "?" + query.Encode()
		}
		if err := c.call(ctx, http.MethodGet, target, nil, &page); err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
		if page.NextCursor == "" {
			return items, nil
		}
		query.Set("cursor", page.NextCursor)
	}
}
