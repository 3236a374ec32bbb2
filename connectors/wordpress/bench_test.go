package wordpress

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/connectors/wordpress/fake"
	"github.com/scratch-platform/scratch/models"
)

// BenchmarkRows parses a page of 100 rows from the wire into canonical records.
func BenchmarkRows(b *testing.B) {
	site, err := fake.New(fake.Options{}, fake.Generated(100))
	require.NoError(b, err)
	defer site.Close()
	schema := connectors.Schema{RemoteID: "posts", Columns: postColumns(remoteType{Slug: "post", Taxonomies: []string{"category", "post_tag"}, Supports: nil},
		[]remoteType{{Slug: "category", RestBase: "categories"}, {Slug: "post_tag", RestBase: "tags"}}, nil)}
	plan := planRows(schema, false)
	req := httptest.NewRequest("GET", "/wp-json/wp/v2/posts?context=edit&per_page=100&orderby=id&order=asc&_fields="+plan.wire, nil)
	req.SetBasicAuth(fake.EditorLogin, fake.EditorPassword)
	rec := httptest.NewRecorder()
	site.ServeHTTP(rec, req)
	body := rec.Body.Bytes()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		rows, err := plan.rows(body)
		if err != nil || len(rows) != 100 {
			b.Fatal(err, len(rows))
		}
	}
	b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkReadAll reads 20,000 rows over loopback, fake and connector in one
// process.
func BenchmarkReadAll(b *testing.B) {
	site, err := fake.New(fake.Options{}, fake.Generated(20_000))
	require.NoError(b, err)
	defer site.Close()
	srv := httptest.NewServer(site)
	defer srv.Close()
	opened, err := Open(connectors.Dependencies{Transport: srv.Client().Transport}, mustJSON(credential{Site: srv.URL, Username: fake.EditorLogin, Password: fake.EditorPassword}))
	require.NoError(b, err)
	c := opened.(*Connector)
	schema, err := c.Describe(b.Context(), "posts", nil)
	require.NoError(b, err)
	n := 0
	for b.Loop() {
		pages, err := c.ReadAll(b.Context(), connectors.ReadRequest{Schema: schema, Budget: 8 << 20})
		require.NoError(b, err)
		for {
			page, err := pages.Next(b.Context())
			if err != nil {
				break
			}
			for _, r := range page.Records {
				_ = models.HashOf(r.Fields)
			}
			n += len(page.Records)
		}
		require.NoError(b, pages.Close())
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}
