package devserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// record is what temporal.json holds: the server that runs on this data folder.
type record struct {
	PID      int      `json:"pid"`
	Frontend int      `json:"port"`
	UI       int      `json:"ui_port"`
	CLI      string   `json:"cli"`
	Settings []string `json:"settings"`
}

// readRecord reports false when there is none, or none that can be read: a
// record is a hint, the process behind it decides.
func readRecord(file string) (record, bool) {
	var r record
	text, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(text, &r) != nil {
		return record{}, false
	}
	return r, true
}

func (r record) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("record the running server: %w", err)
	}
	return replaceFile(file, append(text, '\n'))
}

// AddressFile is the name, below the data folder, of the file for scripts.
const AddressFile = "temporal-address"

// WriteAddress writes <dataDir>/temporal-address: exactly two lines, the
// server's address as host:port and the namespace, each ended by a newline.
//
//	temporal workflow list \
//	    --address "$(sed -n 1p .scratch/temporal-address)" \
//	    --namespace "$(sed -n 2p .scratch/temporal-address)"
//
// The file is there while the server runs and is healthy; a clean stop removes
// it.
func WriteAddress(dataDir, address, namespace string) error {
	return replaceFile(filepath.Join(dataDir, AddressFile), []byte(address+"\n"+namespace+"\n"))
}

// replaceFile writes beside and renames: a reader sees the old or the new text.
func replaceFile(file string, text []byte) error {
	unfinished := file + ".unfinished"
	if err := os.WriteFile(unfinished, text, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	if err := os.Rename(unfinished, file); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

func removeFile(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
