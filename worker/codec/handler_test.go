package codec

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"
)

const uiOrigin = "http://127.0.0.1:8233"

func checkToken(_ context.Context, token string) error {
	if token != "good" {
		return errors.New("unknown token")
	}
	return nil
}

func checkSession(r *http.Request) error {
	if cookie, err := r.Cookie("session"); err != nil || cookie.Value != "operator" {
		return errors.New("no operator")
	}
	return nil
}

func serve(t *testing.T, authorize Authorize) (*httptest.Server, *Codec) {
	t.Helper()
	c := New(openVault(t))
	mux := http.NewServeMux()
	mux.Handle("/codec/", NewHandler(c, uiOrigin, authorize))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server, c
}

// The SDK's own remote codec is the client, as the temporal CLI uses it.
func TestRemoteCodecRoundTrip(t *testing.T) {
	server, local := serve(t, Bearer(checkToken))
	remote := converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{
		Endpoint:      server.URL + "/codec",
		ModifyRequest: func(r *http.Request) error { r.Header.Set("Authorization", "Bearer good"); return nil },
	})
	plain, err := converter.GetDefaultDataConverter().ToPayload(canary)
	require.NoError(t, err)

	encoded, err := local.Encode([]*commonpb.Payload{plain})
	require.NoError(t, err)
	decoded, err := remote.Decode(append(encoded, plain))
	require.NoError(t, err)
	require.Contains(t, string(decoded[0].Data), canary)
	require.Equal(t, plain.Data, decoded[1].Data, "plain ones pass through")

	encoded, err = remote.Encode([]*commonpb.Payload{plain})
	require.NoError(t, err)
	require.NotContains(t, string(encoded[0].Data), canary)
	decoded, err = local.Decode(encoded)
	require.NoError(t, err)
	require.Equal(t, plain.Data, decoded[0].Data)
}

func TestWhoMayDecode(t *testing.T) {
	local, signed := Local(uiOrigin, checkToken), Signed(uiOrigin, checkToken, checkSession)
	request := func(remote, host, origin, authorization string) *http.Request {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/codec/decode", nil)
		r.RemoteAddr, r.Host = remote, host
		r.Header.Set("Origin", origin)
		r.Header.Set("Authorization", authorization)
		return r
	}
	operator := func(r *http.Request) *http.Request {
		r.AddCookie(&http.Cookie{Name: "session", Value: "operator"})
		return r
	}
	cases := []struct {
		name          string
		request       *http.Request
		local, signed bool
	}{
		{"an operator's browser on the Web UI's page", operator(request("9.9.9.9:1", "scratch.example", uiOrigin, "")), false, true},
		{"an operator's browser on another page", operator(request("9.9.9.9:1", "scratch.example", "https://evil.example", "")), false, false},
		{"an operator's browser on no page", operator(request("9.9.9.9:1", "scratch.example", "", "")), false, false},
		{"an operator's browser with a wrong token", operator(request("9.9.9.9:1", "scratch.example", uiOrigin, "Bearer bad")), false, false},
		{"another's browser on the Web UI's page, from elsewhere", request("9.9.9.9:1", "scratch.example", uiOrigin, ""), false, false},
		{"token", request("9.9.9.9:1", "scratch.example", "", "Bearer good"), true, true},
		{"token, scheme in lower case", request("9.9.9.9:1", "scratch.example", "", "bearer good"), true, true},
		{"wrong token", request("127.0.0.1:1", "127.0.0.1:3010", "", "Bearer bad"), false, false},
		{"no token", request("127.0.0.1:1", "127.0.0.1:3010", "", ""), false, false},
		{"empty token", request("127.0.0.1:1", "127.0.0.1:3010", "", "Bearer "), false, false},
		{"token under another scheme", request("127.0.0.1:1", "127.0.0.1:3010", "", "Basic good"), false, false},
		{"the Web UI on this machine", request("127.0.0.1:1", "127.0.0.1:3010", uiOrigin, ""), true, false},
		{"the Web UI over IPv6", request("[::1]:1", "localhost:3010", uiOrigin, ""), true, false},
		{"another port's page", request("127.0.0.1:1", "127.0.0.1:3010", "http://127.0.0.1:8234", ""), false, false},
		{"a longer origin", request("127.0.0.1:1", "127.0.0.1:3010", uiOrigin+".evil.example", ""), false, false},
		{"from another machine", request("10.0.0.2:1", "127.0.0.1:3010", uiOrigin, ""), false, false},
		{"under a rebound name", request("127.0.0.1:1", "evil.example:3010", uiOrigin, ""), false, false},
	}
	for _, c := range cases {
		require.Equal(t, c.local, local(c.request) == nil, "local: "+c.name)
		require.Equal(t, c.signed, signed(c.request) == nil, "elsewhere: "+c.name)
	}
	require.Error(t, Signed("", checkToken, checkSession)(operator(request("127.0.0.1:1", "127.0.0.1", "", ""))), "no UI, no session")
	require.Error(t, Local("", checkToken)(request("127.0.0.1:1", "127.0.0.1", "", "")), "no UI is no exception")
}

func TestPreflightIsForTheWebUIOnly(t *testing.T) {
	server, _ := serve(t, Local(uiOrigin, checkToken))
	for origin, allowed := range map[string]string{uiOrigin: uiOrigin, "https://evil.example": "", "null": "", "": ""} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, server.URL+"/codec/decode", nil)
		require.NoError(t, err)
		request.Header.Set("Origin", origin)
		request.Header.Set("Access-Control-Request-Headers", "content-type,x-namespace")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		_ = response.Body.Close()
		require.Equal(t, allowed, response.Header.Get("Access-Control-Allow-Origin"), origin)
		require.Equal(t, allowed != "", strings.Contains(response.Header.Get("Access-Control-Allow-Headers"), "X-Namespace"))
	}
}

func TestHostileRequests(t *testing.T) {
	server, _ := serve(t, Bearer(checkToken))
	foreign, err := New(openVault(t)).Encode([]*commonpb.Payload{{Data: []byte(canary)}})
	require.NoError(t, err)
	foreignBody, err := protojson.Marshal(&commonpb.Payloads{Payloads: foreign})
	require.NoError(t, err)
	many := `{"payloads":[` + strings.Repeat(`{},`, maxPayloads) + `{}]}`

	cases := []struct {
		name, method, path, contentType, token, body string
		status                                       int
	}{
		{"empty", "POST", "/codec/decode", "application/json", "good", "", 400},
		{"not JSON", "POST", "/codec/decode", "application/json", "good", canary, 400},
		{"cut short", "POST", "/codec/decode", "application/json", "good", `{"payloads":[{"data":"` + canary, 400},
		{"not payloads", "POST", "/codec/decode", "application/json", "good", `{"payloads":"` + canary + `"}`, 400},
		{"null payload", "POST", "/codec/decode", "application/json", "good", `{"payloads":[null]}`, 400},
		{"not base64", "POST", "/codec/encode", "application/json", "good", `{"payloads":[{"data":"%%"}]}`, 400},
		{"deep", "POST", "/codec/decode", "application/json", "good", strings.Repeat(`{"payloads":[`, 5000), 400},
		{"another keyset's", "POST", "/codec/decode", "application/json", "good", string(foreignBody), 400},
		{"too large", "POST", "/codec/encode", "application/json", "good", `{"payloads":[{"data":"` + strings.Repeat("A", maxBody) + `"}]}`, 413},
		{"too many", "POST", "/codec/encode", "application/json", "good", many, 413},
		{"a form, as another site's page can send", "POST", "/codec/decode", "text/plain", "good", `{"payloads":[]}`, 415},
		{"GET", "GET", "/codec/decode", "application/json", "good", "", 405},
		{"another path", "POST", "/codec/dump", "application/json", "good", "", 404},
		{"no token", "POST", "/codec/decode", "application/json", "", `{"payloads":[]}`, 401},
		{"wrong token", "POST", "/codec/decode", "application/json", "bad", `{"payloads":[]}`, 401},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+c.path, strings.NewReader(c.body))
			require.NoError(t, err)
			request.Header.Set("Content-Type", c.contentType)
			if c.token != "" {
				request.Header.Set("Authorization", "Bearer "+c.token)
			}
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, c.status, response.StatusCode, string(body))
			require.NotContains(t, string(body), canary)
			var problem struct{ Code, Detail, Hint string }
			require.NoError(t, json.Unmarshal(body, &problem))
			require.NotEmpty(t, problem.Code)
			require.NotEmpty(t, problem.Detail)
			require.NotEmpty(t, problem.Hint)
			require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
		})
	}
}
