package fake

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// request is one call of the REST server: from the wire, or from inside a
// batch. Parameters are looked up in the JSON body, the form and the query,
// in core's order.
type request struct {
	method  string
	route   string
	query   url.Values
	json    map[string]json.RawMessage
	form    url.Values
	raw     []byte
	header  http.Header
	base    string
	user    *User
	applied int
	effect  effect
}

// parseBody reads the parameters out of the body, by its content type.
func (q *request) parseBody() *apiError {
	kind, _, _ := mime.ParseMediaType(q.header.Get("Content-Type"))
	switch {
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		if len(bytes.TrimSpace(q.raw)) == 0 {
			return nil
		}
		if !json.Valid(q.raw) {
			e := fail(http.StatusBadRequest, "rest_invalid_json", "Invalid JSON body passed.")
			e.Data["json_error_code"] = 4
			e.Data["json_error_message"] = "Syntax error"
			return e
		}
		// A body that is JSON but not an object carries no named parameters.
		_ = json.Unmarshal(q.raw, &q.json)
	case kind == "application/x-www-form-urlencoded":
		q.form, _ = url.ParseQuery(string(q.raw))
	}
	return nil
}

// param returns a parameter as JSON: as sent in a JSON body, or the string of
// a form or query parameter, quoted.
func (q *request) param(name string) (json.RawMessage, bool) {
	if v, ok := q.json[name]; ok {
		return v, true
	}
	for _, from := range []url.Values{q.form, q.query} {
		if v, ok := from[name]; ok && len(v) > 0 {
			return mustJSON(v[len(v)-1]), true
		}
		if v, ok := from[name+"[]"]; ok {
			return mustJSON(v), true
		}
		if list := indexed(from, name); list != nil {
			return mustJSON(list), true
		}
	}
	return nil, false
}

// indexed collects PHP's name[0]=…&name[1]=….
func indexed(from url.Values, name string) []string {
	var list []string
	for i := 0; ; i++ {
		v, ok := from[name+"["+strconv.Itoa(i)+"]"]
		if !ok || len(v) == 0 {
			return list
		}
		list = append(list, v[0])
	}
}

func isNull(v json.RawMessage) bool { return bytes.Equal(bytes.TrimSpace(v), []byte("null")) }

// str reads a string parameter. null is refused, as core's schema does.
func (q *request) str(name string) (string, bool, *apiError) {
	v, ok := q.param(name)
	if !ok {
		return "", false, nil
	}
	var s string
	if json.Unmarshal(v, &s) != nil || isNull(v) {
		return "", false, invalidType(name, "string")
	}
	return s, true, nil
}

// integer reads an integer parameter; numeric strings count, as in core.
func (q *request) integer(name string) (int64, bool, *apiError) {
	v, ok := q.param(name)
	if !ok {
		return 0, false, nil
	}
	n, ok := asInteger(v)
	if !ok {
		return 0, false, invalidType(name, "integer")
	}
	return n, true, nil
}

func asInteger(v json.RawMessage) (int64, bool) {
	if isNull(v) {
		return 0, false
	}
	var n json.Number
	if json.Unmarshal(v, &n) == nil && n != "" {
		i, err := n.Int64()
		return i, err == nil
	}
	return 0, false
}

// boolean reads a boolean parameter; "true", "1", 1 and the like count.
func (q *request) boolean(name string) (bool, bool, *apiError) {
	v, ok := q.param(name)
	if !ok {
		return false, false, nil
	}
	switch strings.Trim(string(v), `"`) {
	case "true", "1":
		return true, true, nil
	case "false", "0", "":
		return false, true, nil
	}
	return false, false, invalidType(name, "boolean")
}

// integers reads a list of integers: an array, or "1,2 3".
func (q *request) integers(name string) ([]int64, bool, *apiError) {
	v, ok := q.param(name)
	if !ok {
		return nil, false, nil
	}
	var items []json.RawMessage
	if json.Unmarshal(v, &items) != nil {
		var s string
		if json.Unmarshal(v, &s) != nil {
			if n, ok := asInteger(v); ok {
				return []int64{n}, true, nil
			}
			return nil, false, invalidType(name, "array")
		}
		for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
			items = append(items, mustJSON(f))
		}
	}
	if isNull(v) {
		return nil, false, invalidType(name, "array")
	}
	list := make([]int64, 0, len(items))
	for i, item := range items {
		n, ok := asInteger(item)
		if !ok {
			return nil, false, invalidType(name+"["+strconv.Itoa(i)+"]", "integer")
		}
		list = append(list, n)
	}
	return list, true, nil
}

// words reads a list of strings: an array, or comma separated.
func (q *request) words(name string) ([]string, bool) {
	v, ok := q.param(name)
	if !ok {
		return nil, false
	}
	var list []string
	if json.Unmarshal(v, &list) == nil {
		return list, true
	}
	var s string
	_ = json.Unmarshal(v, &s)
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }), true
}

// rendered reads title, content and the like: a string or {"raw": …}.
func (q *request) rendered(name string) (string, bool, *apiError) {
	v, ok := q.param(name)
	if !ok {
		return "", false, nil
	}
	var s string
	if !isNull(v) && json.Unmarshal(v, &s) == nil {
		return s, true, nil
	}
	var o struct{ Raw *string }
	if isNull(v) || json.Unmarshal(v, &o) != nil {
		return "", false, invalidType(name, "object")
	}
	if o.Raw == nil {
		// Core takes nothing from an object without raw: "rendered" is ignored.
		return "", false, nil
	}
	return *o.Raw, true, nil
}

// instant reads a date-time: with a zone it is converted, without one it is
// the site's wall clock. It returns the site's wall clock.
func (q *request) instant(name string, zone *time.Location) (string, bool, *apiError) {
	s, ok, err := q.str(name)
	if err != nil || !ok {
		return "", false, err
	}
	if t, perr := time.Parse(time.RFC3339, s); perr == nil {
		return t.In(zone).Format(naive), true, nil
	}
	s = strings.Replace(s, " ", "T", 1)
	if _, perr := time.Parse(naive, s); perr != nil {
		return "", false, invalidParam(name, "Invalid date.")
	}
	return s, true, nil
}
