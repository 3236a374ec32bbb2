package wordpress

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// wpError is WordPress's error document. Its messages are translated; only the
// code is stable.
type wpError struct {
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
}

type wpErrorData struct {
	Status  int                        `json:"status"`
	Params  json.RawMessage            `json:"params"`
	Details map[string]json.RawMessage `json:"details"`
	TermID  json.Number                `json:"term_id"`
}

func parseError(body []byte) (wpError, wpErrorData, bool) {
	var e wpError
	var d wpErrorData
	// A PHP notice may stand before the document.
	for start := 0; start < len(body); start++ {
		if body[start] == '{' && json.Unmarshal(body[start:], &e) == nil && e.Code != "" {
			_ = json.Unmarshal(e.Data, &d) // data may be null, a list or a text
			return e, d, true
		}
		if start > 4096 {
			break
		}
	}
	return wpError{}, wpErrorData{}, false
}

// Hints that several codes share.
const (
	hintReconnect = "Make a new application password under Users → Profile in WordPress, and enter it in this connection."
	hintRights    = "Ask an administrator of the site for the right, or connect an account with a higher role."
	hintStripped  = "Check user name and application password first: with some plugins the site answers a wrong one like this. If they are right, its web server drops the Authorization header. Under Apache with CGI or FastCGI add `SetEnvIf Authorization \"(.*)\" HTTP_AUTHORIZATION=$1` to .htaccess; else ask the host to pass the header on to PHP, or look for a security plugin that removes it."
)

// explain corrects an error by the site's own word on it.
func explain(answer *connectors.HTTPAnswer, e *connectors.Error) {
	refine(answer.Status, answer.Body, e)
	if e.Status == http.StatusNotAcceptable || e.Status == http.StatusForbidden && e.Code == "" {
		e.Kind = connectors.KindUnavailable // mod_security and its like
	}
	if e.Kind == connectors.KindNotFound && e.Code == "" {
		// An HTML 404: the host or the theme answers in WordPress's place. It
		// says nothing about the table or the record.
		e.Kind, e.Code = connectors.KindUnavailable, "answer_html"
		e.Hint = "The site's REST API does not answer. Save Settings → Permalinks once in WordPress, and look for a plugin or firewall rule that blocks /wp-json/."
	}
}

// refine types an error document, of a whole answer or of one item of a batch.
func refine(status int, body []byte, e *connectors.Error) {
	doc, data, ok := parseError(body)
	if !ok {
		return
	}
	e.Code, e.Words = doc.Code, doc.Message
	switch status {
	case http.StatusUnauthorized:
		refineUnauthorized(e)
	case http.StatusForbidden:
		e.Kind, e.Hint = connectors.KindPermission, hintRights
	case http.StatusNotFound:
		e.Kind = connectors.KindNotFound
		if doc.Code == "rest_no_route" {
			e.Hint = "The site no longer offers this table: a plugin that made it may be switched off."
		}
	case http.StatusGone:
		e.Kind = connectors.KindNotFound
	case http.StatusNotImplemented:
		e.Kind = connectors.KindUnsupported
		e.Hint = "The site has no trash for this. Nothing was deleted; switch the trash on (EMPTY_TRASH_DAYS), or delete it in WordPress."
	case http.StatusBadRequest:
		refineInvalid(e, data)
	case http.StatusInternalServerError:
		// Core gives 500 to errors that have no status of their own. These are
		// raised before anything is written.
		switch doc.Code {
		case "db_insert_error", "db_update_error":
			e.Kind = connectors.KindInvalid
			e.Hint = "The site's database refused the values: one is too long, or holds a character it cannot store."
		case "empty_term_name", "empty_content", "invalid_taxonomy", "invalid_term", "missing_parent", "duplicate_term_slug", "rest_upload_unknown_error":
			e.Kind, e.Column = connectors.KindInvalid, columnOf[doc.Code]
		}
	}
}

// codeStripped is for answers as to an anonymous visitor.
const codeStripped = "authorization_stripped"

func refineUnauthorized(e *connectors.Error) {
	e.Kind = connectors.KindAuth
	switch e.Code {
	case "incorrect_password", "invalid_username", "invalid_email", "invalid_application_password":
		e.Hint = hintReconnect
	case "application_passwords_disabled", "application_passwords_disabled_for_user":
		e.Hint = "Application passwords are switched off at this site. They need https, and a security plugin may have disabled them."
	default:
		// The credential is on every request, so whoever is told to log in was
		// not seen with it: the host has dropped the header.
		e.Code = codeStripped
		e.Reason = "the site answered as to an anonymous visitor"
		e.Hint = hintStripped
	}
}

// columnOf names the column that an error code is about.
var columnOf = map[string]string{
	"rest_invalid_author": "author", "rest_invalid_featured_media": "featured_media", "empty_content": "title",
	"empty_term_name": "name", "missing_parent": "parent", "duplicate_term_slug": "slug", "rest_post_invalid_id": "parent",
	"rest_taxonomy_not_hierarchical": "parent", "rest_term_invalid": "parent", "rest_invalid_field": "sticky",
}

func refineInvalid(e *connectors.Error, data wpErrorData) {
	e.Kind, e.Column = connectors.KindInvalid, columnOf[e.Code]
	var named map[string]string
	var missing []string
	switch {
	case json.Unmarshal(data.Params, &named) == nil:
		for _, param := range slices.Sorted(maps.Keys(named)) {
			e.Fields = append(e.Fields, models.FieldProblem{Field: param, Code: detailCode(data.Details[param]), Detail: models.Bound(named[param], connectors.MaxServiceWords)})
		}
	case json.Unmarshal(data.Params, &missing) == nil:
		for _, param := range missing {
			e.Fields = append(e.Fields, models.FieldProblem{Field: param, Code: e.Code, Detail: "is missing"})
		}
	}
	if e.Code == "term_exists" {
		e.Record = data.TermID.String() // the one to adopt
	}
	if len(e.Fields) > 0 {
		e.Column = e.Fields[0].Field
	}
	if e.Code == "rest_cannot_publish" || strings.HasPrefix(e.Code, "rest_cannot_") {
		e.Kind, e.Hint = connectors.KindPermission, hintRights
	}
}

func detailCode(raw json.RawMessage) string {
	var detail struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(raw, &detail) // a detail of another form has no code
	return detail.Code
}

// forbiddenStatus recognises the answer to a status filter beyond one's rights.
func forbiddenStatus(err error) bool {
	e, ok := connectors.AsError(err)
	if !ok || e.Code != "rest_invalid_param" {
		return false
	}
	return slices.ContainsFunc(e.Fields, func(f models.FieldProblem) bool { return f.Field == "status" && f.Code == "rest_forbidden_status" })
}

func hasCode(err error, codes ...string) bool {
	e, ok := connectors.AsError(err)
	return ok && slices.Contains(codes, e.Code)
}

func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil || string(b) == "null" {
		return ""
	}
	return string(b)
}
