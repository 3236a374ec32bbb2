// Package proof holds nothing but a test: it drives the fake WordPress with
// WordPress's own JavaScript clients (@wordpress/api-fetch, which the block
// editor uses, and wpapi of the WP-API project), so that what the fake speaks
// is what real clients understand. It must not import the connector.
package proof
