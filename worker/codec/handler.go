package codec

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"path"

	commonpb "go.temporal.io/api/common/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/scratch-platform/scratch/models"
)

const (
	// maxBody is what one request may hold. Temporal's own messages end at 4 MB,
	// which is under 6 MB in base64.
	maxBody = 8 << 20
	// maxPayloads bounds the work of one request.
	maxPayloads = 2000
)

// Handler answers POST …/decode and …/encode as Temporal's Web UI and CLI send
// them: {"payloads": […]} in, the same out.
type Handler struct {
	codec     *Codec
	authorize Authorize
	origin    string
}

// NewHandler returns the endpoint. Pages of uiOrigin ("http://127.0.0.1:8233") may
// call it across origins, no others; empty allows none. authorize decides about
// each request itself.
func NewHandler(c *Codec, uiOrigin string, authorize Authorize) *Handler {
	return &Handler{codec: c, authorize: authorize, origin: uiOrigin}
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.allowOrigin(w, r)
	action := h.action(r)
	switch {
	case action == nil:
		answer(w, http.StatusNotFound, models.NewProblem(models.KindNotFound, "codec.not_found",
			"there is no "+models.Bound(r.URL.Path, 100), "Use POST /codec/decode or POST /codec/encode."))
		return
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST, OPTIONS")
		answer(w, http.StatusMethodNotAllowed, models.NewProblem(models.KindInvalid, "codec.method",
			"only POST is answered here", "Use POST with {\"payloads\": […]}."))
		return
	}
	if err := h.authorize(r); err != nil {
		w.Header().Set("WWW-Authenticate", "Bearer")
		problem, ok := models.AsProblem(err)
		if !ok {
			problem = unauthorized("the request is not accepted")
		}
		answer(w, http.StatusUnauthorized, problem)
		return
	}
	payloads, status, problem := read(w, r)
	if problem != nil {
		answer(w, status, problem)
		return
	}
	converted, err := action(payloads)
	if err != nil {
		answer(w, http.StatusBadRequest, undecodable(err))
		return
	}
	body, err := protojson.Marshal(&commonpb.Payloads{Payloads: converted})
	if err != nil {
		answer(w, http.StatusInternalServerError, undecodable(err))
		return
	}
	header(w, "application/json")
	_, _ = w.Write(body)
}

func (h *Handler) action(r *http.Request) func([]*commonpb.Payload) ([]*commonpb.Payload, error) {
	switch path.Base(r.URL.Path) {
	case "decode":
		return h.codec.Decode
	case "encode":
		return h.codec.Encode
	}
	return nil
}

// allowOrigin lets the Temporal Web UI's pages read the answer, and nobody
// else's: a browser then keeps other sites' pages from it.
func (h *Handler) allowOrigin(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Origin")
	if h.origin == "" || r.Header.Get("Origin") != h.origin {
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", h.origin)
	w.Header().Set("Access-Control-Allow-Credentials", "true")
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Methods", "POST, OPTIONS")
		// X-Namespace is sent with every request, Authorization when the UI passes
		// its access token on.
		w.Header().Set("Access-Control-Allow-Headers", "Content-Type, X-Namespace, Authorization")
		w.Header().Set("Access-Control-Max-Age", "600")
	}
}

func read(w http.ResponseWriter, r *http.Request) ([]*commonpb.Payload, int, *models.Problem) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, http.StatusUnsupportedMediaType, models.NewProblem(models.KindInvalid, "codec.content_type",
			"the request is not application/json", "Send Content-Type: application/json.")
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, http.StatusRequestEntityTooLarge, models.NewProblem(models.KindTooLarge, "codec.too_large",
			"the request is over 8 MB", "Send fewer payloads at a time.")
	}
	if err != nil {
		return nil, http.StatusBadRequest, models.NewProblem(models.KindInvalid, "codec.unreadable",
			"the request ended before it was complete", "Send it again.").Because(err)
	}
	var message commonpb.Payloads
	if err := (protojson.UnmarshalOptions{RecursionLimit: 20}).Unmarshal(raw, &message); err != nil {
		// The parser's own words can quote the payload.
		return nil, http.StatusBadRequest, models.NewProblem(models.KindInvalid, "codec.invalid",
			"the request is not a list of payloads", "Send {\"payloads\": [{\"metadata\": {…}, \"data\": \"…\"}]} as the temporal CLI does.")
	}
	if len(message.Payloads) > maxPayloads {
		return nil, http.StatusRequestEntityTooLarge, models.NewProblem(models.KindTooLarge, "codec.too_large",
			"the request has more than 2,000 payloads", "Send fewer payloads at a time.")
	}
	return message.Payloads, 0, nil
}

func undecodable(err error) *models.Problem {
	if problem, ok := models.AsProblem(err); ok {
		return problem
	}
	return models.NewProblem(models.KindInternal, "codec.failed", "a payload could not be converted", "See the server's log.").Because(err)
}

// answer writes an RFC 9457 problem document.
func answer(w http.ResponseWriter, status int, problem *models.Problem) {
	header(w, "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status,
		"code": problem.Code, "detail": problem.Detail, "hint": problem.Hint,
	})
}

// header keeps decoded payloads out of caches and from being taken for a page.
func header(w http.ResponseWriter, contentType string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}
