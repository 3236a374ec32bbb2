package wordpress

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/scratch-platform/scratch/connectors"
)

// ReadByIDs reads rows by id, a hundred a request. A row in the trash counts as
// missing: WordPress keeps it, but it is no longer in the table.
func (c *Connector) ReadByIDs(ctx context.Context, schema connectors.Schema, ids []string) (connectors.ByIDs, error) {
	var out connectors.ByIDs
	l := c.listing(schema, false)
	if l.query.Has("status") {
		l.query.Set("status", "any,trash")
	}
	for some := range slices.Chunk(ids, pageSize) {
		if err := l.readSome(ctx, some, &out); err != nil {
			return connectors.ByIDs{}, err
		}
	}
	return out, nil
}

func (l *listing) readSome(ctx context.Context, ids []string, out *connectors.ByIDs) error {
	asked := make([]string, 0, len(ids))
	for _, id := range ids {
		if n, err := strconv.ParseInt(id, 10, 64); err != nil || n <= 0 {
			out.Missing = append(out.Missing, id) // no row ever had such an id
			continue
		}
		asked = append(asked, id)
	}
	if len(asked) == 0 {
		return nil
	}
	l.query.Set("include", strings.Join(asked, ","))
	ch, err := l.get(ctx, 0, pageSize)
	if errors.Is(err, errPublishedOnly) {
		l.publishedOnly = true
		ch, err = l.get(ctx, 0, pageSize)
	}
	if err != nil {
		return err
	}
	found := make(map[string]bool, len(ch.rows))
	for _, r := range ch.rows {
		if found[r.record.RemoteID] || !slices.Contains(asked, r.record.RemoteID) {
			continue
		}
		found[r.record.RemoteID] = true
		if r.status == "trash" {
			out.Missing = append(out.Missing, r.record.RemoteID)
			continue
		}
		out.Found = append(out.Found, r.record)
	}
	// Promise 2: the total counts rows that this account may not read and that
	// were left out. Only where it agrees with what came is everything else gone.
	sure := ch.total == len(ch.rows) && !l.publishedOnly && l.kind != kindUsers
	for _, id := range asked {
		switch {
		case found[id]:
		case sure:
			out.Missing = append(out.Missing, id)
		default:
			if err := l.confirmGone(ctx, id, out); err != nil {
				return err
			}
		}
	}
	return nil
}

// confirmGone asks for one row. Only the site's own "no such row" counts.
func (l *listing) confirmGone(ctx context.Context, id string, out *connectors.ByIDs) error {
	q := url.Values{"_fields": {l.plan.wire + ",status"}}
	l.scope(q)
	answer, err := l.c.do(ctx, route(l.schema.RemoteID)+"/"+id, connectors.HTTPRequest{
		Method: http.MethodGet, Tried: "read a record", Table: l.schema.RemoteID, Record: id, Query: q,
	})
	switch e, ok := connectors.AsError(err); {
	case ok && hasCode(err, "rest_post_invalid_id", "rest_term_invalid", "rest_user_invalid_id"):
		out.Missing = append(out.Missing, id)
		return nil
	case ok && e.Kind == connectors.KindPermission:
		return nil // it is there, and not for us: nothing is concluded
	case err != nil:
		return err
	}
	r, err := l.plan.one(answer.Body)
	if err != nil {
		return nil //nolint:nilerr // an answer we cannot read leaves the id unknown
	}
	if r.status == "trash" {
		out.Missing = append(out.Missing, id)
	} else {
		out.Found = append(out.Found, r.record)
	}
	return nil
}
