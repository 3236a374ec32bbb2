package csv

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// previewRows is how many rows a preview shows.
const previewRows = 50

// Sheet is a file before it is imported: how it is read, its columns, its first
// rows as they stand, and what is odd about it. Of a large file only the beginning
// was read.
type Sheet struct {
	Encoding  string           `json:"encoding"`
	Delimiter string           `json:"delimiter"`
	Header    bool             `json:"header"`
	Columns   []models.Column  `json:"columns"`
	Rows      [][]string       `json:"rows"` // at most 50; cells cut at 1,000 bytes
	RowCount  int64            `json:"row_count" doc:"An estimate when sampled."`
	Sampled   bool             `json:"sampled" doc:"Only the file's beginning was read: the import settles the columns' kinds by the whole file."`
	Warnings  []models.Problem `json:"warnings"`
}

// Preview reads a file's beginning, at most about 16 MB of it, and fails with a
// *models.Problem of code "csv.<reason>" when it is none or the settings do not
// fit it.
func Preview(ctx context.Context, file connectors.File, rawSettings json.RawMessage) (Sheet, error) {
	chosen, err := readSettings(rawSettings)
	if err != nil {
		return Sheet{}, problem(err)
	}
	s, err := scan(ctx, file, chosen, extent{bytes: glanceBytes, first: previewRows})
	if err != nil {
		return Sheet{}, problem(err)
	}
	preview := Sheet{
		Encoding: s.form.encoding, Delimiter: string(rune(s.form.comma)), Header: s.form.header,
		Columns: s.columns(), Rows: s.first, RowCount: s.about(file.Size()), Sampled: s.sampled, Warnings: s.warnings.list(),
	}
	if preview.Rows == nil {
		preview.Rows = [][]string{}
	}
	if preview.Warnings == nil {
		preview.Warnings = []models.Problem{}
	}
	if s.sampled {
		preview.Warnings = append(preview.Warnings, *models.NewProblem(models.KindTooLarge, "csv.sampled",
			"Only the beginning of this large file was read: the number of rows is an estimate, and columns may turn out to be of another kind.",
			"The import reads the whole file and settles both."))
	}
	return preview, nil
}

// problem puts a file's fault as its uploader should read it: without the words
// that a connector's error has for services.
func problem(err error) error {
	e, ok := connectors.AsError(err)
	if !ok || e.Code == "" {
		return err
	}
	p := models.NewProblem(e.Problem().Kind, "csv."+e.Code, sentence(e.Reason), e.Hint)
	return p.WithFields(e.Fields...).Because(err)
}

func sentence(reason string) string {
	if reason == "" {
		return reason
	}
	return strings.ToUpper(reason[:1]) + reason[1:] + "." // reasons are ours: they begin in ASCII
}
