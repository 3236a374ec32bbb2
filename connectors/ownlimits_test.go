package connectors

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// Breaks when a limit of one's own raises what the connector permits, or is not
// heeded.
func TestOwnLimitsOnlyLower(t *testing.T) {
	for name, c := range map[string]struct {
		own        OwnLimits
		rate, want Rate
	}{
		"none":              {OwnLimits{}, Rate{PerSecond: 5, Burst: 9, InFlight: 4}, Rate{PerSecond: 5, Burst: 9, InFlight: 4}},
		"a rate where none": {OwnLimits{PerSecond: 2}, Rate{InFlight: 4}, Rate{PerSecond: 2, Burst: 1, InFlight: 4}},
		"a lower rate":      {OwnLimits{PerSecond: 2}, Rate{PerSecond: 5, Burst: 9}, Rate{PerSecond: 2, Burst: 1}},
		"a higher rate":     {OwnLimits{PerSecond: 9}, Rate{PerSecond: 5, Burst: 9}, Rate{PerSecond: 5, Burst: 9}},
		"fewer at once":     {OwnLimits{AtOnce: 1}, Rate{InFlight: 4}, Rate{InFlight: 1}},
		"more at once":      {OwnLimits{AtOnce: 9}, Rate{InFlight: 4}, Rate{InFlight: 4}},
		"at once, where no": {OwnLimits{AtOnce: 9}, Rate{}, Rate{InFlight: 9}},
		"negative ones":     {OwnLimits{PerSecond: -1, AtOnce: -1}, Rate{InFlight: 4}, Rate{InFlight: 4}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, c.own.Narrow(c.rate)) })
	}
}

var limitedForm = Definition{Service: "blog", Credential: json.RawMessage(`{"type":"object","additionalProperties":false,"required":["password"],"properties":{
	"password":{"type":"string","writeOnly":true},
	"requests_per_second":{"type":"number","minimum":0.5,"maximum":10},"requests_at_once":{"type":"integer","minimum":1,"maximum":4}}}`)}

// Breaks when limits cannot be changed without the secret, are lost with a new
// password, or open a way to change more than limits.
func TestLimitsAreChangedAlone(t *testing.T) {
	const stored = `{"password":"correct horse","requests_at_once":2}`
	for name, c := range map[string]struct{ credential, changes, want string }{
		"one is added":                {stored, `{"requests_per_second":3}`, `{"password":"correct horse","requests_at_once":2,"requests_per_second":3}`},
		"one is taken away":           {stored, `{"requests_at_once":null}`, `{"password":"correct horse"}`},
		"nothing":                     {stored, ``, stored},
		"a new password keeps them":   {`{"password":"another"}`, ``, `{"password":"another","requests_at_once":2}`},
		"a new password takes it":     {`{"password":"another","requests_at_once":null}`, ``, `{"password":"another"}`},
		"a new password, new limits":  {`{"password":"another","requests_at_once":3}`, `{"requests_at_once":1}`, `{"password":"another","requests_at_once":1}`},
		"what is no object is judged": {`[1]`, ``, `[1]`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := WithOwnLimits(json.RawMessage(c.credential), json.RawMessage(stored), json.RawMessage(c.changes))
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(got))
		})
	}
	for _, changes := range []string{`{"password":"mine"}`, `{"site":"https://evil.example"}`, `7`, `null`, `{`} {
		_, err := WithOwnLimits(json.RawMessage(stored), json.RawMessage(stored), json.RawMessage(changes))
		require.Error(t, err, "%s", changes)
	}
	require.Equal(t, OwnLimits{AtOnce: 2}, OwnLimitsOf(limitedForm, json.RawMessage(stored)))
	require.Equal(t, OwnLimits{}, OwnLimitsOf(Definition{Credential: json.RawMessage(`{}`)}, json.RawMessage(stored)), "the form has none")
	for credential, fits := range map[string]bool{
		`{"password":"x","requests_per_second":0.5}`: true, `{"password":"x","requests_per_second":11}`: false, `{"password":"x","requests_per_second":0}`: false,
		`{"password":"x","requests_at_once":5}`: false, `{"password":"x","requests_at_once":1.5}`: false, `{"password":"x","requests_at_once":"2"}`: false,
	} {
		hint, err := CheckCredential(limitedForm, json.RawMessage(credential))
		require.Equal(t, fits, err == nil, "%s: %v", credential, err)
		if fits {
			require.Contains(t, string(hint), `"requests_per_second":0.5`, "a limit is no secret")
		}
	}
}

// Breaks when a limit that is lowered meanwhile waits for the next job, or
// narrows a budget that others share.
func TestOwnLimitsAreAskedBeforeEachRequest(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	limiter := &recordedLimiter{}
	var own OwnLimits
	client := testClient(t, server.URL, func(c *HTTPConfig) {
		c.Limiter, c.Own = limiter, func(context.Context) OwnLimits { return own }
		c.Claims = []Claim{{Key: "base", Rate: Rate{InFlight: 4}}, {Key: "user", Rate: Rate{InFlight: 9}}}
	})
	for _, own = range []OwnLimits{{}, {PerSecond: 3, AtOnce: 1}} {
		_, err := client.Do(t.Context(), HTTPRequest{Method: "GET", Tried: "read"})
		require.NoError(t, err)
	}
	require.Equal(t, []Rate{{InFlight: 4}, {InFlight: 9}, {PerSecond: 3, Burst: 1, InFlight: 1}, {InFlight: 9}}, limiter.rates)
}
