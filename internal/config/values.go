package config

import (
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// Role is what a process does.
type Role string

// The roles of a process.
const (
	RoleMonolith Role = "monolith"
	RoleFrontend Role = "frontend"
	RoleWorker   Role = "worker"
	RoleCron     Role = "cron"
)

// UnmarshalText takes one of the roles.
func (r *Role) UnmarshalText(text []byte) error {
	return oneOf(r, text, RoleMonolith, RoleFrontend, RoleWorker, RoleCron)
}

// Serves reports whether a process of this role does the work of another role:
// the monolith does all of it.
func (r Role) Serves(other Role) bool { return r == RoleMonolith || r == other }

// LogFormat is how log lines are written.
type LogFormat string

// The formats of log lines.
const (
	LogAuto LogFormat = "auto"
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// UnmarshalText takes one of the formats.
func (f *LogFormat) UnmarshalText(text []byte) error {
	return oneOf(f, text, LogAuto, LogText, LogJSON)
}

// LogLevel is the least severe level that is written.
type LogLevel string

// UnmarshalText takes one of the levels.
func (l *LogLevel) UnmarshalText(text []byte) error {
	return oneOf(l, text, "debug", "info", "warn", "error")
}

// Slog is the level as slog knows it.
func (l LogLevel) Slog() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l)); err != nil {
		return slog.LevelInfo // the zero value
	}
	return level
}

// Size is a number of bytes, written "500MB" or "2GiB".
type Size int64

// UnmarshalText takes a number with an optional unit.
func (s *Size) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n == 0 || n > math.MaxInt64 {
		return fmt.Errorf("%q is not a size such as 500MB or 2GiB", string(text))
	}
	*s = Size(n)
	return nil
}

// String is the size in the unit people would use.
func (s Size) String() string { return humanize.IBytes(uint64(max(s, 0))) }

// Share is a part of a whole, 0 to 1.
type Share float64

// UnmarshalText takes a number from 0 to 1.
func (s *Share) UnmarshalText(text []byte) error {
	n, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	if err != nil || !(n >= 0 && n <= 1) {
		return fmt.Errorf("%q is not a share from 0 to 1 such as 0.1", string(text))
	}
	*s = Share(n)
	return nil
}

func oneOf[T ~string](to *T, text []byte, allowed ...T) error {
	value := T(strings.ToLower(strings.TrimSpace(string(text))))
	if !slices.Contains(allowed, value) {
		names := make([]string, len(allowed))
		for i, a := range allowed {
			names[i] = string(a)
		}
		return fmt.Errorf("%q is none of %s", string(text), strings.Join(names, ", "))
	}
	*to = value
	return nil
}
