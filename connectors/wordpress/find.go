package wordpress

import (
	"context"
	"errors"
	"html"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// clockError is how far the site's clock and ours may be apart, on top of what
// the wall clock costs (see watermark).
const clockError = 15 * time.Minute

// lateWrite is how long after we gave up a site may still be working on a
// request: PHP does not notice that nobody waits any more.
const lateWrite = 15 * time.Second

// FindCreated looks for rows that lost creates may have made.
//
// WordPress keeps no key of ours, and posts carry no time of creation. A new
// row's modified time is its date, so what a lost create made is among the rows
// modified since the intent, or, where the plan named a date, among the rows of
// that date; and, whatever the clocks say, most likely among the newest ids. All
// three are held against the planned values, the trash included: somebody may
// have thrown it away. A match is by title and text, without tags: the site may
// have taken HTML out, made the slug unique, or scheduled what was to be
// published. It is never exact. A create without any words never settles.
func (c *Connector) FindCreated(ctx context.Context, schema connectors.Schema, items []connectors.FindItem) ([]connectors.FindResult, error) {
	results := make([]connectors.FindResult, len(items))
	oldest := c.deps.Now()
	for i, item := range items {
		results[i].Key = item.Key
		// Whatever was on its way has arrived, was worked on, and shows.
		results[i].Settled = item.Ago >= limits.RequestTimeout+lateWrite+limits.LookupLag
		// Promise 5: what has no words is not found by them, made or not. The site
		// takes it: content of nothing but an image, and, in a type without one of
		// title, editor and excerpt (pages), a row without any of them.
		if len(words(schema, item.Values)) == 0 {
			results[i].Settled = false
		}
		if item.After.Before(oldest) {
			oldest = item.After
		}
	}
	seen := map[string]bool{}
	match := func(r connectors.Record) {
		if seen[r.RemoteID] {
			return
		}
		seen[r.RemoteID] = true
		for i, item := range items {
			if couldBe(schema, item.Values, r) {
				results[i].Candidates = append(results[i].Candidates, r)
			}
		}
	}
	if len(items) == 0 {
		return results, nil
	}
	if kindOf(schema) == kindTerms {
		return results, c.findTerms(ctx, schema, items, results)
	}
	var mark watermark
	if !oldest.IsZero() {
		mark.At = oldest.Add(-clockError)
	}
	// Promise 5: what is not found here is sent again.
	windows := []url.Values{{"modified_after": {mark.bound("")}}}
	for _, date := range plannedDates(items) {
		// The bounds are compared with the site's wall clock.
		windows = append(windows, url.Values{"after": {date.Add(-overlapZone).Format(time.RFC3339)}, "before": {date.Add(overlapZone).Format(time.RFC3339)}})
	}
	for _, window := range windows {
		err := c.each(ctx, schema, func(l *listing) {
			l.query = window
			l.query.Set("status", "any,trash")
		}, match)
		if err != nil {
			return nil, err
		}
	}
	return results, c.newest(ctx, schema, match)
}

// plannedDates are the days that creates were planned for, each once.
func plannedDates(items []connectors.FindItem) []time.Time {
	var days []time.Time
	for _, item := range items {
		text, _ := models.Text(item.Values["date_gmt"])
		at, err := time.Parse(time.RFC3339, text)
		if day := at.UTC().Truncate(24 * time.Hour); err == nil && !slices.Contains(days, day) {
			days = append(days, day)
		}
	}
	return days
}

// newestRows is how many of the highest ids are looked at.
const newestRows = 2 * pageSize

// newest visits the rows with the highest ids.
func (c *Connector) newest(ctx context.Context, schema connectors.Schema, visit func(connectors.Record)) error {
	l := c.listing(schema, false)
	l.query = url.Values{"status": {"any,trash"}, "order": {"desc"}}
	for offset := 0; offset < newestRows; offset += pageSize {
		ch, err := l.get(ctx, offset, pageSize)
		if errors.Is(err, errPublishedOnly) {
			l.publishedOnly = true
			ch, err = l.get(ctx, offset, pageSize)
		}
		if err != nil {
			return err
		}
		for _, r := range ch.rows {
			visit(r.record)
		}
		if len(ch.rows) == 0 || ch.total >= 0 && offset+pageSize >= ch.total {
			return nil
		}
	}
	return nil
}

// each enumerates a selection.
func (c *Connector) each(ctx context.Context, schema connectors.Schema, choose func(*listing), visit func(connectors.Record)) error {
	p, err := c.read(ctx, connectors.ReadRequest{Schema: schema, Budget: 8 << 20}, false, nil)
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }() // it only ends its own reads
	choose(p.l)
	for {
		page, err := p.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, r := range page.Records {
			visit(r)
		}
	}
}

// findTerms looks a term up by its name: there is at most one per parent. The
// site searches names as it stores them, with & as &amp; and without tags, so it
// is asked for one word of the name; what it shows is held against the whole
// (Promise 5).
func (c *Connector) findTerms(ctx context.Context, schema connectors.Schema, items []connectors.FindItem, results []connectors.FindResult) error {
	for i, item := range items {
		query := url.Values{}
		if word := longestWord(bare(item.Values, "name")); word != "" {
			query.Set("search", word)
		}
		err := c.each(ctx, schema, func(l *listing) { l.query = query }, func(r connectors.Record) {
			if couldBe(schema, item.Values, r) {
				results[i].Candidates = append(results[i].Candidates, r)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// longestWord is the longest run of letters and digits in a text: what every way
// of storing it leaves as it is.
func longestWord(text string) string {
	longest := ""
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.In(r, unicode.Letter, unicode.Mark, unicode.Digit) }) {
		if len(word) > len(longest) {
			longest = word
		}
	}
	return longest
}

// couldBe errs towards yes: a candidate too many is a question to a person, one
// too few is a second post.
func couldBe(schema connectors.Schema, planned models.Fields, r connectors.Record) bool {
	if kindOf(schema) == kindTerms {
		same := strings.EqualFold(bare(planned, "name"), bareText(models.CellOf(r.Fields, "name")))
		parent, named := planned["parent"]
		return same && (!named || sameValue(models.Column{Compare: models.CompareExact}, parent, models.CellOf(r.Fields, "parent")))
	}
	compared := words(schema, planned)
	for _, id := range compared {
		if bare(planned, id) != bareText(models.CellOf(r.Fields, id)) {
			return false
		}
	}
	return len(compared) > 0
}

// words are the columns that a lost create can be found by: of those held
// against rows, the ones planned with more than tags.
func words(schema connectors.Schema, planned models.Fields) []string {
	columns := []string{"title", "content", "excerpt"}
	if kindOf(schema) == kindTerms {
		columns = []string{"name"}
	}
	return slices.DeleteFunc(columns, func(id string) bool { return bare(planned, id) == "" })
}

func bare(values models.Fields, id string) string { return bareText(values[id]) }

var tags = regexp.MustCompile(`(?s)<!--.*?-->|<[^>]*>`)

// bareText is a text's words: no tags, no comments, no entities, no spaces.
func bareText(value []byte) string {
	text, _ := models.Text(value)
	return strings.Join(strings.Fields(html.UnescapeString(strings.ReplaceAll(tags.ReplaceAllString(text, " "), "\x00", ""))), " ")
}
