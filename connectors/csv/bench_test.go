package csv

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
)

// generated is a file of about a kilobyte a row.
func generated(n int) string {
	var b strings.Builder
	b.WriteString("id,title,body,price,date,active,tag\n")
	body := strings.Repeat("Lorem ipsum dolor sit amet, consectetur. ", 20)
	for i := range n {
		fmt.Fprintf(&b, "%d,\"Title, number %d\",\"%s\",%d.99,2026-01-%02d,%v,tag%d\n", i, i, body, i%1000, i%28+1, i%2 == 0, i%7)
	}
	return b.String()
}

func BenchmarkDescribe(b *testing.B) {
	text := generated(50_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		_, err := scan(b.Context(), memory(text), settings{Identity: []string{"id"}}, extent{})
		require.NoError(b, err)
	}
	b.ReportMetric(50_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkReadAll(b *testing.B) {
	f := &folder{text: generated(50_000)}
	c, err := Definition().Open(connectors.Dependencies{Files: f}, json.RawMessage(`{"upload_id":"`+upload+`"}`))
	require.NoError(b, err)
	schema, err := c.(*Connector).Describe(b.Context(), TableID, json.RawMessage(`{"identity":["id"]}`))
	require.NoError(b, err)
	b.SetBytes(int64(len(f.text)))
	b.ReportAllocs()
	for b.Loop() {
		pages, err := c.(*Connector).ReadAll(b.Context(), connectors.ReadRequest{Schema: schema})
		require.NoError(b, err)
		for err == nil {
			_, err = pages.Next(b.Context())
		}
		require.ErrorIs(b, err, io.EOF)
	}
	b.ReportMetric(50_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
