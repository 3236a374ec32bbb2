package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// maxKeysetFile bounds what is read: a keyset of a hundred keys is under 40 KB.
const maxKeysetFile = 1 << 20

const fileHint = "Make sure the data directory can be written, and restore the keyset file from a backup if it was damaged; " +
	"without it, stored credentials cannot be read."

func readFile(path string) (*keyset.Handle, error) {
	tried := "open the keyset file " + path
	info, err := os.Stat(path)
	if err != nil {
		return nil, keysetError(tried, fileHint, err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, keysetError(tried, "Run `chmod 600 "+path+"`: the keys must be readable by their owner only.",
			fmt.Errorf("readable by others (mode %04o)", info.Mode().Perm()))
	}
	if info.Size() > maxKeysetFile {
		return nil, keysetError(tried, fileHint, fmt.Errorf("%d bytes is too large", info.Size()))
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, keysetError(tried, fileHint, err)
	}
	handle, err := parseKeyset(raw)
	if err != nil {
		return nil, keysetError(tried, fileHint, err)
	}
	return handle, nil
}

// createFile makes the keyset on the first start. Of two processes that start at
// once, one creates and both read the same keys.
func createFile(path string) error {
	handle, err := freshHandle()
	if err != nil {
		return keysetError("make a keyset", fileHint, err)
	}
	temp, err := writeTemp(path, handle)
	if err != nil {
		return err
	}
	defer os.Remove(temp) //nolint:errcheck // a second name of the file, or already gone
	// Link, not rename: it fails where the file exists and so never replaces keys.
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return keysetError("create the keyset file "+path, fileHint, err)
	}
	return syncDir(filepath.Dir(path))
}

func replaceFile(path string, handle *keyset.Handle) error {
	temp, err := writeTemp(path, handle)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		_ = os.Remove(temp)
		return keysetError("replace the keyset file "+path, fileHint, err)
	}
	return syncDir(filepath.Dir(path))
}

// writeTemp writes beside path, so that the file that gets the name is whole and
// on disk.
func writeTemp(path string, handle *keyset.Handle) (name string, err error) {
	tried := "write the keyset file " + path
	raw, err := encodeKeyset(handle)
	if err != nil {
		return "", keysetError(tried, fileHint, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", keysetError(tried, fileHint, err)
	}
	// CreateTemp makes the file with mode 0600.
	file, err := os.CreateTemp(filepath.Dir(path), ".keyset-*")
	if err != nil {
		return "", keysetError(tried, fileHint, err)
	}
	_, writeErr := file.Write(raw)
	syncErr := file.Sync()
	closeErr := file.Close()
	if err := errors.Join(writeErr, syncErr, closeErr); err != nil {
		_ = os.Remove(file.Name())
		return "", keysetError(tried, fileHint, err)
	}
	return file.Name(), nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return keysetError("save the directory "+path, fileHint, err)
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	if err := dir.Sync(); err != nil {
		return keysetError("save the directory "+path, fileHint, err)
	}
	return nil
}

// lockFile keeps two rotations apart: the second would drop the first's key, and
// with it every value written since.
func lockFile(path string) (unlock func(), err error) {
	lock := path + ".lock"
	file, err := os.OpenFile(lock, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, keysetError("lock the keyset file", "Another rotation is running; if none is, remove "+lock+" and try again.", err)
	}
	_ = file.Close()
	return func() { _ = os.Remove(lock) }, nil
}
