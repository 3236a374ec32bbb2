package connectors

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

func TestStatuses(t *testing.T) {
	for _, tc := range []struct {
		status      int
		body        string
		read, write Kind
		outcome     Outcome
	}{
		{400, `{}`, KindInvalid, KindInvalid, Failed},
		{401, `{}`, KindAuth, KindAuth, NotSent},
		{402, `{}`, KindQuota, KindQuota, NotSent},
		{403, `{}`, KindPermission, KindPermission, Failed},
		{403, `<html><body>Blocked</body></html>`, KindUnavailable, KindUnavailable, NotSent},
		{404, `{}`, KindNotFound, KindNotFound, Failed},
		{405, `{}`, KindUnsupported, KindUnsupported, Failed},
		{409, `{}`, KindConflict, KindConflict, Conflict},
		{410, `{}`, KindNotFound, KindNotFound, Failed},
		{413, `<html>`, KindTooLarge, KindTooLarge, Failed},
		{429, `{}`, KindRateLimited, KindRateLimited, NotSent},
		{408, ``, KindUnavailable, KindAmbiguous, Unknown},
		{500, `{}`, KindUnavailable, KindAmbiguous, Unknown},
		{502, `<html>`, KindUnavailable, KindAmbiguous, Unknown},
		{503, ``, KindUnavailable, KindAmbiguous, Unknown},
		{504, ``, KindUnavailable, KindAmbiguous, Unknown},
	} {
		t.Run(fmt.Sprintf("%d %s", tc.status, tc.body), func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}))
			t.Cleanup(server.Close)
			client := testClient(t, server.URL)
			_, err := client.Do(t.Context(), HTTPRequest{Method: "GET", Tried: "read"})
			require.Equal(t, tc.status, requireKind(t, err, tc.read).Status)
			_, err = client.Do(t.Context(), HTTPRequest{Method: "PATCH", Tried: "write", Body: 1})
			requireKind(t, err, tc.write)
			require.Equal(t, tc.outcome, ResultOf("k", err).Outcome)
		})
	}
}

func TestExplainHasTheLastWord(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(503)
		_, _ = io.WriteString(w, `{"code":"not_done","column":"title"}`)
	}))
	t.Cleanup(server.Close)
	client := testClient(t, server.URL, func(c *HTTPConfig) {
		c.Explain = func(a *HTTPAnswer, e *Error) {
			var said struct{ Code, Column string }
			if a.JSON(&said) == nil && said.Code == "not_done" {
				e.Kind, e.Code, e.Column = KindUnavailable, said.Code, said.Column
			}
		}
	})
	_, err := client.Do(t.Context(), HTTPRequest{Method: "POST", Tried: "write"})
	e := requireKind(t, err, KindUnavailable)
	require.Equal(t, "not_done", e.Code)
	require.Equal(t, "title", e.Problem().Fields[0].Field)
}

func TestRedirects(t *testing.T) {
	var elsewhere http.Header
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere = r.Header.Clone()
		_, _ = io.WriteString(w, `{}`)
	}))
	t.Cleanup(other.Close)
	var hits atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		switch r.URL.Path {
		case "/near":
			http.Redirect(w, r, "/there", http.StatusMovedPermanently)
		case "/far":
			http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1), http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			if _, _, ok := r.BasicAuth(); !ok {
				w.WriteHeader(401)
				return
			}
			_, _ = io.WriteString(w, `{}`)
		}
	}))
	t.Cleanup(server.Close)
	client := testClient(t, server.URL, func(c *HTTPConfig) {
		c.Authorize = func(_ context.Context, r *http.Request) error {
			r.SetBasicAuth("ana", canary)
			r.Header.Set("X-Api-Key", canary)
			return nil
		}
	})
	answer, err := client.Do(t.Context(), HTTPRequest{Method: "GET", Path: "near", Tried: "read"})
	require.NoError(t, err, "a redirect on the same host keeps the credential")
	require.Equal(t, "/there", answer.URL.Path)
	_, err = client.Do(t.Context(), HTTPRequest{Method: "GET", Path: "far", Tried: "read"})
	require.NoError(t, err)
	require.Empty(t, elsewhere.Get("Authorization")+elsewhere.Get("X-Api-Key"), "the credential went to another host")
	_, err = client.Do(t.Context(), HTTPRequest{Method: "GET", Path: "loop", Tried: "read"})
	require.Equal(t, "redirects_too_many", requireKind(t, err, KindInvalid).Code)

	hits.Store(0)
	_, err = client.Do(t.Context(), HTTPRequest{Method: "POST", Path: "near", Tried: "write", Body: 1})
	e := requireKind(t, err, KindInvalid)
	require.Equal(t, "redirected", e.Code)
	require.Contains(t, e.Reason, "/there")
	require.EqualValues(t, 1, hits.Load(), "a write followed a redirect")
}

// Promise 10: whatever the service quotes, in whatever spelling, the credential is
// in no error, no problem and no cause.
func TestCredentialIsInNoError(t *testing.T) {
	pair := base64.StdEncoding.EncodeToString([]byte("ana:" + canary))
	quoted := []string{
		canary, pair, url.QueryEscape(canary), strings.ReplaceAll(canary, " ", ""),
		base64.StdEncoding.EncodeToString([]byte(canary)), "Authorization: Basic " + pair,
		strings.Repeat("x", MaxServiceWords-8) + canary,
		"<html><body>" + canary + "</body></html>", `{"message":"bad ` + canary + `"}`,
	}
	for _, words := range quoted {
		for _, status := range []int{200, 400, 401, 403, 500} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, _ = io.WriteString(w, words)
			}))
			client := testClient(t, server.URL, func(c *HTTPConfig) {
				c.Explain = func(a *HTTPAnswer, e *Error) {
					e.Words, e.Code, e.Hint, e.Reason = string(a.Body), string(a.Body), string(a.Body), string(a.Body)
					e.Fields = []models.FieldProblem{{Field: "a", Detail: string(a.Body), Code: string(a.Body)}}
				}
			})
			for _, method := range []string{"GET", "POST"} {
				answer, err := client.Do(t.Context(), HTTPRequest{Method: method, Tried: "try"})
				if err == nil {
					var into struct{ ID int }
					err = answer.JSON(&into)
					if err == nil {
						continue // valid JSON without an id
					}
				}
				requireNoCanary(t, err, pair)
			}
			server.Close()
		}
	}
}

func requireNoCanary(t *testing.T, err error, pair string) {
	t.Helper()
	e, ok := AsError(err)
	require.True(t, ok)
	problem, jsonErr := json.Marshal(e.Problem())
	require.NoError(t, jsonErr)
	whole := fmt.Sprintf("%v %+v %s", err, *e, problem)
	for cause := error(e); cause != nil; cause = errors.Unwrap(cause) {
		whole += cause.Error()
	}
	for _, secret := range []string{canary, "cAnArY", url.QueryEscape(canary), pair[:16]} {
		require.NotContains(t, whole, secret)
	}
}

func TestKeyInTheAddressIsInNoError(t *testing.T) {
	client := testClient(t, "http://127.0.0.1:1", func(c *HTTPConfig) {
		c.Authorize = func(_ context.Context, r *http.Request) error {
			q := r.URL.Query()
			q.Set("key", canary)
			r.URL.RawQuery = q.Encode()
			return nil
		}
	})
	_, err := client.Do(t.Context(), HTTPRequest{Method: "GET", Tried: "read", Query: url.Values{"a": {"b"}}})
	requireNoCanary(t, err, base64.StdEncoding.EncodeToString([]byte(canary)))
}

func TestAnswersThatAreNoJSON(t *testing.T) {
	for _, tc := range []struct {
		name, body, code string
		kind             Kind
	}{
		{"html", "<!DOCTYPE html><html><head><title>Log in</title><script>var a = 1</script></head><body>Please</body></html>", "answer_html", KindInvalid},
		{"empty", "", "answer_empty", KindUnavailable},
		{"text", "Service OK", "answer_not_json", KindInvalid},
		{"cut", `{"id":1,`, "answer_not_json", KindInvalid},
		{"other form", `{"id":"seven"}`, "answer_unexpected", KindInternal},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tc.body) }))
			t.Cleanup(server.Close)
			client := testClient(t, server.URL)
			var into struct{ ID int }
			answer, err := client.Do(t.Context(), HTTPRequest{Method: "GET", Tried: "read"})
			require.NoError(t, err)
			e := requireKind(t, answer.JSON(&into), tc.kind)
			require.Equal(t, tc.code, e.Code)
			require.NotContains(t, e.Words, "<")
			require.NotContains(t, e.Words, "var a")
			answer, err = client.Do(t.Context(), HTTPRequest{Method: "POST", Tried: "write"})
			require.NoError(t, err)
			requireKind(t, answer.JSON(&into), KindAmbiguous)
		})
	}
}

func TestJSONBehindJunk(t *testing.T) {
	for _, junk := range []string{
		"<br />\n<b>Notice</b>: Undefined index: foo[1] in {closure} <b>/srv/x.php</b> on line <b>3</b><br />\n",
		"\ufeff", "Warning: x\n", ")]}',\n",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, junk+`{"ID":7}`) }))
		client := testClient(t, server.URL)
		answer, err := client.Do(t.Context(), HTTPRequest{Method: "POST", Tried: "write"})
		require.NoError(t, err)
		var into struct{ ID int }
		require.NoError(t, answer.JSON(&into))
		require.Equal(t, 7, into.ID)
		if junk != "\ufeff" {
			require.Equal(t, "connector.junk_before_json", answer.Warning().Code)
		} else {
			require.Nil(t, answer.Warning())
		}
		server.Close()
	}
}

func TestAnswerIsBounded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2000)) }))
	t.Cleanup(server.Close)
	client := testClient(t, server.URL, func(c *HTTPConfig) { c.MaxBody = 1000 })
	_, err := client.Do(t.Context(), HTTPRequest{Method: "GET", Tried: "read"})
	requireKind(t, err, KindTooLarge)
	_, err = client.Do(t.Context(), HTTPRequest{Method: "POST", Tried: "write"})
	requireKind(t, err, KindAmbiguous)
}
