package fake

import (
	"net/http"
	"time"
)

// index is the API's root: who the site is, and how to sign in.
func (s *Server) index(q *request) (*reply, *apiError) {
	_, offset := s.opt.Now().In(s.opt.Timezone).Zone()
	auth := map[string]any{}
	if !s.opt.AppPasswordsDisabled {
		auth["application-passwords"] = map[string]any{"endpoints": map[string]string{"authorization": s.home() + "/wp-admin/authorize-application.php"}}
	}
	routes := map[string]any{
		"/": routeInfo("", "GET"), "/wp/v2": routeInfo("wp/v2", "GET"),
		"/wp/v2/types": routeInfo("wp/v2", "GET"), "/wp/v2/taxonomies": routeInfo("wp/v2", "GET"),
		"/wp/v2/users": routeInfo("wp/v2", "GET"), `/wp/v2/users/(?P<id>[\d]+)`: routeInfo("wp/v2", "GET"), "/wp/v2/users/me": routeInfo("wp/v2", "GET"),
	}
	for _, base := range s.bases() {
		routes["/wp/v2/"+base] = routeInfo("wp/v2", "GET", "POST")
		routes["/wp/v2/"+base+`/(?P<id>[\d]+)`] = routeInfo("wp/v2", "GET", "POST", "PUT", "PATCH", "DELETE")
	}
	if !s.opt.NoBatch {
		routes["/batch/v1"] = routeInfo("", "POST")
	}
	zone := s.opt.Timezone.String()
	if zone == "Local" {
		zone = ""
	}
	return jsonReply(http.StatusOK, map[string]any{
		"name": s.opt.Name, "description": "", "url": s.home(), "home": s.home(),
		"gmt_offset": float64(offset) / float64(time.Hour/time.Second), "timezone_string": zone,
		"namespaces": []string{"oembed/1.0", "wp/v2"}, "authentication": auth, "routes": routes,
	}), nil
}

func (s *Server) bases() []string {
	var out []string
	for _, t := range s.types {
		out = append(out, t.RestBase)
	}
	for _, t := range s.taxes {
		out = append(out, t.RestBase)
	}
	return out
}

func routeInfo(namespace string, methods ...string) map[string]any {
	return map[string]any{"namespace": namespace, "methods": methods, "endpoints": []any{map[string]any{"methods": methods, "args": map[string]any{}}}}
}

func (s *Server) describe(q *request, parts []string) (*reply, *apiError) {
	edit, err := q.contextOf()
	if err != nil {
		return nil, err
	}
	if edit && !s.can(q.user, "edit_posts") && parts[0] != "settings" {
		return nil, forbidden(q.user, "rest_cannot_view", "Sorry, you are not allowed to edit posts in this post type.")
	}
	var all map[string]any
	switch parts[0] {
	case "types":
		all = s.typeDocs(q.user, edit)
	case "taxonomies":
		all = s.taxDocs()
	case "statuses":
		all = map[string]any{}
		for _, st := range postStatuses {
			if st == "publish" || s.can(q.user, "edit_posts") {
				all[st] = map[string]any{"name": st, "slug": st, "public": st == "publish", "queryable": st == "publish"}
			}
		}
	case "settings":
		if !s.can(q.user, "manage_options") {
			return nil, forbidden(q.user, "rest_forbidden", "Sorry, you are not allowed to do that.")
		}
		return jsonReply(http.StatusOK, map[string]any{"title": s.opt.Name, "url": s.home(), "timezone": s.opt.Timezone.String(), "posts_per_page": 10}), nil
	}
	if len(parts) == 1 {
		return jsonReply(http.StatusOK, all), nil
	}
	one, ok := all[parts[1]]
	if !ok {
		return nil, fail(http.StatusNotFound, "rest_"+map[string]string{"types": "type", "taxonomies": "taxonomy", "statuses": "status"}[parts[0]]+"_invalid", "Invalid.")
	}
	return jsonReply(http.StatusOK, one), nil
}

func (s *Server) typeDocs(u *User, edit bool) map[string]any {
	all := map[string]any{}
	for _, t := range s.types {
		if edit && t.Slug == "page" && !s.can(u, "edit_pages") {
			continue
		}
		doc := map[string]any{
			"name": t.Name, "slug": t.Slug, "description": "", "hierarchical": t.Hierarchical, "has_archive": false,
			"taxonomies": append([]string{}, t.Taxonomies...), "rest_base": t.RestBase, "rest_namespace": "wp/v2", "icon": "dashicons-admin-post",
		}
		if edit {
			supports := map[string]bool{}
			for _, f := range t.Supports {
				supports[f] = true
			}
			doc["supports"], doc["viewable"] = supports, true
			doc["labels"] = map[string]string{"name": t.Name}
		}
		all[t.Slug] = doc
	}
	return all
}

func (s *Server) taxDocs() map[string]any {
	all := map[string]any{}
	for _, t := range s.taxes {
		all[t.Slug] = map[string]any{"name": t.Name, "slug": t.Slug, "description": "", "types": t.Types, "hierarchical": t.Hierarchical, "rest_base": t.RestBase, "rest_namespace": "wp/v2"}
	}
	return all
}

// options answers OPTIONS with the route's schema, as far as a client looks.
func (s *Server) options(_ *request, parts []string) (*reply, *apiError) {
	t, tax := s.typeByBase(parts[0]), s.taxByBase(parts[0])
	if t == nil && tax == nil {
		return nil, noRoute()
	}
	props := map[string]any{}
	if t != nil {
		meta := map[string]any{}
		for _, k := range s.opt.Meta[t.Slug] {
			kind := k.Type
			if !k.Single {
				kind = "array"
			}
			meta[k.Key] = map[string]any{"type": kind, "title": k.Title, "description": "", "default": ""}
		}
		props["meta"] = map[string]any{"type": "object", "context": []string{"view", "edit"}, "properties": meta}
		for _, slug := range t.Taxonomies {
			if x := s.taxBySlug(slug); x != nil {
				props[x.RestBase] = map[string]any{"type": "array", "items": map[string]string{"type": "integer"}}
			}
		}
	}
	r := jsonReply(http.StatusOK, map[string]any{
		"namespace": "wp/v2", "methods": []string{"GET", "POST"}, "endpoints": []any{},
		"schema": map[string]any{"$schema": "http://json-schema.org/draft-04/schema#", "title": parts[0], "type": "object", "properties": props},
	})
	r.header.Set("Allow", "GET, POST")
	return r, nil
}
