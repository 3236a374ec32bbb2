package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/scratch-platform/scratch/connectors/csv"
	"github.com/scratch-platform/scratch/models"
)

// Upload is a file a user sent.
type Upload struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Size      int64     `json:"size" doc:"Bytes."`
	SHA256    string    `json:"sha256"`
	CreatedAt time.Time `json:"created_at"`
}

func showUpload(u models.Upload) Upload {
	return Upload{ID: u.ID, Name: u.Name, Size: u.Size, SHA256: u.SHA256, CreatedAt: u.CreatedAt}
}

// UploadPath names an upload. Embedded, so exported: that is
// where huma looks.
type UploadPath struct {
	ID string `path:"id" maxLength:"64"`
}

type previewInput struct {
	UploadPath
	Settings string `query:"settings" maxLength:"20000" doc:"How to read the file, as JSON by the csv connector's settings schema; empty finds out."`
}

func (s *server) uploadRoutes(engine *gin.Engine) {
	s.stream(engine, route{method: http.MethodPost, path: "/api/v1/uploads", id: "create-upload", summary: "Send a file; it is kept as it is"}, s.describeUpload, s.createUpload)
	serve(s, route{method: http.MethodGet, path: "/api/v1/uploads", id: "list-uploads", summary: "Your uploads"}, s.listUploads)
	serve(s, route{method: http.MethodGet, path: "/api/v1/uploads/{id}", id: "get-upload", summary: "One upload"}, s.getUpload)
	serve(s, route{method: http.MethodGet, path: "/api/v1/uploads/{id}/preview", id: "preview-upload", summary: "The first rows, the columns found, and what is odd"}, s.previewUpload)
	serve(s, route{method: http.MethodDelete, path: "/api/v1/uploads/{id}", id: "delete-upload", summary: "Delete an upload that no connection uses", status: noContent}, s.deleteUpload)
}

// describeUpload documents createUpload.
func (s *server) describeUpload(op *huma.Operation) {
	op.RequestBody = &huma.RequestBody{
		Required: true, Description: "One file, in the first part that has a file name; other parts are passed over.",
		Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: &huma.Schema{
			Type: huma.TypeObject, Required: []string{"file"},
			Properties: map[string]*huma.Schema{"file": {Type: huma.TypeString, Format: "binary", Description: "At most the server's limit for uploads."}},
		}}},
	}
	op.Responses["201"] = &huma.Response{Description: "Created", Content: map[string]*huma.MediaType{"application/json": {Schema: documents[Upload](s)}}}
}

// createUpload streams the first file part of a multipart body to disk; it is
// never held in memory.
func (s *server) createUpload(c *gin.Context, actor models.Actor) {
	upload, err := s.receive(c, actor)
	if err != nil {
		s.answerError(c, err)
		return
	}
	c.JSON(http.StatusCreated, showUpload(upload))
}

func (s *server) receive(c *gin.Context, actor models.Actor) (models.Upload, error) {
	parts, err := c.Request.MultipartReader()
	if err != nil {
		return models.Upload{}, models.NewProblem(models.KindInvalid, "upload.not_multipart", "An upload is a multipart/form-data body with one file.",
			"For example: curl -F file=@posts.csv …/api/v1/uploads")
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return models.Upload{}, models.NewProblem(models.KindInvalid, "upload.no_file", "The upload holds no file.", "Send one part with a file name.")
		}
		if err != nil {
			return models.Upload{}, models.NewProblem(models.KindInvalid, "upload.broken", "The upload ended before it was whole.", "Send it again.").Because(err)
		}
		if part.FileName() == "" {
			continue
		}
		upload, err := s.Uploads.Save(c.Request.Context(), actor.OrganizationID, part.FileName(), part.Header.Get("Content-Type"), part)
		if err != nil {
			return models.Upload{}, err
		}
		if err := s.Store.Org(actor.OrganizationID).CreateUpload(c.Request.Context(), upload); err != nil {
			return models.Upload{}, errors.Join(err, s.Uploads.Remove(context.WithoutCancel(c.Request.Context()), upload))
		}
		return upload, nil
	}
}

func (s *server) listUploads(ctx context.Context, in *Paging) (*body[list[Upload]], error) {
	items, next, err := s.org(ctx).ListUploads(ctx, in.page())
	if err != nil {
		return nil, err
	}
	return listOf(items, next, showUpload), nil
}

func (s *server) getUpload(ctx context.Context, in *UploadPath) (*body[Upload], error) {
	u, err := s.org(ctx).Upload(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(showUpload(u)), nil
}

func (s *server) previewUpload(ctx context.Context, in *previewInput) (*body[csv.Sheet], error) {
	if _, err := s.org(ctx).Upload(ctx, in.ID); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, MaxServiceWait)
	defer cancel()
	file, err := s.Uploads.Files(actorOf(ctx).OrganizationID).Open(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	defer closeQuietly(ctx, s.Log, file)
	preview, err := csv.Preview(ctx, file, json.RawMessage(in.Settings))
	if err != nil {
		return nil, fmt.Errorf("preview upload %s: %w", in.ID, err)
	}
	return answer(preview), nil
}

func (s *server) deleteUpload(ctx context.Context, in *UploadPath) (*nothing, error) {
	u, err := s.org(ctx).DeleteUpload(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return nil, s.Uploads.Remove(ctx, u)
}
