package wordpress

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/scratch-platform/scratch/connectors"
)

// site is what discovery found out: where the API is, and what the site says
// of itself.
type site struct {
	base string // "https://site/wp-json/" or "https://site/?rest_route=/"
	name string
	home string
	// zone names the site's time zone. Wall clocks at the site are in it, so a
	// change of it moves every modified_after (see watermark).
	zone string
	// appPasswords says that the index offers application passwords.
	appPasswords bool
}

// address is the URL of a route under the API's root.
func (s *site) address(route string) string { return s.base + strings.TrimPrefix(route, "/") }

// realm is where the API was found, without what may differ between two ways to
// it. What the site says of itself is no part of it: a copy of a site, as made
// for staging, still names the original.
func (s *site) realm() string {
	_, at, _ := strings.Cut(s.base, "://")
	at = strings.TrimSuffix(strings.TrimSuffix(at, "?rest_route=/"), "wp-json/")
	host, path, _ := strings.Cut(at, "/")
	return strings.ToLower(host) + "/" + path
}

// siteAddress normalises what a person entered as the site.
func siteAddress(entered string) (string, error) {
	text := strings.TrimSpace(entered)
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return "", &connectors.Error{
			Kind: connectors.KindInvalid, Service: Service, Tried: "read the site's address", Code: "address_invalid", Column: "site",
			Reason: "the address is not of the form https://host/path", Hint: "Enter the site's address as a browser shows it, without user name or password.",
		}
	}
	u.Fragment = ""
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/wp-admin")
	return u.String(), nil
}

// find discovers the API once per connector. Discovery is anonymous: the
// credential goes only to the address it ended at.
func (c *Connector) find(ctx context.Context) (*site, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.site != nil {
		return c.site, nil
	}
	s, err := c.discover(ctx)
	if err != nil {
		return nil, err
	}
	c.site = s
	return s, nil
}

// discover tries, in this order: the address itself when it already names the
// API; /wp-json/ below it; what the site's front page announces; and the form
// that works without pretty permalinks.
func (c *Connector) discover(ctx context.Context) (*site, error) {
	entered := c.cred.Site
	if i := strings.Index(entered, "/wp-json"); i >= 0 {
		entered = entered[:i]
	}
	plain, rest, _ := strings.Cut(entered, "?")
	if strings.Contains(rest, "rest_route=") {
		entered = strings.TrimSuffix(plain, "/")
	}
	s, announced, first := c.probe(ctx, strings.TrimSuffix(plain, "/")+"/wp-json/")
	if s != nil || fatal(first) {
		return s, first
	}
	if announced == "" {
		announced = c.announced(ctx, entered)
	}
	for _, base := range []string{announced, strings.TrimSuffix(plain, "/") + "/?rest_route=/"} {
		if base == "" {
			continue
		}
		s, _, err := c.probe(ctx, base)
		if s != nil || fatal(err) {
			return s, err
		}
	}
	if e, ok := connectors.AsError(first); ok && (e.Kind == connectors.KindUnavailable || e.Kind == connectors.KindRateLimited || e.Kind == connectors.KindTimeout) {
		return nil, first
	}
	return nil, &connectors.Error{
		Kind: connectors.KindInvalid, Service: Service, Tried: "find the site's REST API", Code: "api_not_found", Cause: first,
		Reason: "no WordPress REST API answers at " + entered,
		Hint:   "Check the address. If it is right, the REST API is switched off or blocked: look at security plugins, and save Settings → Permalinks once.",
	}
}

// fatal errors end discovery: another address on the same host fails alike.
func fatal(err error) bool {
	e, ok := connectors.AsError(err)
	if !ok {
		return err != nil
	}
	return e.Status == 0 && e.Code != "api_not_found" || e.Kind == connectors.KindRateLimited
}

type indexAnswer struct {
	Name           string          `json:"name"`
	Home           string          `json:"home"`
	TimezoneString string          `json:"timezone_string"`
	GMTOffset      any             `json:"gmt_offset"`
	Namespaces     []string        `json:"namespaces"`
	Authentication *authentication `json:"authentication"`
	Code           string          `json:"code"`
}

type authentication struct {
	ApplicationPasswords *struct{} `json:"application-passwords"`
}

// UnmarshalJSON takes the [] that PHP writes for an empty object.
func (a *authentication) UnmarshalJSON(raw []byte) error {
	a.ApplicationPasswords = nil
	if strings.Contains(string(raw), `"application-passwords"`) {
		a.ApplicationPasswords = &struct{}{}
	}
	return nil
}

// probe asks an address for the API's index. The address it ended at after
// redirects is the one to use: a redirect would drop a write's body. Where a
// page of the site answers, as without pretty permalinks, what it announces is
// given too.
func (c *Connector) probe(ctx context.Context, base string) (s *site, announced string, err error) {
	answer, err := c.client.Do(ctx, connectors.HTTPRequest{
		Method: http.MethodGet, URL: base, Anonymous: true, Tried: "find the site's REST API",
		Query: url.Values{"_fields": {"name,home,timezone_string,gmt_offset,namespaces,authentication"}},
	})
	var index indexAnswer
	if err != nil {
		// A site that wants a login even for its index has answered as an API.
		if e, ok := connectors.AsError(err); ok && e.Status == http.StatusUnauthorized && e.Code == codeStripped {
			return &site{base: base, home: base, appPasswords: true}, "", nil
		}
		return nil, "", err
	}
	if err := answer.JSON(&index); err != nil {
		return nil, announcement(answer), err
	}
	if !slices.Contains(index.Namespaces, "wp/v2") {
		return nil, "", &connectors.Error{Kind: connectors.KindInvalid, Service: Service, Tried: "find the site's REST API", Code: "api_not_found", Status: answer.Status, Reason: "the answer is no index of a WordPress API"}
	}
	s = &site{base: finalBase(base, answer.URL), name: html.UnescapeString(index.Name), home: index.Home, zone: index.TimezoneString, appPasswords: index.Authentication != nil && index.Authentication.ApplicationPasswords != nil}
	if s.zone == "" {
		s.zone = strings.TrimSpace(strings.Trim(jsonText(index.GMTOffset), `"`))
	}
	if s.name == "" {
		s.name = answer.URL.Host
	}
	return s, "", nil
}

// finalBase is the address a probe ended at, without what the probe added.
func finalBase(asked string, ended *url.URL) string {
	u := *ended
	q := u.Query()
	q.Del("_fields")
	route := q.Get("rest_route")
	q.Del("rest_route")
	u.RawQuery = q.Encode()
	if strings.Contains(asked, "rest_route=") {
		if route == "" {
			route = "/"
		}
		// Written by hand: the route's slashes stay readable, as core has them.
		if u.RawQuery != "" {
			u.RawQuery += "&"
		}
		u.RawQuery += "rest_route=" + route
		return u.String()
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	return u.String()
}

var (
	linkTag  = regexp.MustCompile(`(?is)<link[^>]+rel=["']https://api\.w\.org/["'][^>]*>`)
	hrefAttr = regexp.MustCompile(`(?is)href=["']([^"']+)["']`)
)

// announced asks a page of the site for the API's address. It is a help, not a
// need: a page that is slow or broken announces nothing.
func (c *Connector) announced(ctx context.Context, page string) string {
	answer, err := c.client.Do(ctx, connectors.HTTPRequest{
		Method: http.MethodGet, URL: page, Anonymous: true, Tried: "read the site's front page", Header: http.Header{"Accept": {"text/html"}},
	})
	if err != nil {
		return ""
	}
	return announcement(answer)
}

// announcement reads the API's address off a page: the Link header, or the tag
// in its head.
func announcement(answer *connectors.HTTPAnswer) string {
	found := ""
	for _, value := range answer.Header.Values("Link") {
		for _, link := range strings.Split(value, ",") {
			target, params, ok := strings.Cut(link, ">")
			if ok && strings.Contains(params, "https://api.w.org/") {
				found = strings.TrimPrefix(strings.TrimSpace(target), "<")
			}
		}
	}
	if found == "" {
		if m := hrefAttr.FindSubmatch(linkTag.Find(answer.Body[:min(len(answer.Body), 1<<20)])); m != nil {
			found = html.UnescapeString(string(m[1]))
		}
	}
	u, err := answer.URL.Parse(found)
	if found == "" || err != nil || answer.URL.Scheme == "https" && u.Scheme != "https" {
		return ""
	}
	return u.String()
}
