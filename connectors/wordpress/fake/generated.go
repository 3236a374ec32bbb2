package fake

import (
	"fmt"
	"strings"
	"time"
)

// Generated fills the site with n published posts of about 1 KB, the same ones
// every time: for benchmarks and drills. Their ids are 1 … n.
func Generated(n int) Content {
	return func(s *Server) {
		if s.opt.Name == "" {
			s.opt.Name = "Generated"
		}
		start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
		tags := make([]int64, 20)
		for i := range tags {
			tags[i] = s.addTerm(Term{Taxonomy: "post_tag", Name: fmt.Sprintf("topic %02d", i), Created: start})
		}
		var pool []string
		for _, subject := range demoSubjects {
			pool = append(pool, subject.facts...)
		}
		for i := range n {
			at := start.Add(time.Duration(i) * time.Minute)
			s.addPost(Post{
				Title: fmt.Sprintf("Generated post %07d", i+1), Slug: fmt.Sprintf("generated-post-%07d", i+1),
				Content: generatedContent(pool, i), Excerpt: pool[i%len(pool)], Date: at, Modified: at, Author: int64(1 + i%2),
				Terms: map[string][]int64{"category": {1}, "post_tag": {tags[i%20], tags[(i*7+3)%20]}},
			})
		}
	}
}

func generatedContent(pool []string, i int) string {
	var b strings.Builder
	for k := range 6 {
		b.WriteString(paragraph(pool[(i*5+k*11+i/len(pool))%len(pool)]))
	}
	return b.String()
}
