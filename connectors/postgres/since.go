package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/scratch-platform/scratch/connectors"
)

// watermark is where the next incremental read begins: the value that the
// column of changes had come to.
type watermark struct {
	Column string `json:"column"`
	Value  string `json:"value"` // empty: nothing had a value
}

// ReadSince gives the rows whose column of changes is not behind the watermark,
// with the overlap, and those where it is empty: of them it says nothing. A
// watermark of another column says nothing either, and everything is read.
func (c *Connector) ReadSince(ctx context.Context, req connectors.ReadRequest) (connectors.Pages, error) {
	chosen, err := readSettings(req.Schema.Settings)
	if err != nil {
		return nil, err
	}
	if chosen.Changed == "" {
		return nil, &connectors.Error{
			Kind: connectors.KindUnsupported, Service: Service, Tried: "read what changed", Table: req.Schema.RemoteID, Code: "no_changed_column",
			Reason: "no column of changes is chosen for the table", Hint: "Choose one in the table's settings, or download everything.",
		}
	}
	var since watermark
	if json.Unmarshal(req.Since, &since) != nil {
		return nil, &connectors.Error{
			Kind: connectors.KindInvalid, Service: Service, Tried: "read what changed", Table: req.Schema.RemoteID, Code: "watermark_invalid",
			Reason: "the mark of the last download is not readable", Hint: "Download the whole table.",
		}
	}
	return c.read(ctx, req, &since)
}

// condition is what a row changed since meets.
func (w *watermark) condition(r *relation, chosen settings) (sql string, args [][]byte) {
	if w.Column != chosen.Changed || w.Value == "" {
		return "", nil
	}
	c, ok := chosen.changed(r)
	if !ok { // p.resume says so
		return "", nil
	}
	name := "t." + quote(c.name)
	back := int64(overlapTime / time.Second)
	if chosen.Overlap != nil {
		back = *chosen.Overlap
	}
	switch c.base {
	case oidTimestamp, oidTimestamptz:
		sql = fmt.Sprintf("(%s OPERATOR(pg_catalog.>=) ($1::%s OPERATOR(pg_catalog.-) pg_catalog.make_interval(secs => %d)) OR %s IS NULL)", name, c.sqlType, back, name)
	case oidDate: // a day says nothing of its hours
		const day = 24 * 60 * 60
		sql = fmt.Sprintf("(%s OPERATOR(pg_catalog.>=) ($1::pg_catalog.date OPERATOR(pg_catalog.-) %d) OR %s IS NULL)", name, (back+day-1)/day, name)
	default:
		if chosen.Overlap == nil {
			back = overlapUnits
		}
		from, err := strconv.ParseInt(w.Value, 10, 64)
		if err != nil {
			return "", nil
		}
		if from < math.MinInt64+back {
			from = math.MinInt64 + back
		}
		return fmt.Sprintf("(%s OPERATOR(pg_catalog.>=) $1::pg_catalog.int8 OR %s IS NULL)", name, name), [][]byte{strconv.AppendInt(nil, from-back, 10)}
	}
	return sql, [][]byte{[]byte(w.Value)}
}

// findMark finds, in the snapshot that is about to be read, how far the column
// has come. A time in the future, which somebody's clock or hand put there, must
// not hide what changes until then: it counts as now.
func findMark(ctx context.Context, t *tx, r *relation, c column) (*watermark, error) {
	most := "pg_catalog.max(t." + quote(c.name) + ")"
	switch c.base {
	case oidTimestamptz:
		most = "least(" + most + ", pg_catalog.now())"
	case oidTimestamp:
		most = "least(" + most + ", pg_catalog.now() AT TIME ZONE 'UTC')"
	case oidDate:
		most = "least(" + most + ", current_date)"
	}
	mark := &watermark{Column: c.name}
	_, err := t.run(ctx, []statement{{
		sql:   fmt.Sprintf("SELECT (%s)::pg_catalog.text FROM %s t", most, r.sql()),
		take:  func(row [][]byte) error { mark.Value = string(row[0]); return nil },
		width: 1,
	}})
	return mark, err
}
