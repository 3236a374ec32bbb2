package accounts

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/models"
)

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func requireCode(t *testing.T, err error, code string) {
	t.Helper()
	require.Error(t, err)
	problem, ok := models.AsProblem(err)
	require.True(t, ok, "%v", err)
	require.Equal(t, code, problem.Code)
	require.NotEmpty(t, problem.Hint)
}

func TestKeysAreFoundByTheirHash(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		key := Mint(APIToken)
		text := key.Text.Reveal()
		require.True(t, strings.HasPrefix(text, "scr_"))
		require.Len(t, text, 4+58)
		require.False(t, seen[text])
		seen[text] = true

		found, err := Parse(APIToken, " "+text+"\n")
		require.NoError(t, err, "a token from a file ends in a newline")
		require.Equal(t, key.Hash, found)
		secret, err := keyEncoding.DecodeString(text[4:])
		require.NoError(t, err)
		require.False(t, bytes.Contains(key.Hash[:], secret[:8]), "what is stored holds some of the key (Promise 10)")
	}
	require.NotContains(t, fmt.Sprintf("%+v", Mint(APIToken)), "scr_")
}

// A key of one purpose must open nothing else, even with its prefix exchanged.
func TestKindsAreApart(t *testing.T) {
	session := Mint(Session)
	_, err := Parse(APIToken, session.Text.Reveal())
	requireCode(t, err, "account.key_malformed")
	_, err = Parse(APIToken, strings.Replace(session.Text.Reveal(), "ses_", "scr_", 1))
	requireCode(t, err, "account.key_mistyped")
}

func TestChangedKeysAreRefusedAndNotQuoted(t *testing.T) {
	text := Mint(APIToken).Text.Reveal()
	for i := 4; i < len(text); i++ {
		other := byte('0')
		if text[i] == '0' {
			other = '1'
		}
		changed := text[:i] + string(other) + text[i+1:]
		if _, err := Parse(APIToken, changed); i < len(text)-1 { // the last character holds spare bits
			requireCode(t, err, "account.key_mistyped")
			require.NotContains(t, err.Error(), changed)
		}
	}
	for n := range len(text) {
		_, err := Parse(APIToken, text[:n])
		require.Error(t, err)
	}
	for _, bad := range []string{"", "scr_", "scr_" + strings.Repeat("!", 58), strings.ToUpper(text), text + text, "Bearer " + text, strings.Repeat("scr_", 1<<20)} {
		_, err := Parse(APIToken, bad)
		require.Error(t, err)
		require.Less(t, len(err.Error()), 500)
	}
}

func TestScopes(t *testing.T) {
	scopes, err := ParseScopes([]string{"read", " Edit ", "read"})
	require.NoError(t, err)
	require.Equal(t, Scopes{ScopeRead, ScopeEdit}, scopes)
	require.True(t, scopes.Allows(ScopeEdit))
	require.False(t, scopes.Allows(ScopePublish))
	require.False(t, Scopes(nil).Allows(ScopeRead))
	require.True(t, scopes.Within(AllScopes()))
	require.Equal(t, AllScopes(), StoredScopes(AllScopes().String()))
	require.Empty(t, StoredScopes(""), "nothing stored allows nothing")
	requireCode(t, scopes.Check(ScopeOperate), "auth.scope_missing")
	require.False(t, AllScopes().Within(scopes), "a key must not make one that may do more")

	_, err = ParseScopes([]string{"read", "root", "sudo"})
	requireCode(t, err, "account.invalid_scope")
	require.ErrorContains(t, err, "root")
	require.ErrorContains(t, err, "sudo")
	_, err = ParseScopes(nil)
	requireCode(t, err, "account.invalid_scope")
}

func TestLinksAreFoundByTheirHash(t *testing.T) {
	key, expires := NewSignInLink(now)
	found, err := Parse(SignInLink, key.Text.Reveal())
	require.NoError(t, err)
	require.Equal(t, key.Hash, found)
	require.Equal(t, now.Add(12*time.Hour), expires)
}

func TestSessionsEndWithoutVisits(t *testing.T) {
	_, s := NewSession("org_1", "usr_1", now)
	require.Equal(t, now.Add(30*24*time.Hour), s.ExpiresAt)
	expires, changed := Extended(s.ExpiresAt, now.Add(time.Hour))
	require.False(t, changed, "not every request writes")
	require.Equal(t, s.ExpiresAt, expires)
	expires, changed = Extended(s.ExpiresAt, now.Add(25*time.Hour))
	require.True(t, changed)
	require.Equal(t, now.Add(25*time.Hour+SessionLife), expires)
}

func TestSessionsOperateForAWhile(t *testing.T) {
	_, s := NewSession("org_1", "usr_1", now)
	require.True(t, s.OperatesUntil.IsZero(), "whoever signs in may operate")
	s.Operate(now)
	require.Equal(t, now.Add(12*time.Hour), s.OperatesUntil)
}

func TestCookie(t *testing.T) {
	secret, s := NewSession("org_1", "usr_1", now)
	local, secure := Cookie{Port: "3010"}, Cookie{Secure: true}
	set := local.Set(secret, s.ExpiresAt)
	require.NoError(t, set.Valid())
	require.True(t, set.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, set.SameSite)
	require.False(t, set.Secure)
	require.Equal(t, "scratch_session_3010", set.Name)
	require.True(t, secure.Set(secret, s.ExpiresAt).Secure)
	require.Equal(t, "__Host-scratch_session", secure.Name())
	require.Equal(t, "/", secure.Clear().Path)
	require.Negative(t, secure.Clear().MaxAge)
	require.Empty(t, secure.Clear().Value)

	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	_, ok := local.Read(r)
	require.False(t, ok)
	r.AddCookie(&http.Cookie{Name: local.Name(), Value: "stale"})
	r.AddCookie(set)
	h, ok := local.Read(r)
	require.True(t, ok)
	require.Equal(t, s.Hash, h)
	require.Equal(t, secure, CookieFor(r, "https://scratch.example"))
	r.Host = "127.0.0.1:3010"
	require.Equal(t, local, CookieFor(r, "http://127.0.0.1:3010"))
	_, ok = Cookie{Port: "3011"}.Read(r)
	require.False(t, ok, "another server's cookie on this machine")
}

func FuzzParse(f *testing.F) {
	f.Add(Mint(APIToken).Text.Reveal())
	f.Add("scr_")
	f.Add("scr_\x00\n")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := Parse(APIToken, text)
		if err == nil && h == (Hash{}) {
			t.Fatal("accepted without a hash")
		}
	})
}
