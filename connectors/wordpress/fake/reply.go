package fake

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// reply is an answer before it is sent, and before a fault has had its way
// with it.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	changes []Change
	rows    int
}

func newReply(status int, body []byte) *reply {
	return &reply{status: status, body: body, header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}}}
}

func jsonReply(status int, v any) *reply { return newReply(status, mustJSON(v)) }

func htmlReply(status int, body string) *reply {
	r := newReply(status, []byte(body))
	r.header.Set("Content-Type", "text/html; charset=UTF-8")
	return r
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("fake wordpress: a reply that is not JSON: " + err.Error())
	}
	return b
}

// apiError is WordPress's error document. Data always carries the status.
type apiError struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Data    map[string]any `json:"data"`
}

func (e *apiError) Error() string { return e.Code + ": " + e.Message }

func (e *apiError) status() int {
	if s, ok := e.Data["status"].(int); ok {
		return s
	}
	return http.StatusInternalServerError
}

func (e *apiError) reply() *reply { return jsonReply(e.status(), e) }

func fail(status int, code, message string) *apiError {
	return &apiError{Code: code, Message: message, Data: map[string]any{"status": status}}
}

// invalidParam is core's answer to a parameter that fails its schema.
func invalidParam(param, why string) *apiError {
	e := fail(http.StatusBadRequest, "rest_invalid_param", "Invalid parameter(s): "+param)
	e.Data["params"] = map[string]string{param: why}
	e.Data["details"] = map[string]any{param: map[string]any{"code": "rest_invalid_param", "message": why, "data": nil}}
	return e
}

func invalidType(param, want string) *apiError {
	why := param + " is not of type " + want + "."
	e := invalidParam(param, why)
	e.Data["details"] = map[string]any{param: map[string]any{"code": "rest_invalid_type", "message": why, "data": map[string]any{"param": param}}}
	return e
}

func missingParams(names ...string) *apiError {
	e := fail(http.StatusBadRequest, "rest_missing_callback_param", "Missing parameter(s)")
	e.Data["params"] = names
	return e
}

// forbidden picks 401 or 403 as rest_authorization_required_code does.
func forbidden(u *User, code, message string) *apiError {
	if u == nil {
		return fail(http.StatusUnauthorized, code, message)
	}
	return fail(http.StatusForbidden, code, message)
}

func noRoute() *apiError {
	return fail(http.StatusNotFound, "rest_no_route", "No route was found matching the URL and request method.")
}

func setTotals(r *reply, total, perPage int) {
	pages := 0
	if perPage > 0 {
		pages = (total + perPage - 1) / perPage
	}
	r.header.Set("X-WP-Total", strconv.Itoa(total))
	r.header.Set("X-WP-TotalPages", strconv.Itoa(pages))
}
