package fake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// demoStart is the day of the oldest post of the demo site.
var demoStart = time.Date(2019, 2, 4, 8, 30, 0, 0, time.UTC)

// Demo fills the site with about 200 posts that have something worth fixing
// (missing excerpts, shouting titles, tags in several spellings, years gone
// by), with pages, categories, tags and media to go with them.
func Demo() Content {
	return func(s *Server) {
		if s.opt.Name == "" {
			s.opt.Name = "Hearth & Furrow"
		}
		d := &demoFill{s: s, cats: map[string]int64{}, tags: map[string]int64{}}
		d.terms()
		d.media()
		d.pages()
		n := 0
		for a, angle := range demoAngles {
			for i, subject := range demoSubjects {
				if n < 200 {
					d.post(n, angle, demoSubjects[(i+a)%len(demoSubjects)])
				}
				_ = subject
				n++
			}
		}
	}
}

type demoFill struct {
	s      *Server
	cats   map[string]int64
	tags   map[string]int64
	images []int64
}

func (d *demoFill) terms() {
	for _, name := range []string{"Kitchen", "Garden", "Tools", "Drinks"} {
		d.cats[name] = d.s.addTerm(Term{Taxonomy: "category", Name: name, Description: "Everything about the " + strings.ToLower(name) + ".", Created: demoStart})
	}
}

func (d *demoFill) tag(name string) int64 {
	if d.tags[name] == 0 {
		d.tags[name] = d.s.addTerm(Term{Taxonomy: "post_tag", Name: name, Created: demoStart})
	}
	return d.tags[name]
}

func (d *demoFill) media() {
	for i, subject := range demoSubjects {
		slug := sanitizeSlug(subject.name)
		id := d.s.addPost(Post{
			Type: "attachment", Status: "inherit", Title: subject.name, Slug: slug + "-photo", MimeType: "image/jpeg",
			File: "2019/02/" + slug + ".jpg", AltText: "A photograph of " + subject.name, Date: demoStart.AddDate(0, 0, i), MenuOrder: int64(40_000 + 731*i),
		})
		d.images = append(d.images, id)
	}
}

func (d *demoFill) pages() {
	for i, p := range [][2]string{
		{"About us", "Two cooks, a gardener and a dog of no fixed breed. We opened in 2012 in what used to be a chandler's shop."},
		{"Opening hours", "Tuesday to Saturday, ten to six. In the summer of 2020 we close at four."},
		{"COURSES", "All courses are held at the long table. Ten places; tea is included."},
		{"Delivery", "By bicycle within the ring road, by post everywhere else, never by drone."},
		{"Contact", "Ring the bell, or write. We answer on Mondays."},
		{"House rules", "Dogs are welcome. Opinions about garlic are welcome too."},
	} {
		parent := int64(0)
		if p[0] == "House rules" {
			parent = d.s.byType["page"][0]
		}
		d.s.addPost(Post{Type: "page", Title: p[0], Content: paragraph(p[1]), Date: demoStart.AddDate(0, 0, i), MenuOrder: int64(i), Parent: parent})
	}
}

func (d *demoFill) post(n int, angle demoAngle, subject demoSubject) {
	at := demoStart.Add(time.Duration(n)*11*24*time.Hour + time.Duration(n*37%600)*time.Minute)
	title := angle.title
	if strings.HasPrefix(title, "%s") {
		title = strings.ToUpper(subject.name[:1]) + strings.Replace(title, "%s", subject.name[1:], 1)
	} else {
		title = fmt.Sprintf(title, subject.name)
	}
	if n%9 == 4 || strings.HasPrefix(title, "HOW") {
		title = strings.ToUpper(title)
	}
	if n%17 == 3 {
		title = strings.Replace(title, " ", "  ", 1)
	}
	p := Post{
		Title: title, Content: demoContent(n, angle, subject), Date: at, Modified: at.Add(time.Duration(n%5) * 26 * time.Hour),
		Author: int64(1 + n%2), FeaturedMedia: d.images[n%len(d.images)], Terms: map[string][]int64{"category": {d.cats[subject.category]}},
	}
	if n%5 > 1 {
		p.Excerpt = fmt.Sprintf(angle.lead, subject.name)
	}
	if n%13 == 6 {
		p.FeaturedMedia = 0
	}
	if n%21 == 8 {
		p.Terms["category"] = []int64{1}
	}
	for i, name := range append(slices.Clone(subject.tags), angle.tag) {
		// The same tag in several spellings is what a long-lived blog has.
		switch (n + i) % 7 {
		case 2:
			name = strings.ToUpper(name[:1]) + name[1:]
		case 5:
			name = strings.ReplaceAll(name, " ", "-") + "s"
		}
		p.Terms["post_tag"] = append(p.Terms["post_tag"], d.tag(name))
	}
	d.status(n, &p)
	if n%10 == 0 {
		p.Meta = map[string]json.RawMessage{"footnotes": mustJSON(`[{"content":"Measured on our own scales.","id":"fn-` + fmt.Sprint(n) + `"}]`)}
	}
	d.s.addPost(p)
}

func (d *demoFill) status(n int, p *Post) {
	switch n % 25 {
	case 7:
		p.Status, p.Floating = "draft", true
	case 13:
		p.Status = "pending"
	case 19:
		p.Status = "private"
		p.Slug = d.s.uniqueSlug(sanitizeSlug(p.Title), "post", nil)
	case 24:
		if n > 170 {
			p.Status = "future"
			// Not told from today: a blog that is started again is the same blog.
			p.Date = time.Date(2040, 1, 1, 9, 0, 0, 0, time.UTC).AddDate(0, 0, n)
			p.Slug = d.s.uniqueSlug(sanitizeSlug(p.Title), "post", nil)
		}
	}
}

// demoContent is a post as the block editor stores it: HTML between comments.
func demoContent(n int, angle demoAngle, subject demoSubject) string {
	var b strings.Builder
	b.WriteString(paragraph(fmt.Sprintf(angle.lead, subject.name)))
	b.WriteString(heading("What we know"))
	b.WriteString(paragraph(subject.facts[n%3] + " " + subject.facts[(n+1)%3]))
	if n%3 == 0 {
		b.WriteString("<!-- wp:list -->\n<ul class=\"wp-block-list\">")
		for _, f := range subject.facts {
			b.WriteString("<!-- wp:list-item -->\n<li>" + f + "</li>\n<!-- /wp:list-item -->")
		}
		b.WriteString("</ul>\n<!-- /wp:list -->\n\n")
	}
	b.WriteString(heading("What we would do"))
	for _, text := range angle.body {
		b.WriteString(paragraph(text))
	}
	if n%4 == 1 {
		b.WriteString("<!-- wp:quote -->\n<blockquote class=\"wp-block-quote\">" + paragraph(subject.facts[2]) + "</blockquote>\n<!-- /wp:quote -->\n\n")
	}
	if n%6 == 2 {
		b.WriteString("<!-- wp:shortcode -->\n[opening_hours day=\"saturday\" year=\"2020\"]\n<!-- /wp:shortcode -->\n\n")
	}
	b.WriteString(paragraph("Our stock list of " + fmt.Sprint(2018+n%6) + " is at the counter; ask for the grey folder."))
	return b.String()
}

func paragraph(text string) string {
	return "<!-- wp:paragraph -->\n<p>" + text + "</p>\n<!-- /wp:paragraph -->\n\n"
}

func heading(text string) string {
	return "<!-- wp:heading -->\n<h2 class=\"wp-block-heading\">" + text + "</h2>\n<!-- /wp:heading -->\n\n"
}
