package connectors

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
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

// Promise 10: breaks when a cause that quotes the credential, or one inside it,
// goes along with the error to where it is logged.
func TestACauseThatQuotesTheCredentialIsLeftOut(t *testing.T) {
	const secret = "abcd efgh ijkl"
	redactor := NewRedactor(secret)
	plain := errors.New("connection reset by peer")
	require.Equal(t, plain, redactor.Clean(&Error{Cause: plain}).Cause, "what quotes nothing stays for the log")
	for _, said := range []string{secret, url.QueryEscape(secret), "abcdefghijkl"} {
		quoting := fmt.Errorf("dial: %w", &url.Error{Op: "Get", URL: "https://blog.example/?key=" + said, Err: plain})
		require.NoError(t, redactor.Clean(&Error{Cause: quoting}).Cause, said)
	}
}
