package connectors

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"
)

// Promise 10: a header that a service quotes is taken out also where the service
// put it together itself, from the password without its spaces.
func TestQuotedHeaderIsTakenOutInEitherSpelling(t *testing.T) {
	header := func(password string) string { return base64.StdEncoding.EncodeToString([]byte("ana:" + password)) }
	r := newRedactor(header("abcd efgh ijkl"))
	for _, said := range []string{"abcd efgh ijkl", "abcdefghijkl", header("abcd efgh ijkl"), header("abcdefghijkl")} {
		require.Equal(t, "no: "+redacted, r.text("no: "+said))
	}
}
