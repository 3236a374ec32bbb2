package csv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// Service is the connector's name in the registry.
const Service = "csv"

// TableID is the remote id of the one table a file has. It stays the same when
// another upload takes the file's place, so that a re-import is a download.
const TableID = "rows"

// pageRows and pageBytes bound a page, whichever comes first.
const (
	pageRows  = 1000
	pageBytes = 4 << 20
)

//nolint:gosec // a form that asks for an upload's id, no credential
const credentialSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "title": "CSV file",
  "required": ["upload_id"],
  "additionalProperties": false,
  "properties": {
    "upload_id": {
      "type": "string", "pattern": "^upl_[0-9a-z]{26}$", "format": "upload", "title": "File",
      "description": "The upload that holds the file. Put another upload's id here to import a newer version of it."
    }
  }
}`

const settingsSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "title": "How the file is read",
  "additionalProperties": false,
  "properties": {
    "identity": {
      "type": "array", "items": {"type": "string"}, "maxItems": 10, "uniqueItems": true, "title": "Identity columns",
      "description": "Columns that together tell the rows apart, so that a newer file updates them. Without, a newer file's rows are new ones."
    },
    "delimiter": {
      "type": "string", "enum": [",", ";", "\t", "|"], "title": "Delimiter",
      "description": "What stands between cells; found by itself when absent."
    },
    "encoding": {
      "type": "string", "enum": ["utf-8", "utf-16le", "utf-16be", "windows-1252", "iso-8859-1"], "title": "Encoding",
      "description": "How the file's text is written; UTF-8, or what the file's first bytes say, when absent."
    },
    "header": {
      "type": "boolean", "title": "First row is a header",
      "description": "Found by itself when absent."
    }
  }
}`

// Definition is the connector's entry in the registry.
func Definition() connectors.Definition {
	return connectors.Definition{
		Service:    Service,
		Title:      "CSV file",
		About:      "Tables from uploaded CSV files, of any size up to the server's limit.",
		Credential: json.RawMessage(credentialSchema),
		Settings:   json.RawMessage(settingsSchema),
		Limits: connectors.Limits{
			InFlight: 1, PageSize: pageRows, PagesAhead: 1,
			RequestTimeout: time.Minute,
		},
		Capabilities: connectors.CapabilitiesOf(&Connector{}),
		Cannot: []string{
			"write changes back into the uploaded file: export the table as a new one",
			"read spreadsheets (.xlsx, .ods): save them as CSV",
		},
		Open: open,
	}
}

// Connector reads one uploaded file.
type Connector struct {
	files  connectors.Files
	upload string
}

// What a CSV file can do.
var (
	_ connectors.Connector   = (*Connector)(nil)
	_ connectors.Validator   = (*Connector)(nil)
	_ connectors.TableLister = (*Connector)(nil)
	_ connectors.Describer   = (*Connector)(nil)
	_ connectors.Outliner    = (*Connector)(nil)
	_ connectors.AllReader   = (*Connector)(nil)
	_ connectors.IDLister    = (*Connector)(nil)
)

func open(deps connectors.Dependencies, credential json.RawMessage) (connectors.Connector, error) {
	var c struct {
		UploadID string `json:"upload_id"`
	}
	if err := json.Unmarshal(credential, &c); err != nil || !models.ValidID(models.PrefixUpload, c.UploadID) {
		return nil, fault(connectors.KindInvalid, "credential_invalid", "the credential names no upload",
			"Upload the file first, and put the upload's id into upload_id.")
	}
	if deps.Files == nil {
		return nil, fault(connectors.KindInternal, "no_files", "this process has no access to uploads", "")
	}
	return &Connector{files: deps.Files, upload: c.UploadID}, nil
}

// Service is "csv".
func (c *Connector) Service() string { return Service }

// Close has nothing to close: a file is open only while it is read.
func (c *Connector) Close() error { return nil }

func (c *Connector) open(ctx context.Context) (connectors.File, error) {
	file, err := c.files.Open(ctx, c.upload)
	if err == nil {
		return file, nil
	}
	if problem, ok := models.AsProblem(err); ok && problem.Kind == models.KindNotFound {
		e := fault(connectors.KindNotFound, "upload_gone", "the uploaded file is gone", "Upload the file again, and put the new upload's id into the connection.")
		e.Cause = err
		return nil, e
	}
	return nil, fmt.Errorf("open upload %s: %w", c.upload, err)
}

// Validate looks whether the file is there and is text.
func (c *Connector) Validate(ctx context.Context) (connectors.Account, error) {
	file, err := c.open(ctx)
	if err != nil {
		return connectors.Account{}, err
	}
	form, err := sniff(file, settings{})
	if err = errors.Join(err, file.Close()); err != nil {
		return connectors.Account{}, err
	}
	return connectors.Account{
		Name:  file.Name(),
		Steps: []string{"found the file", fmt.Sprintf("read its beginning as %s with %q between cells", form.encoding, form.comma)},
	}, nil
}

// ListTables gives the file as its one table.
func (c *Connector) ListTables(ctx context.Context) ([]connectors.TableInfo, error) {
	file, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	name := tableName(file.Name())
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("close upload %s: %w", c.upload, err)
	}
	return []connectors.TableInfo{{RemoteID: TableID, Name: name, Rows: -1}}, nil
}

func tableName(file string) string {
	name := strings.TrimSpace(strings.TrimSuffix(file, path.Ext(file)))
	if name == "" {
		return "CSV file"
	}
	return models.Bound(name, 200)
}

// Describe reads the whole file for its columns. Identity columns that do not
// tell the rows apart fail with KindInvalid, naming lines.
func (c *Connector) Describe(ctx context.Context, remoteID string, raw json.RawMessage) (connectors.Schema, error) {
	return c.describe(ctx, remoteID, raw, extent{})
}

// Outline reads the file's beginning for its columns.
func (c *Connector) Outline(ctx context.Context, remoteID string, raw json.RawMessage) (connectors.Schema, error) {
	return c.describe(ctx, remoteID, raw, extent{bytes: glanceBytes})
}

func (c *Connector) describe(ctx context.Context, remoteID string, raw json.RawMessage, of extent) (connectors.Schema, error) {
	if remoteID != TableID {
		e := fault(connectors.KindNotFound, "table_unknown", "a CSV file has one table", "Use the table id "+TableID+".")
		e.Table = remoteID
		return connectors.Schema{}, e
	}
	chosen, err := readSettings(raw)
	if err != nil {
		return connectors.Schema{}, err
	}
	file, err := c.open(ctx)
	if err != nil {
		return connectors.Schema{}, err
	}
	sheet, err := scan(ctx, file, chosen, of)
	if err = errors.Join(err, file.Close()); err != nil {
		return connectors.Schema{}, err
	}
	schema := connectors.Schema{
		RemoteID: TableID, Name: tableName(file.Name()),
		Columns: sheet.columns(), TitleColumn: sheet.title(), Settings: raw,
	}
	if !sheet.sampled {
		schema.Rows = sheet.rows
	}
	return schema, nil
}

// fault is an error about the file.
func fault(kind connectors.Kind, code, reason, hint string) *connectors.Error {
	return &connectors.Error{Kind: kind, Service: Service, Tried: "read the file", Code: code, Reason: reason, Hint: hint}
}

func faultAt(line int64, code, reason, hint string) *connectors.Error {
	e := fault(connectors.KindInvalid, code, fmt.Sprintf("line %d: %s", line, reason), hint)
	e.Record = fmt.Sprintf("line %d", line)
	return e
}
