package wordpress

import (
	"context"
	"net/http"
	"net/url"

	"github.com/scratch-platform/scratch/connectors"
)

type account struct {
	Name         string          `json:"name"`
	Slug         string          `json:"slug"`
	Roles        []string        `json:"roles"`
	Capabilities map[string]bool `json:"capabilities"`
}

// wanted are the capabilities an editor's work needs, with what is lost
// without each.
var wanted = []struct{ capability, without string }{
	{"edit_posts", "edit posts"},
	{"publish_posts", "publish posts"},
	{"edit_others_posts", "edit what others wrote"},
	{"edit_pages", "edit pages"},
	{"manage_categories", "change categories and tags"},
	{"list_users", "see every user (only authors of published posts are listed)"},
	{"unfiltered_html", "store scripts and iframes: the site takes them out of what is saved"},
}

// Validate reaches the site, signs in, and reads what the account may do.
func (c *Connector) Validate(ctx context.Context) (connectors.Account, error) {
	s, err := c.find(ctx)
	if err != nil {
		return connectors.Account{}, err
	}
	steps := []string{"found the REST API at " + s.base}
	me, err := c.me(ctx)
	if err != nil {
		return connectors.Account{}, err
	}
	steps = append(steps, "signed in as "+me.Name)
	tables, err := c.ListTables(ctx)
	if err != nil {
		return connectors.Account{}, err
	}
	steps = append(steps, "read the list of tables")
	out := connectors.Account{Name: me.Name, Steps: steps, Realm: s.realm()}
	if len(me.Roles) > 0 {
		out.Name += " (" + me.Roles[0] + ")"
	}
	out.Name += " at " + s.name
	for _, w := range wanted {
		if !me.Capabilities[w.capability] {
			out.Cannot = append(out.Cannot, w.without)
		}
	}
	for _, t := range tables {
		if t.ReadOnly && t.RemoteID != "users" && t.RemoteID != "media" {
			out.Cannot = append(out.Cannot, "change "+t.Name+": "+t.Why)
		}
	}
	return out, nil
}

// me asks who the site takes us for. It is the one call whose 401 tells a
// dropped Authorization header from a wrong password.
func (c *Connector) me(ctx context.Context) (account, error) {
	var me account
	answer, err := c.do(ctx, "wp/v2/users/me", connectors.HTTPRequest{
		Method: http.MethodGet, Tried: "sign in", Query: url.Values{"context": {"edit"}, "_fields": {"name,slug,roles,capabilities"}},
	})
	if err != nil {
		return me, err
	}
	return me, answer.JSON(&me)
}
