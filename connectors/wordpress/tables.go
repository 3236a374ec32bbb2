package wordpress

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/scratch-platform/scratch/connectors"
)

// kind is the family of a table: it decides paths, paging and rules.
type kind int

const (
	kindPosts kind = iota // rows of wp_posts: posts, pages, media, custom types
	kindTerms             // rows of a taxonomy
	kindUsers
)

// remoteType is a post type or a taxonomy as the site lists it.
type remoteType struct {
	Name          string                     `json:"name"`
	Slug          string                     `json:"slug"`
	RestBase      string                     `json:"rest_base"`
	RestNamespace string                     `json:"rest_namespace"`
	Hierarchical  bool                       `json:"hierarchical"`
	Taxonomies    []string                   `json:"taxonomies"`
	Supports      map[string]json.RawMessage `json:"supports"`

	kind kind
}

// The types the site's editor keeps for itself: no content of a user's.
var (
	internalTypes      = []string{"nav_menu_item", "wp_block", "wp_template", "wp_template_part", "wp_global_styles", "wp_navigation", "wp_font_family", "wp_font_face"}
	internalTaxonomies = []string{"nav_menu", "wp_pattern_category", "link_category", "post_format"}
)

// id is the table's remote id: the base alone under wp/v2, with its namespace
// elsewhere.
func (t remoteType) id() string {
	if t.RestNamespace == "" || t.RestNamespace == "wp/v2" {
		return t.RestBase
	}
	return t.RestNamespace + "/" + t.RestBase
}

// route is the path of a table under the API's root.
func route(remoteID string) string {
	if strings.Contains(remoteID, "/") {
		return remoteID
	}
	return "wp/v2/" + remoteID
}

// catalogue is everything the site shows this account.
type catalogue struct {
	types []remoteType
	taxes []remoteType
	// view says that even the list of types was refused with context=edit: the
	// account may not edit anything.
	view bool
}

func (c *Connector) catalogue(ctx context.Context) (catalogue, error) {
	var all catalogue
	types, err := c.listTypes(ctx, "types", "edit")
	if e, ok := connectors.AsError(err); ok && e.Kind == connectors.KindPermission {
		all.view = true
		types, err = c.listTypes(ctx, "types", "view")
	}
	if err != nil {
		return all, err
	}
	taxes, err := c.listTypes(ctx, "taxonomies", "view")
	if err != nil {
		return all, err
	}
	for _, t := range types {
		if t.RestBase != "" && !slices.Contains(internalTypes, t.Slug) {
			all.types = append(all.types, t)
		}
	}
	for _, t := range taxes {
		if t.RestBase != "" && !slices.Contains(internalTaxonomies, t.Slug) {
			t.kind = kindTerms
			all.taxes = append(all.taxes, t)
		}
	}
	return all, nil
}

func (c *Connector) listTypes(ctx context.Context, what, scope string) ([]remoteType, error) {
	answer, err := c.do(ctx, "wp/v2/"+what, connectors.HTTPRequest{
		Method: http.MethodGet, Tried: "list " + what, Query: url.Values{"context": {scope}},
	})
	if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	if err := answer.JSON(&raw); err != nil {
		return nil, err
	}
	byName := map[string]remoteType{}
	if string(raw) != "[]" { // PHP's empty object
		if err := answer.JSON(&byName); err != nil {
			return nil, err
		}
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b remoteType) int { return cmp.Compare(rank(a), rank(b)) }), nil
}

// rank puts core's tables first, in the order people know them.
func rank(t remoteType) string {
	if i := slices.Index([]string{"post", "page", "category", "post_tag", "attachment"}, t.Slug); i >= 0 {
		return strconv.Itoa(i)
	}
	return "9" + t.Name
}

// ListTables lists post types, taxonomies and users.
func (c *Connector) ListTables(ctx context.Context) ([]connectors.TableInfo, error) {
	all, err := c.catalogue(ctx)
	if err != nil {
		return nil, err
	}
	s, err := c.find(ctx)
	if err != nil {
		return nil, err
	}
	var tables []connectors.TableInfo
	for _, t := range slices.Concat(all.types, all.taxes) {
		why := readOnlyWhy(t, all)
		tables = append(tables, connectors.TableInfo{RemoteID: t.id(), Name: t.Name, Group: s.name, ReadOnly: why != "", Why: why, Rows: -1})
	}
	return append(tables, connectors.TableInfo{RemoteID: "users", Name: "Users", Group: s.name, ReadOnly: true, Why: whyUsers, Rows: -1}), nil
}

const (
	whyUsers = "Users are read as references."
	whyMedia = "Media are read as references."
	whyRole  = "This account may not edit here; raw text is shown to editors only."
)

func readOnlyWhy(t remoteType, all catalogue) string {
	switch {
	case t.Slug == "attachment":
		return whyMedia
	case all.view:
		return whyRole
	}
	return ""
}

// Describe reads one table's columns. A type or taxonomy that the site no
// longer lists is ErrNotFound.
func (c *Connector) Describe(ctx context.Context, remoteID string, settings json.RawMessage) (connectors.Schema, error) {
	if remoteID == "users" {
		return c.describeUsers(ctx, settings)
	}
	all, err := c.catalogue(ctx)
	if err != nil {
		return connectors.Schema{}, err
	}
	i := slices.IndexFunc(all.types, func(t remoteType) bool { return t.id() == remoteID })
	var t remoteType
	if i >= 0 {
		t = all.types[i]
	} else if i = slices.IndexFunc(all.taxes, func(t remoteType) bool { return t.id() == remoteID }); i >= 0 {
		t = all.taxes[i]
	} else {
		return connectors.Schema{}, c.notListed(ctx, remoteID)
	}
	props, err := c.properties(ctx, t)
	if err != nil {
		return connectors.Schema{}, err
	}
	schema := connectors.Schema{RemoteID: remoteID, Name: t.Name, Settings: settings, Why: readOnlyWhy(t, all)}
	schema.ReadOnly = schema.Why != ""
	if t.kind == kindTerms {
		schema.Columns, schema.TitleColumn = termColumns(t, props), "name"
	} else {
		schema.Columns, schema.TitleColumn = postColumns(t, all.taxes, props), "title"
	}
	if schema.ReadOnly {
		for i := range schema.Columns {
			schema.Columns[i].ReadOnly = true
		}
	}
	return schema, nil
}

// notListed tells a table that is gone from one that this account may no longer
// edit: the site leaves both off the editor's list.
func (c *Connector) notListed(ctx context.Context, remoteID string) error {
	public, err := c.listTypes(ctx, "types", "view")
	if err != nil {
		return err
	}
	e := &connectors.Error{
		Kind: connectors.KindNotFound, Service: Service, Tried: "describe the table", Table: remoteID,
		Reason: "the site no longer lists it", Hint: "A plugin that made it may be switched off.",
	}
	if slices.ContainsFunc(public, func(t remoteType) bool { return t.id() == remoteID }) {
		e.Kind, e.Reason, e.Hint = connectors.KindPermission, "this account may not edit it, and raw text is shown to editors only", hintRights
	}
	return e
}

// property is one member of a route's JSON schema, as far as columns need it.
type property struct {
	Type       any                 `json:"type"`
	ReadOnly   bool                `json:"readonly"`
	Title      string              `json:"title"`
	Properties map[string]property `json:"properties"`
}

// UnmarshalJSON takes PHP's [] for an object without members.
func (p *property) UnmarshalJSON(raw []byte) error {
	type plain property
	var shape struct {
		plain
		Properties json.RawMessage `json:"properties"`
	}
	if json.Unmarshal(raw, &shape) != nil {
		return nil // a property of a form we do not know makes no column
	}
	*p = property(shape.plain)
	_ = json.Unmarshal(shape.Properties, &p.Properties) // [] or none: no members
	return nil
}

// kindWord is the JSON type, the first one that is not null.
func (p property) kindWord() string {
	switch t := p.Type.(type) {
	case string:
		return t
	case []any:
		for _, x := range t {
			if word, ok := x.(string); ok && word != "null" {
				return word
			}
		}
	}
	return ""
}

// properties asks a route for its schema. A site that refuses OPTIONS still
// has core's columns.
func (c *Connector) properties(ctx context.Context, t remoteType) (map[string]property, error) {
	answer, err := c.do(ctx, route(t.id()), connectors.HTTPRequest{Method: http.MethodOptions, Tried: "describe the table", Table: t.id()})
	if err != nil {
		if e, ok := connectors.AsError(err); ok && (e.Kind == connectors.KindUnsupported || e.Kind == connectors.KindPermission || e.Code == "answer_html") {
			return nil, nil
		}
		return nil, err
	}
	var doc struct {
		Schema property `json:"schema"`
	}
	if err := answer.JSON(&doc); err != nil {
		return nil, err
	}
	return doc.Schema.Properties, nil
}

func (c *Connector) describeUsers(ctx context.Context, settings json.RawMessage) (connectors.Schema, error) {
	schema := connectors.Schema{RemoteID: "users", Name: "Users", ReadOnly: true, Why: whyUsers, TitleColumn: "name", Settings: settings}
	_, err := c.do(ctx, "wp/v2/users", connectors.HTTPRequest{
		Method: http.MethodGet, Tried: "describe the table", Table: "users", Query: url.Values{"context": {"edit"}, "per_page": {"1"}, "_fields": {"id"}},
	})
	full := err == nil
	if e, ok := connectors.AsError(err); err != nil && (!ok || e.Kind != connectors.KindPermission) {
		return schema, err
	}
	schema.Columns = userColumns(full)
	return schema, nil
}
