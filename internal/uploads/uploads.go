package uploads

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

// Rows finds an upload's row for a tenant; the store implements it.
type Rows interface {
	Upload(ctx context.Context, organizationID, id string) (models.Upload, error)
}

// Folder keeps uploads in one folder, a sub-folder for each organization.
type Folder struct {
	Dir   string
	Limit int64 // bytes per file
	Rows  Rows
	Now   func() time.Time
}

// Save streams a file to disk. A file over the limit fails with
// "upload.too_large", an empty one with "upload.empty"; in every failure
// nothing is left behind.
func (f *Folder) Save(ctx context.Context, organizationID, name, contentType string, from io.Reader) (models.Upload, error) {
	upload := models.Upload{
		ID: models.NewID(models.PrefixUpload), OrganizationID: organizationID,
		Name: plainName(name), ContentType: models.Bound(contentType, 200), CreatedAt: f.Now().UTC(),
	}
	upload.Path = filepath.Join(organizationID, upload.ID)
	target := filepath.Join(f.Dir, upload.Path)
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return models.Upload{}, diskProblem(err)
	}
	size, sum, err := write(target, f.Limit, contextReader{ctx, from})
	if err != nil {
		return models.Upload{}, err
	}
	upload.Size, upload.SHA256 = size, sum
	return upload, nil
}

// incoming begins the names of files that are not whole yet.
const incoming = ".incoming-"

// write goes through a temporary file, so that a file under its own name is
// always whole.
func write(target string, limit int64, from io.Reader) (size int64, sum string, err error) {
	temp, err := os.CreateTemp(filepath.Dir(target), incoming+"*")
	if err != nil {
		return 0, "", diskProblem(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreClosed(temp.Close()), os.Remove(temp.Name()))
		}
	}()
	hash := sha256.New()
	size, err = io.Copy(io.MultiWriter(diskWriter{temp}, hash), io.LimitReader(from, limit+1))
	switch {
	case err != nil:
		return 0, "", broken(err)
	case size > limit:
		return 0, "", models.NewProblem(models.KindTooLarge, "upload.too_large",
			fmt.Sprintf("The file has more than %d bytes.", limit), "Split it, or have the operator raise SCRATCH_UPLOAD_LIMIT.")
	case size == 0:
		return 0, "", models.NewProblem(models.KindInvalid, "upload.empty", "The file is empty.", "Check that the export finished, then send it again.")
	}
	if err = temp.Sync(); err != nil {
		return 0, "", diskProblem(err)
	}
	if err = temp.Close(); err != nil {
		return 0, "", diskProblem(err)
	}
	if err = os.Rename(temp.Name(), target); err != nil {
		return 0, "", diskProblem(err)
	}
	return size, hex.EncodeToString(hash.Sum(nil)), nil
}

// Remove deletes an upload's file; one that is already gone is no error.
func (f *Folder) Remove(_ context.Context, upload models.Upload) error {
	err := os.Remove(filepath.Join(f.Dir, upload.Path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the file of upload %s: %w", upload.ID, err)
	}
	return nil
}

// Files opens one tenant's uploads and no other's (Promise 11).
func (f *Folder) Files(organizationID string) connectors.Files {
	return tenantFiles{folder: f, organization: organizationID}
}

type tenantFiles struct {
	folder       *Folder
	organization string
}

// Open fails with "upload.not_found" for an upload that is not the tenant's
// (Promise 11), and with "upload.file_missing" when the row is there but its file is not.
func (t tenantFiles) Open(ctx context.Context, id string) (connectors.File, error) {
	upload, err := t.folder.Rows.Upload(ctx, t.organization, id)
	if err != nil {
		return nil, err
	}
	opened, err := os.Open(filepath.Join(t.folder.Dir, upload.Path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, models.NewProblem(models.KindNotFound, "upload.file_missing", "The file of this upload is no longer there.", "Send it again.").Because(err)
	}
	if err != nil {
		return nil, fmt.Errorf("open upload %s: %w", id, err)
	}
	return file{File: opened, upload: upload}, nil
}

type file struct {
	*os.File
	upload models.Upload
}

func (f file) Size() int64  { return f.upload.Size }
func (f file) Name() string { return f.upload.Name }

// plainName keeps the last part of a client's file name, without control
// characters; it is a label and never a path.
func plainName(name string) string {
	name = filepath.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, name)
	if name == "" || name == "." || name == "/" {
		name = "upload"
	}
	return models.Bound(name, 200)
}

type contextReader struct {
	ctx  context.Context
	from io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(p)
}

// diskWriter marks errors of the disk, so that they are not taken for the
// client's.
type diskWriter struct{ file *os.File }

type diskError struct{ error }

func (e diskError) Unwrap() error { return e.error }

func (w diskWriter) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	if err != nil {
		return n, diskError{err}
	}
	return n, nil
}

func broken(err error) error {
	var disk diskError
	if errors.As(err, &disk) {
		return diskProblem(disk.error)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return models.NewProblem(models.KindInvalid, "upload.broken", "The upload ended before it was whole.", "Send it again.").Because(err)
}

func diskProblem(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return models.NewProblem(models.KindUnavailable, "store.disk_full", "The server's disk is full.", "Free space on the server, then send the file again.").Because(err)
	}
	return fmt.Errorf("write the upload to disk: %w", err)
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
