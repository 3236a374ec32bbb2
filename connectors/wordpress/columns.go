package wordpress

import (
	"maps"
	"slices"
	"strings"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// Lengths of WordPress's own database columns: TEXT counts bytes, VARCHAR
// characters.
const (
	maxTextBytes = 65535
	maxSlug      = 200
	maxTermName  = 200
)

// metaPrefix begins the ids of columns that are keys of the meta object.
const metaPrefix = "meta."

var statusOptions = options("publish", "Published", "future", "Scheduled", "draft", "Draft", "pending", "Pending review", "private", "Private")

func options(pairs ...string) []models.Option {
	var out []models.Option
	for pair := range slices.Chunk(pairs, 2) {
		out = append(out, models.Option{ID: pair[0], Name: pair[1]})
	}
	return out
}

// columnList builds a table's columns in order.
type columnList []models.Column

func (l *columnList) add(id, name string, kind models.ColumnKind, compare models.Comparison, more ...func(*models.Column)) {
	c := models.Column{ID: id, Name: name, Kind: kind, Compare: compare, Position: len(*l)}
	for _, m := range more {
		m(&c)
	}
	*l = append(*l, c)
}

func readOnly(c *models.Column) { c.ReadOnly = true }
func required(c *models.Column) { c.Required = true }

func refers(table string) func(*models.Column) {
	return func(c *models.Column) { c.References = table }
}

func upTo(n int) func(*models.Column) { return func(c *models.Column) { c.MaxLength = n } }

func among(o []models.Option) func(*models.Column) {
	return func(c *models.Column) { c.Options = o }
}

func hint(text string) func(*models.Column) { return func(c *models.Column) { c.Hint = text } }

// postColumns are the columns of a post type: those its features give it.
func postColumns(t remoteType, taxes []remoteType, props map[string]property) []models.Column {
	if t.Slug == "attachment" {
		return mediaColumns()
	}
	has := func(feature string) bool {
		_, ok := t.Supports[feature]
		// Without a list of features the type has core's usual ones.
		return ok || t.Supports == nil && feature != "page-attributes" && feature != "post-formats"
	}
	var l columnList
	if has("title") {
		l.add("title", "Title", models.ColumnText, models.CompareTrimmed, upTo(maxTextBytes))
	}
	if has("editor") {
		l.add("content", "Content", models.ColumnHTML, models.CompareExact, hint("HTML with the block editor's comments; keep them, or blocks become classic text."))
	}
	if has("excerpt") {
		l.add("excerpt", "Excerpt", models.ColumnHTML, models.CompareExact, upTo(maxTextBytes))
	}
	l.add("status", "Status", models.ColumnSelect, models.CompareExact, among(statusOptions))
	l.add("slug", "Slug", models.ColumnText, models.CompareExact, upTo(maxSlug), hint("Made unique by the site: a slug that is taken gets -2."))
	l.add("date_gmt", "Date", models.ColumnDateTime, models.CompareInstant, hint("In UTC. Published with a date to come, it is scheduled."))
	if has("author") {
		l.add("author", "Author", models.ColumnReference, models.CompareExact, refers("users"))
	}
	if has("thumbnail") {
		l.add("featured_media", "Featured image", models.ColumnReference, models.CompareExact, refers("media"))
	}
	for _, slug := range t.Taxonomies {
		if i := slices.IndexFunc(taxes, func(x remoteType) bool { return x.Slug == slug }); i >= 0 {
			l.add(taxes[i].RestBase, taxes[i].Name, models.ColumnReferences, models.CompareSet, refers(taxes[i].id()))
		}
	}
	if t.Hierarchical {
		l.add("parent", "Parent", models.ColumnReference, models.CompareExact, refers(t.id()))
	}
	if has("page-attributes") {
		l.add("menu_order", "Order", models.ColumnInteger, models.CompareNumber)
	}
	if has("comments") {
		open := options("open", "Open", "closed", "Closed")
		l.add("comment_status", "Comments", models.ColumnSelect, models.CompareExact, among(open))
		l.add("ping_status", "Pings", models.ColumnSelect, models.CompareExact, among(open))
	}
	if t.Slug == "post" {
		l.add("sticky", "Sticky", models.ColumnBoolean, models.CompareExact)
	}
	if has("post-formats") {
		l.add("format", "Format", models.ColumnSelect, models.CompareExact, among(options("standard", "Standard", "aside", "Aside", "chat", "Chat", "gallery", "Gallery",
			"link", "Link", "image", "Image", "quote", "Quote", "status", "Status", "video", "Video", "audio", "Audio")))
	}
	l.add("template", "Template", models.ColumnText, models.CompareExact)
	l.addMeta(props)
	l.add("link", "Link", models.ColumnURL, models.CompareExact, readOnly)
	l.add("modified_gmt", "Modified", models.ColumnDateTime, models.CompareInstant, readOnly)
	return l
}

// addMeta adds the meta keys that the site registered for the API, and the
// fields of Advanced Custom Fields to look at.
func (l *columnList) addMeta(props map[string]property) {
	meta := props["meta"].Properties
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		p := meta[key]
		name := p.Title
		if name == "" {
			name = key
		}
		var more []func(*models.Column)
		if p.ReadOnly {
			more = append(more, readOnly)
		}
		kind, compare := metaKind(p.kindWord())
		l.add(metaPrefix+key, name, kind, compare, more...)
	}
	if _, ok := props["acf"]; ok {
		l.add("acf", "Custom fields", models.ColumnJSON, models.CompareExact, readOnly, hint("Advanced Custom Fields, to read."))
	}
}

func metaKind(word string) (models.ColumnKind, models.Comparison) {
	switch word {
	case "string":
		return models.ColumnLongText, models.CompareExact
	case "integer":
		return models.ColumnInteger, models.CompareNumber
	case "number":
		return models.ColumnNumber, models.CompareNumber
	case "boolean":
		return models.ColumnBoolean, models.CompareExact
	}
	return models.ColumnJSON, models.CompareExact
}

func termColumns(t remoteType, props map[string]property) []models.Column {
	var l columnList
	// Core stores & in names and descriptions as an entity.
	l.add("name", "Name", models.ColumnText, models.CompareHTML, required, upTo(maxTermName))
	l.add("slug", "Slug", models.ColumnText, models.CompareExact, upTo(maxSlug))
	l.add("description", "Description", models.ColumnLongText, models.CompareHTML)
	if t.Hierarchical {
		l.add("parent", "Parent", models.ColumnReference, models.CompareExact, refers(t.id()))
	}
	l.addMeta(props)
	l.add("count", "Posts", models.ColumnInteger, models.CompareNumber, readOnly)
	l.add("link", "Link", models.ColumnURL, models.CompareExact, readOnly)
	return l
}

func mediaColumns() []models.Column {
	var l columnList
	l.add("title", "Title", models.ColumnText, models.CompareTrimmed, readOnly)
	l.add("alt_text", "Alternative text", models.ColumnText, models.CompareExact, readOnly)
	l.add("caption", "Caption", models.ColumnHTML, models.CompareExact, readOnly)
	l.add("description", "Description", models.ColumnHTML, models.CompareExact, readOnly)
	l.add("slug", "Slug", models.ColumnText, models.CompareExact, readOnly)
	l.add("mime_type", "Type", models.ColumnText, models.CompareExact, readOnly)
	l.add("source_url", "File", models.ColumnURL, models.CompareURL, readOnly)
	l.add("author", "Author", models.ColumnReference, models.CompareExact, readOnly, refers("users"))
	l.add("date_gmt", "Date", models.ColumnDateTime, models.CompareInstant, readOnly)
	l.add("modified_gmt", "Modified", models.ColumnDateTime, models.CompareInstant, readOnly)
	return l
}

// userColumns are those every account sees, and with list_users the rest.
func userColumns(full bool) []models.Column {
	var l columnList
	l.add("name", "Name", models.ColumnText, models.CompareExact, readOnly)
	l.add("slug", "Slug", models.ColumnText, models.CompareExact, readOnly)
	if full {
		l.add("username", "User name", models.ColumnText, models.CompareExact, readOnly)
		l.add("email", "E-mail", models.ColumnEmail, models.CompareExact, readOnly)
		l.add("first_name", "First name", models.ColumnText, models.CompareExact, readOnly)
		l.add("last_name", "Last name", models.ColumnText, models.CompareExact, readOnly)
		l.add("roles", "Roles", models.ColumnJSON, models.CompareSet, readOnly)
		l.add("registered_date", "Registered", models.ColumnDateTime, models.CompareInstant, readOnly)
	}
	l.add("description", "About", models.ColumnLongText, models.CompareExact, readOnly)
	l.add("url", "Web site", models.ColumnURL, models.CompareExact, readOnly)
	l.add("link", "Link", models.ColumnURL, models.CompareExact, readOnly)
	return l
}

// kindOf tells a table's family by its columns: a schema travels without our
// own notes.
func kindOf(schema connectors.Schema) kind {
	switch {
	case schema.RemoteID == "users":
		return kindUsers
	case hasColumn(schema, "modified_gmt"):
		return kindPosts
	}
	return kindTerms
}

func hasColumn(schema connectors.Schema, id string) bool {
	return slices.ContainsFunc(schema.Columns, func(c models.Column) bool { return c.ID == id && !c.Removed })
}

func columnByID(schema connectors.Schema, id string) (models.Column, bool) {
	i := slices.IndexFunc(schema.Columns, func(c models.Column) bool { return c.ID == id && !c.Removed && !c.Local })
	if i < 0 {
		return models.Column{}, false
	}
	return schema.Columns[i], true
}

func isMeta(id string) bool { return strings.HasPrefix(id, metaPrefix) }
