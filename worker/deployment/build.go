package deployment

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
)

// buildHash is how much of a hash tells two builds apart: 48 bits.
const buildHash = 12

// OwnBuildID names this program's build: its module version where it was built
// from a tagged or committed tree, else the commit it was made from (where that
// is known) and a hash of the program itself, so that two builds of changed
// trees never share a name.
func OwnBuildID() (string, error) {
	info, _ := debug.ReadBuildInfo()
	return buildID(info, hashOfProgram)
}

func buildID(info *debug.BuildInfo, hash func() (string, error)) (string, error) {
	var version, revision string
	if info != nil {
		version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	if version != "" && version != "(devel)" && !strings.HasSuffix(version, "+dirty") {
		return version, nil
	}
	own, err := hash()
	if err != nil {
		return "", err
	}
	if revision == "" {
		return "build-" + own, nil
	}
	return revision[:min(len(revision), buildHash)] + "-" + own, nil
}

func hashOfProgram() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program's file: %w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read this program's file: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("read this program's file: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil))[:buildHash], nil
}
