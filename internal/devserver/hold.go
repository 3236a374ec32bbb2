package devserver

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrInUse says that another live process runs a server on the data folder.
var ErrInUse = errors.New("the data folder is in use by another process")

// holdDataDir keeps a second process from the same state. The system drops the
// lock when we die, however we die.
func holdDataDir(o Options) (release func(), err error) {
	if o.DataDir == "" {
		return func() {}, nil
	}
	file, err := os.OpenFile(o.file("temporal.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder %s: %w", o.DataDir, err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s; stop the other one, or choose another folder", ErrInUse, o.DataDir)
		}
		return nil, fmt.Errorf("lock the data folder %s: %w", o.DataDir, err)
	}
	return func() { _ = file.Close() }, nil
}
