package wordpress

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// listing is a selection of one table's rows, in order of id.
type listing struct {
	c      *Connector
	schema connectors.Schema
	plan   *rowPlan
	query  url.Values // filters beyond context, order and paging
	kind   kind
	// publishedOnly is set once the site has said that this account may list
	// nothing else.
	publishedOnly bool
	// viewOnly is set once the site has refused this account the terms with
	// context=edit: they read the same without.
	viewOnly atomic.Bool
}

// chunk is one answered list request.
type chunk struct {
	rows     []row
	total    int // X-WP-Total, -1 when the answer does not say
	bytes    int
	date     time.Time
	warnings []models.Problem
	ended    bool // the site says that there is no such page
	asOf     int64
}

func (c *Connector) listing(schema connectors.Schema, idsAlone bool) *listing {
	l := &listing{c: c, schema: schema, plan: planRows(schema, idsAlone), query: url.Values{}, kind: kindOf(schema)}
	if l.kind == kindPosts && !hasColumn(schema, "mime_type") {
		// any is every status but trash and auto-draft, a plugin's own included.
		l.query.Set("status", "any")
	}
	return l
}

// overlap is how many rows two neighbouring requests share. Posts are asked
// for by offset, a row back, so that a list that shifted shows. Terms and
// users are paged by number: core has no offset for hierarchical terms.
func (l *listing) overlap() int {
	if l.kind == kindPosts {
		return 1
	}
	return 0
}

func (l *listing) values(offset, count int) url.Values {
	q := url.Values{"orderby": {"id"}, "order": {"asc"}, "per_page": {strconv.Itoa(count)}, "_fields": {l.plan.wire}}
	for k, v := range l.query {
		q[k] = v
	}
	if l.publishedOnly && q.Has("status") {
		q.Set("status", "publish")
	}
	l.scope(q)
	switch {
	case offset == 0:
	case l.kind == kindPosts:
		q.Set("offset", strconv.Itoa(offset))
	default:
		q.Set("page", strconv.Itoa(offset/count+1))
	}
	return q
}

// scope asks for raw text, which is for those who may edit.
func (l *listing) scope(q url.Values) {
	if (l.kind != kindUsers || hasColumn(l.schema, "username")) && !l.viewOnly.Load() {
		q.Set("context", "edit")
	}
}

// get asks for one run of rows. A page beyond the last is an end, not an
// error.
func (l *listing) get(ctx context.Context, offset, count int) (chunk, error) {
	answer, err := l.request(ctx, http.MethodGet, l.values(offset, count), "list "+l.schema.RemoteID+" from row "+strconv.Itoa(offset+1))
	if forbiddenStatus(err) && l.query.Has("status") && !l.publishedOnly {
		return chunk{}, errPublishedOnly
	}
	if l.kind == kindTerms && hasCode(err, "rest_forbidden_context") && !l.viewOnly.Swap(true) {
		return l.get(ctx, offset, count)
	}
	if hasCode(err, "rest_post_invalid_page_number") {
		return chunk{total: -1, ended: true}, nil
	}
	if err != nil {
		return chunk{}, err
	}
	return l.parse(answer)
}

func (l *listing) request(ctx context.Context, method string, q url.Values, tried string) (*connectors.HTTPAnswer, error) {
	return l.c.do(ctx, route(l.schema.RemoteID), connectors.HTTPRequest{Method: method, Query: q, Tried: tried, Table: l.schema.RemoteID})
}

// parse reads the rows of an answer. A PHP notice before the JSON is stepped
// over and reported; anything else that is no list is an error.
func (l *listing) parse(answer *connectors.HTTPAnswer) (chunk, error) {
	ch := chunk{total: -1, bytes: len(answer.Body), date: answer.Date()}
	if n, err := strconv.Atoi(answer.Header.Get("X-WP-Total")); err == nil && n >= 0 {
		ch.total = n
	}
	rows, err := l.plan.rows(answer.Body)
	if err != nil {
		var clean json.RawMessage
		if junk := answer.JSON(&clean); junk != nil {
			return ch, junk
		}
		if rows, err = l.plan.rows(clean); err != nil {
			return ch, &connectors.Error{
				Kind: connectors.KindInternal, Service: Service, Tried: "read the rows of " + l.schema.RemoteID, Table: l.schema.RemoteID, Code: "answer_unexpected",
				Reason: models.Bound(err.Error(), connectors.MaxServiceWords), Hint: "A plugin may alter the site's answers. Please report this.", Cause: err,
			}
		}
		if w := answer.Warning(); w != nil {
			ch.warnings = append(ch.warnings, *w)
		}
	}
	ch.rows = rows
	return ch, nil
}
