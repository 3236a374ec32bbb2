package api

//go:generate go test . -run TestDocumentIsCurrent -update

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
)

// docs renders the OpenAPI document as one plain page: no script, nothing
// loaded from elsewhere, so that it works offline and under a strict policy.
func (s *server) docs(c *gin.Context) {
	var nonce [16]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		s.answerError(c, err)
		return
	}
	page := docsPage{
		Title: s.huma.OpenAPI().Info.Title, About: s.huma.OpenAPI().Info.Description,
		Nonce: base64.StdEncoding.EncodeToString(nonce[:]), Groups: s.docGroups(),
	}
	c.Header("Content-Type", "text/html; charset=utf-8")
	c.Header("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+page.Nonce+"'; frame-ancestors 'none'; base-uri 'none'")
	if err := docsTemplate.Execute(c.Writer, page); err != nil {
		s.Log.WarnContext(c.Request.Context(), "rendering the docs failed", "error", err)
	}
}

type docsPage struct {
	Title, About, Nonce string
	Groups              []docGroup
}

type docGroup struct {
	Name       string
	Operations []docOperation
}

type docOperation struct {
	Method, Path, ID, Summary string
	Parameters                []docParameter
	Body                      string
	Answer                    string
}

type docParameter struct{ Name, In, About string }

func (s *server) docGroups() []docGroup {
	byName := map[string]*docGroup{}
	for path, item := range s.huma.OpenAPI().Paths {
		for method, o := range map[string]*huma.Operation{
			http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
		} {
			if o == nil {
				continue
			}
			name := o.Tags[0]
			if byName[name] == nil {
				byName[name] = &docGroup{Name: name}
			}
			byName[name].Operations = append(byName[name].Operations, s.docOperation(method, path, o))
		}
	}
	groups := make([]docGroup, 0, len(byName))
	for _, g := range byName {
		slices.SortFunc(g.Operations, func(a, b docOperation) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
		})
		groups = append(groups, *g)
	}
	slices.SortFunc(groups, func(a, b docGroup) int { return cmp.Compare(a.Name, b.Name) })
	return groups
}

func (s *server) docOperation(method, path string, o *huma.Operation) docOperation {
	shown := docOperation{Method: method, Path: path, ID: o.OperationID, Summary: o.Summary}
	for _, p := range o.Parameters {
		shown.Parameters = append(shown.Parameters, docParameter{Name: p.Name, In: p.In, About: p.Description})
	}
	if o.RequestBody != nil {
		shown.Body = s.schemaText(o.RequestBody.Content["application/json"])
	}
	for status, r := range o.Responses {
		if status[0] == '2' {
			shown.Answer = s.schemaText(r.Content["application/json"])
		}
	}
	return shown
}

// schemaText shows a schema as indented JSON, one reference deep.
func (s *server) schemaText(media *huma.MediaType) string {
	if media == nil || media.Schema == nil {
		return ""
	}
	schema := media.Schema
	if schema.Ref != "" {
		schema = s.huma.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
	}
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return ""
	}
	return string(text)
}

var docsTemplate = template.Must(template.New("docs").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}} API</title>
<style nonce="{{.Nonce}}">
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem}
h2{margin-top:2.5rem;border-bottom:1px solid color-mix(in srgb,currentColor 25%,transparent)}
summary{cursor:pointer;padding:.25rem 0}code,pre{font:13px/1.45 ui-monospace,monospace}
pre{overflow:auto;padding:.75rem;background:color-mix(in srgb,currentColor 7%,transparent);border-radius:4px}
b.method{display:inline-block;min-width:4.2rem}dt{font-weight:600}dd{margin:0 0 .5rem 1.5rem}
</style></head><body>
<h1>{{.Title}} API</h1><p>{{.About}}</p>
<p>Sign in with <code>Authorization: Bearer &lt;API token&gt;</code>. The whole document: <a href="/openapi.json">/openapi.json</a>.
Live events: <code>GET /api/v1/ws?ticket=…</code> and <code>GET /api/v1/jobs/{id}/events</code>.</p>
{{range .Groups}}<h2>{{.Name}}</h2>{{range .Operations}}
<details id="{{.ID}}"><summary><b class="method">{{.Method}}</b> <code>{{.Path}}</code> — {{.Summary}}</summary>
{{if .Parameters}}<dl>{{range .Parameters}}<dt><code>{{.Name}}</code> ({{.In}})</dt><dd>{{.About}}</dd>{{end}}</dl>{{end}}
{{if .Body}}<p>Takes</p><pre>{{.Body}}</pre>{{end}}{{if .Answer}}<p>Answers</p><pre>{{.Answer}}</pre>{{end}}</details>{{end}}{{end}}
</body></html>
`))
