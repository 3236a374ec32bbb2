package fake

import (
	"net/http"
	"slices"
	"strings"
)

// roleCaps are core's default capabilities, as far as the API asks for them.
var roleCaps = map[string][]string{
	"administrator": {
		"edit_posts", "edit_others_posts", "edit_published_posts", "publish_posts", "delete_posts", "delete_others_posts", "delete_published_posts", "read_private_posts",
		"edit_pages", "edit_others_pages", "edit_published_pages", "publish_pages", "delete_pages", "delete_others_pages", "delete_published_pages", "read_private_pages",
		"manage_categories", "upload_files", "unfiltered_html", "list_users", "edit_users", "manage_options", "read",
	},
	"editor": {
		"edit_posts", "edit_others_posts", "edit_published_posts", "publish_posts", "delete_posts", "delete_others_posts", "delete_published_posts", "read_private_posts",
		"edit_pages", "edit_others_pages", "edit_published_pages", "publish_pages", "delete_pages", "delete_others_pages", "delete_published_pages", "read_private_pages",
		"manage_categories", "upload_files", "unfiltered_html", "read",
	},
	"author":      {"edit_posts", "edit_published_posts", "publish_posts", "delete_posts", "delete_published_posts", "upload_files", "read"},
	"contributor": {"edit_posts", "delete_posts", "read"},
	"subscriber":  {"read"},
}

// can tells whether the user has a capability; nobody has none.
func (s *Server) can(u *User, capability string) bool {
	if u == nil {
		return false
	}
	if capability == "unfiltered_html" && s.opt.Multisite {
		return false
	}
	return slices.Contains(roleCaps[u.Role], capability)
}

// capOf names a capability of a post type: pages have their own, everything
// else uses those of posts.
func capOf(verb, postType string) string {
	if postType == "page" {
		return verb + "_pages"
	}
	return verb + "_posts"
}

// authenticate finds the user of a request. WordPress answers a wrong
// application password with 401 whatever was asked for.
func (s *Server) authenticate(r *http.Request) (*User, *apiError) {
	if s.opt.StripAuthorization {
		return nil, s.needLogin(nil)
	}
	login, password, ok := r.BasicAuth()
	if !ok {
		return nil, s.needLogin(nil)
	}
	if s.opt.AppPasswordsDisabled {
		return nil, fail(http.StatusUnauthorized, "application_passwords_disabled", "Application passwords are not available.")
	}
	u := s.userByLogin(login)
	if s.opt.WrongPasswordIsAnonymous && (u == nil || alnum(u.Password) != alnum(password)) {
		return nil, s.needLogin(nil)
	}
	if u == nil {
		if strings.Contains(login, "@") {
			return nil, fail(http.StatusUnauthorized, "invalid_email", "<strong>Error:</strong> Unknown email address. Check again or try your username.")
		}
		return nil, fail(http.StatusUnauthorized, "invalid_username", "<strong>Error:</strong> The username <strong>"+login+"</strong> is not registered on this site.")
	}
	if u.Password == "" || alnum(u.Password) != alnum(password) {
		return nil, fail(http.StatusUnauthorized, "incorrect_password", "The provided password is an invalid application password.")
	}
	return u, nil
}

func (s *Server) needLogin(u *User) *apiError {
	if s.opt.RequireLogin && u == nil {
		return fail(http.StatusUnauthorized, "rest_not_logged_in", "You are not currently logged in.")
	}
	return nil
}

func (s *Server) userByLogin(login string) *User {
	for _, u := range s.users {
		if strings.EqualFold(u.Login, login) || strings.EqualFold(u.Email, login) {
			return u
		}
	}
	return nil
}

// alnum is what WordPress compares of an application password.
func alnum(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, s)
}

// canEditPost is edit_post with core's meta-capability mapping.
func (s *Server) canEditPost(u *User, p *Post) bool {
	if !s.can(u, capOf("edit", p.Type)) {
		return false
	}
	if p.Author != u.ID && !s.can(u, capOf("edit_others", p.Type)) {
		return false
	}
	if p.Status == "publish" || p.Status == "future" {
		return s.can(u, capOf("edit_published", p.Type))
	}
	return true
}

func (s *Server) canDeletePost(u *User, p *Post) bool {
	if !s.can(u, capOf("delete", p.Type)) {
		return false
	}
	if p.Author != u.ID && !s.can(u, capOf("delete_others", p.Type)) {
		return false
	}
	if p.Status == "publish" || p.Status == "future" {
		return s.can(u, capOf("delete_published", p.Type))
	}
	return true
}

// canReadPost is check_read_permission.
func (s *Server) canReadPost(u *User, p *Post) bool {
	switch p.Status {
	case "publish", "inherit":
		return true
	case "private":
		return u != nil && (p.Author == u.ID || s.can(u, capOf("read_private", p.Type)))
	}
	return u != nil && (p.Author == u.ID && s.can(u, capOf("edit", p.Type)) || s.can(u, capOf("edit_others", p.Type)))
}
