package fake

import (
	"time"
)

// Options say what kind of site the server plays. The zero value is a current
// WordPress on pretty permalinks in UTC, with an administrator.
type Options struct {
	// Prefix is the sub-directory of the installation, such as "/blog".
	Prefix string
	// PlainPermalinks serves the API under ?rest_route= alone; /wp-json/ is 404.
	PlainPermalinks bool
	// SiteURL overrides the address the site announces for itself. Empty: the
	// address the caller used.
	SiteURL string
	// Timezone is the site's zone; nil means UTC.
	Timezone *time.Location
	// Name is the site's title.
	Name string

	// StripAuthorization plays a host whose proxy drops the Authorization
	// header: every caller is anonymous.
	StripAuthorization bool
	// AppPasswordsDisabled plays a security plugin: no application password is
	// accepted and the API's index does not advertise them.
	AppPasswordsDisabled bool
	// RequireLogin plays a plugin that closes the API to anonymous callers.
	RequireLogin bool
	// HideTotals drops X-WP-Total, X-WP-TotalPages and Link from lists.
	HideTotals bool
	// BlockMethods answers 405 with the host's HTML to these HTTP methods.
	BlockMethods []string
	// NoBatch removes batch/v1 (WordPress before 5.6, or a plugin).
	NoBatch bool
	// BatchRefusesPosts leaves batch/v1 there but closes it to posts and terms.
	BatchRefusesPosts bool
	// MaxBody is the largest request body in bytes; 0 means 8 MiB.
	MaxBody int64
	// EmptyParamsOverMaxBody plays PHP's post_max_size: a body over MaxBody is
	// read as no parameters at all, instead of nginx's 413.
	EmptyParamsOverMaxBody bool
	// Multisite takes unfiltered_html from everybody, as a network does.
	Multisite bool
	// HideUsers answers 403 on /users, as security plugins do.
	HideUsers bool
	// HTMLNotFoundAPI answers the theme's HTML 404 below /wp-json/.
	HTMLNotFoundAPI bool

	// LaxFeaturedMedia answers 200 to a featured image that does not exist and
	// leaves the old one, as WordPress 6.6 was seen to do.
	LaxFeaturedMedia bool
	// WrongPasswordIsAnonymous treats a wrong application password as none:
	// seen where a plugin asks for the current user before the API is reached.
	WrongPasswordIsAnonymous bool

	// Types and Taxonomies are added to core's own.
	Types      []Type
	Taxonomies []Taxonomy
	// Meta lists the registered meta keys, by post type or taxonomy slug.
	Meta map[string][]MetaKey

	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// LogFile receives each finished log entry as a line of JSON; empty: none.
	LogFile string
	// JournalFile keeps every change, so that a fake that was killed starts
	// again with what it had; empty: memory only.
	JournalFile string
	// CacheBytes bounds the memory kept for serialised rows; 0 means 512 MiB.
	CacheBytes int64
}

// Type is a post type shown in the API.
type Type struct {
	Slug         string
	Name         string
	RestBase     string
	Hierarchical bool
	Taxonomies   []string
	// Supports lists core's feature names (title, editor, excerpt, …).
	Supports []string
}

// Taxonomy is a taxonomy shown in the API.
type Taxonomy struct {
	Slug         string
	Name         string
	RestBase     string
	Hierarchical bool
	Types        []string
}

// MetaKey is a meta key registered with show_in_rest. Type is one of string,
// integer, number, boolean. Title is the label that WordPress takes since 6.7.
type MetaKey struct {
	Key    string `json:"key"`
	Type   string `json:"type"`
	Single bool   `json:"single"`
	Title  string `json:"title,omitempty"`
}

func coreTypes() []Type {
	return []Type{
		{
			Slug: "post", Name: "Posts", RestBase: "posts", Taxonomies: []string{"category", "post_tag"},
			Supports: []string{"title", "editor", "author", "thumbnail", "excerpt", "trackbacks", "custom-fields", "comments", "revisions", "post-formats"},
		},
		{
			Slug: "page", Name: "Pages", RestBase: "pages", Hierarchical: true,
			Supports: []string{"title", "editor", "author", "thumbnail", "page-attributes", "custom-fields", "comments", "revisions"},
		},
		{Slug: "attachment", Name: "Media", RestBase: "media", Supports: []string{"title", "author", "comments"}},
	}
}

func coreTaxonomies() []Taxonomy {
	return []Taxonomy{
		{Slug: "category", Name: "Categories", RestBase: "categories", Hierarchical: true, Types: []string{"post"}},
		{Slug: "post_tag", Name: "Tags", RestBase: "tags", Types: []string{"post"}},
	}
}
