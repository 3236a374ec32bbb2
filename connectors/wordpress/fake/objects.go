package fake

import (
	"encoding/json"
	"slices"
	"time"
)

// naive is the layout of WordPress's dates, which carry no zone.
const naive = "2006-01-02T15:04:05"

// Post is a post, a page, an attachment or an entry of a custom type, as the
// wp_posts table holds it. Date and Modified are UTC in whole seconds; the
// …Local columns hold the site's wall clock at the time of writing, because
// that is what WordPress compares.
type Post struct {
	ID            int64     `json:"id"`
	Type          string    `json:"type"`
	Date          time.Time `json:"date"`
	DateLocal     string    `json:"date_local"`
	Floating      bool      `json:"floating,omitempty"`
	Modified      time.Time `json:"modified"`
	ModifiedLocal string    `json:"modified_local"`
	Created       time.Time `json:"created"`

	Slug     string `json:"slug"`
	Status   string `json:"status"`
	Password string `json:"password,omitempty"`
	Title    string `json:"title"`
	Content  string `json:"content"`
	Excerpt  string `json:"excerpt"`

	Author        int64                      `json:"author"`
	FeaturedMedia int64                      `json:"featured_media,omitempty"`
	Parent        int64                      `json:"parent,omitempty"`
	MenuOrder     int64                      `json:"menu_order,omitempty"`
	CommentStatus string                     `json:"comment_status"`
	PingStatus    string                     `json:"ping_status"`
	Sticky        bool                       `json:"sticky,omitempty"`
	Format        string                     `json:"format,omitempty"`
	Template      string                     `json:"template,omitempty"`
	Terms         map[string][]int64         `json:"terms,omitempty"`
	Meta          map[string]json.RawMessage `json:"meta,omitempty"`

	MimeType string `json:"mime_type,omitempty"`
	File     string `json:"file,omitempty"`
	AltText  string `json:"alt_text,omitempty"`

	cache    []byte
	cacheKey string
}

func (p *Post) clone() *Post {
	c := *p
	c.cache, c.cacheKey = nil, ""
	c.Terms = make(map[string][]int64, len(p.Terms))
	for k, v := range p.Terms {
		c.Terms[k] = slices.Clone(v)
	}
	c.Meta = make(map[string]json.RawMessage, len(p.Meta))
	for k, v := range p.Meta {
		c.Meta[k] = v
	}
	return &c
}

// Term is a category, a tag or an entry of a custom taxonomy.
type Term struct {
	ID          int64                      `json:"id"`
	Taxonomy    string                     `json:"taxonomy"`
	Name        string                     `json:"name"`
	Slug        string                     `json:"slug"`
	Description string                     `json:"description,omitempty"`
	Parent      int64                      `json:"parent,omitempty"`
	Meta        map[string]json.RawMessage `json:"meta,omitempty"`
	Created     time.Time                  `json:"created"`
}

// User is an account of the site. Password is the application password;
// spaces in it do not count.
type User struct {
	ID          int64     `json:"id"`
	Login       string    `json:"login"`
	Email       string    `json:"email"`
	Name        string    `json:"name"`
	FirstName   string    `json:"first_name,omitempty"`
	LastName    string    `json:"last_name,omitempty"`
	Description string    `json:"description,omitempty"`
	URL         string    `json:"url,omitempty"`
	Role        string    `json:"role"`
	Password    string    `json:"password,omitempty"`
	Registered  time.Time `json:"registered"`
}

// The accounts every fresh server has, one for each role that matters.
const (
	AdminLogin          = "admin"
	AdminPassword       = "adm1 nist rato rpas swor d234"
	EditorLogin         = "editor"
	EditorPassword      = "edit orpa sswo rdwi thsp aces"
	ContributorLogin    = "contributor"
	ContributorPassword = "cont ribu torp assw ord2 3456"
	SubscriberLogin     = "subscriber"
	SubscriberPassword  = "subs crib erpa sswo rd23 4567"
)

func coreUsers(now time.Time) []*User {
	return []*User{
		{ID: 1, Login: AdminLogin, Email: "admin@example.test", Name: "Ada Winter", FirstName: "Ada", LastName: "Winter", Role: "administrator", Password: AdminPassword, Registered: now},
		{ID: 2, Login: EditorLogin, Email: "editor@example.test", Name: "Edo Brandt", FirstName: "Edo", LastName: "Brandt", Role: "editor", Password: EditorPassword, Registered: now},
		{ID: 3, Login: ContributorLogin, Email: "contributor@example.test", Name: "Cora Lind", FirstName: "Cora", LastName: "Lind", Role: "contributor", Password: ContributorPassword, Registered: now},
		{ID: 4, Login: SubscriberLogin, Email: "subscriber@example.test", Name: "Sam Okafor", FirstName: "Sam", LastName: "Okafor", Role: "subscriber", Password: SubscriberPassword, Registered: now},
	}
}
