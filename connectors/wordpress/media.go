package wordpress

import (
	"context"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/scratch-platform/scratch/connectors"
)

// UploadMedia stores a file in the site's media library and gives its id. Its
// name may hold any characters. When it fails there is no id, so nothing can
// refer to a file that is not there; with KindAmbiguous the file may be there,
// and unused.
func (c *Connector) UploadMedia(ctx context.Context, name, contentType string, data []byte) (id string, err error) {
	schema := connectors.Schema{RemoteID: "media", Columns: mediaColumns()}
	if contentType == "" {
		contentType = mime.TypeByExtension(path.Ext(name))
	}
	answer, err := c.do(ctx, route("media"), connectors.HTTPRequest{
		Method: http.MethodPost, Raw: data, ContentType: contentType, Tried: "upload " + name, Table: "media",
		Query:  url.Values{"_fields": {"id"}},
		Header: http.Header{"Content-Disposition": {disposition(name)}},
	})
	if err != nil {
		return "", err
	}
	r, err := planRows(schema, true).one(answer.Body)
	if err != nil {
		return "", &connectors.Error{Kind: connectors.KindAmbiguous, Service: Service, Tried: "upload " + name, Table: "media", Code: "answer_unexpected", Cause: err}
	}
	return r.record.RemoteID, nil
}

// disposition names the file by its last path element. WordPress reads the
// header by hand and knows filename= alone, in UTF-8 as it is.
func disposition(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == '"' || r == ';' || r == 0x7f {
			return '-'
		}
		return r
	}, path.Base(strings.ReplaceAll(name, "\\", "/")))
	return `attachment; filename="` + name + `"`
}
