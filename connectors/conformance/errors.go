package conformance

import (
	"errors"
	"io"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
)

var errorTests = map[string]func(*check){
	"a refused credential is an auth error": func(c *check) {
		if !c.can(FaultUnauthorized) {
			return
		}
		schema := c.schema()
		c.Service.Inject(FaultUnauthorized)
		_, err := c.firstPage(schema)
		e := c.typed(err, connectors.KindAuth)
		require.NotEmpty(c, e.Hint, "what to do about it")
		if validator, ok := c.connector.(connectors.Validator); ok {
			c.Service.Inject(FaultUnauthorized)
			_, err := validator.Validate(c.ctx)
			_ = c.typed(err, connectors.KindAuth)
		}
	},
	"what the service quotes of the credential is taken out": func(c *check) {
		if !c.can(FaultQuote) {
			return
		}
		require.NotEmpty(c, c.Canary)
		schema := c.schema()
		c.Service.Inject(FaultQuote)
		_, err := c.firstPage(schema)
		require.False(c, err == nil || errors.Is(err, io.EOF), "the refusal was not told")
		_ = c.typed(err)
		if creator, ok := c.connector.(connectors.Creator); ok {
			items := c.prepared(schema, c.samples(0, 1))
			c.Service.Inject(FaultQuote)
			results, err := creator.Create(c.ctx, schema, items)
			c.met(err)
			for _, r := range results {
				require.NotEqual(c, connectors.Applied, r.Outcome)
				require.NotNil(c, r.Err)
				c.met(r.Err)
			}
		}
	},
}
