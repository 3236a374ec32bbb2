package fake

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) listUsers(q *request) (*reply, *apiError) {
	edit, err := q.contextOf()
	if err != nil {
		return nil, err
	}
	if s.opt.HideUsers {
		return nil, forbidden(q.user, "rest_user_cannot_view", "Sorry, you are not allowed to list users.")
	}
	if edit && !s.can(q.user, "list_users") {
		return nil, forbidden(q.user, "rest_forbidden_context", "Sorry, you are not allowed to edit users.")
	}
	w, err := q.window()
	if err != nil {
		return nil, err
	}
	include, _, err := q.integers("include")
	if err != nil {
		return nil, err
	}
	search, _, _ := q.str("search")
	slugs, _ := q.words("slug")
	authors := s.authors()
	var ids []int64
	for id, u := range s.users {
		if !edit && !s.can(q.user, "list_users") && !authors[id] {
			continue
		}
		if len(include) > 0 && !slices.Contains(include, id) || len(slugs) > 0 && !slices.Contains(slugs, u.Login) || search != "" && !containsFold(u.Name+" "+u.Login+" "+u.Email, search) {
			continue
		}
		ids = append(ids, id)
	}
	orderBy, _, _ := q.str("orderby")
	slices.SortFunc(ids, func(a, b int64) int {
		if orderBy == "id" {
			return int(a - b)
		}
		return strings.Compare(s.users[a].Name, s.users[b].Name)
	})
	body := []byte{'['}
	ids = q.effect.all(ids)
	page := q.effect.bend(w.slice(ids))
	for i, id := range page {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, s.userRow(s.users[id], q, edit)...)
	}
	r := newReply(http.StatusOK, append(body, ']'))
	r.rows = len(page)
	s.pageHeaders(r, q, w, len(ids))
	return r, nil
}

// authors are the users with published posts: all that a caller without
// list_users may see.
func (s *Server) authors() map[int64]bool {
	out := map[int64]bool{}
	for _, p := range s.posts {
		if p.Status == "publish" {
			out[p.Author] = true
		}
	}
	return out
}

func (s *Server) userRow(u *User, q *request, edit bool) []byte {
	w := &rowWriter{fields: q.fields(), first: true, b: []byte{'{'}}
	w.num("id", u.ID)
	if edit {
		w.str("username", u.Login)
	}
	w.str("name", u.Name)
	if edit {
		w.str("first_name", u.FirstName)
		w.str("last_name", u.LastName)
		w.str("email", u.Email)
	}
	w.str("url", u.URL)
	w.str("description", u.Description)
	w.str("link", s.home()+"/author/"+u.Login+"/")
	if edit {
		w.str("locale", "en_US")
		w.str("nickname", u.Login)
	}
	w.str("slug", u.Login)
	if edit {
		w.raw("roles", mustJSON([]string{u.Role}))
		w.str("registered_date", u.Registered.UTC().Format("2006-01-02T15:04:05-07:00"))
		caps := map[string]bool{u.Role: true}
		for _, c := range roleCaps[u.Role] {
			if s.can(u, c) {
				caps[c] = true
			}
		}
		w.raw("capabilities", mustJSON(caps))
		w.raw("extra_capabilities", mustJSON(map[string]bool{u.Role: true}))
	}
	w.raw("meta", []byte("[]"))
	return append(w.b, '}')
}

func (s *Server) getUser(q *request, id string) (*reply, *apiError) {
	edit, err := q.contextOf()
	if err != nil {
		return nil, err
	}
	if id == "me" {
		if q.user == nil {
			return nil, fail(http.StatusUnauthorized, "rest_not_logged_in", "You are not currently logged in.")
		}
		return jsonRow(s.userRow(q.user, q, edit)), nil
	}
	n, perr := strconv.ParseInt(id, 10, 64)
	if perr != nil {
		return nil, noRoute()
	}
	u := s.users[n]
	if u == nil {
		return nil, fail(http.StatusNotFound, "rest_user_invalid_id", "Invalid user ID.")
	}
	self := q.user != nil && q.user.ID == u.ID
	if edit && !self && !s.can(q.user, "list_users") {
		return nil, forbidden(q.user, "rest_user_cannot_view", "Sorry, you are not allowed to edit users.")
	}
	if s.opt.HideUsers && !self || !self && !s.can(q.user, "list_users") && !s.authors()[u.ID] {
		return nil, forbidden(q.user, "rest_user_cannot_view", "Sorry, you are not allowed to list users.")
	}
	return jsonRow(s.userRow(u, q, edit)), nil
}

func jsonRow(row []byte) *reply {
	r := newReply(http.StatusOK, row)
	r.rows = 1
	return r
}

// introspect describes the application password the caller came with.
func (s *Server) introspect(q *request) (*reply, *apiError) {
	if q.user == nil {
		return nil, fail(http.StatusUnauthorized, "rest_not_logged_in", "You are not currently logged in.")
	}
	return jsonReply(http.StatusOK, map[string]any{
		"uuid": "2f0e0e8a-0000-4000-8000-" + strings.Repeat("0", 11) + strconv.FormatInt(q.user.ID%10, 10), "app_id": "", "name": "Scratch",
		"created": q.user.Registered.UTC().Format(naive), "last_used": nil, "last_ip": nil,
	}), nil
}
