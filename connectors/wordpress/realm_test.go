package wordpress

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
)

// Promise 5: breaks when two accounts at one site, or two ways to its API, are
// taken for two sites, and when two sites are taken for one.
func TestRealmIsTheSite(t *testing.T) {
	b := newBench(t, fake.Options{Prefix: "/blog"})
	editor, err := b.c.Validate(t.Context())
	require.NoError(t, err)
	admin, err := b.as(fake.AdminLogin, fake.AdminPassword).Validate(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, editor.Realm)
	require.Equal(t, editor.Realm, admin.Realm)
	other, err := newBench(t, fake.Options{Prefix: "/blog"}).c.Validate(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, editor.Realm, other.Realm)

	for base, realm := range map[string]string{
		"https://Blog.example/wp-json/":               "blog.example/",
		"http://blog.example/?rest_route=/":           "blog.example/",
		"https://blog.example/en/wp-json/":            "blog.example/en/",
		"https://blog.example:8080/wp-json/":          "blog.example:8080/",
		"https://blog.example/Case/wp-json/":          "blog.example/Case/",
		"https://blog.example/?lang=de&rest_route=/":  "blog.example/?lang=de&rest_route=/",
		"https://blog.example/index.php?rest_route=/": "blog.example/index.php",
	} {
		require.Equal(t, realm, (&site{base: base}).realm())
	}
}
