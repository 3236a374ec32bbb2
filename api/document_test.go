package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write openapi.json")

// The web client's types are generated from openapi.json: one that is not
// current makes a page that compiles and is wrong.
func TestDocumentIsCurrent(t *testing.T) {
	g := newStage(t)
	answer := g.send(t, scenario{method: http.MethodGet, path: "/openapi.json", anonymous: true})
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	var want bytes.Buffer
	require.NoError(t, json.Indent(&want, text, "", "  "))
	want.WriteByte('\n')
	if *update {
		require.NoError(t, os.WriteFile("openapi.json", want.Bytes(), 0o600))
	}
	have, err := os.ReadFile("openapi.json")
	require.NoError(t, err)
	require.Equal(t, want.String(), string(have), "run: go generate ./api")
}
