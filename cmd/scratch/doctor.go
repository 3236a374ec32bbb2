package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/internal/config"
	"github.com/scratch-platform/scratch/models"
)

func doctorCommand() *cobra.Command {
	f := &localFlags{}
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check everything Scratch needs, and say what to do",
		Long: `Check everything Scratch needs, and say what to do about what is wrong. Nothing
is changed. Ends with 3 when something is broken.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return examine(c.Context(), f, f.session(c)) },
	}
	f.bind(c)
	return c
}

// verdicts of a check.
const (
	checkOK     = "ok"
	checkNote   = "note" // works; worth knowing
	checkBroken = "broken"
)

// check is one thing that was looked at.
type check struct {
	Name   string `json:"name"`
	State  string `json:"state"` // ok, note or broken
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

// report is what `doctor --json` prints.
type doctorReport struct {
	OK     bool    `json:"ok"`
	Checks []check `json:"checks"`
}

// checkTime bounds one check.
const checkTime = 10 * time.Second

// doctor collects what is found.
type doctor struct {
	settings config.Settings
	dev      devFiles
	checks   []check
}

func (d *doctor) ok(name, format string, args ...any) {
	d.checks = append(d.checks, check{Name: name, State: checkOK, Detail: fmt.Sprintf(format, args...)})
}

func (d *doctor) note(name, detail, hint string) {
	d.checks = append(d.checks, check{Name: name, State: checkNote, Detail: detail, Hint: hint})
}

func (d *doctor) broken(name, detail, hint string) {
	d.checks = append(d.checks, check{Name: name, State: checkBroken, Detail: detail, Hint: hint})
}

// failed takes an error; a problem brings its own hint.
func (d *doctor) failed(name, what string, err error, hint string) {
	detail := what + ": " + err.Error()
	if p, ok := models.AsProblem(err); ok {
		detail = what + ": " + p.Detail
		if p.Hint != "" {
			hint = p.Hint
		}
	}
	d.broken(name, models.Bound(detail, models.MaxProblemText), hint)
}

func examine(ctx context.Context, f *localFlags, s *session) error {
	d := &doctor{}
	d.lookAtSettings(f)
	d.dev = readDevFiles(d.settings.DataDir)
	for _, look := range []func(context.Context){
		d.lookAtFolders, d.lookAtDatabase, d.lookAtRedis, d.lookAtKeys, d.lookAtEngine, d.lookAtCLI, d.lookAtPorts,
		d.lookAtTraces, d.lookAtMetrics, d.lookAtServer,
	} {
		bounded, cancel := context.WithTimeout(ctx, checkTime)
		look(bounded)
		cancel()
		if ctx.Err() != nil {
			return withExit(exitEnvironment, ctx.Err())
		}
	}
	report := doctorReport{OK: true, Checks: d.checks}
	broken := 0
	for _, c := range d.checks {
		if c.State == checkBroken {
			report.OK = false
			broken++
		}
	}
	if err := s.show(report, func(w io.Writer) error { return writeReport(w, report) }); err != nil {
		return err
	}
	if broken == 0 {
		return nil
	}
	return withExit(exitEnvironment, models.NewProblem(models.KindUnavailable, "doctor.broken", counted(int64(broken), "thing")+" to mend.", "Do what stands beside each of them and run 'scratch doctor' again."))
}

func writeReport(w io.Writer, report doctorReport) error {
	for _, c := range report.Checks {
		if _, err := fmt.Fprintf(w, "%-7s %-16s %s\n", c.State, plain(c.Name), plain(c.Detail)); err != nil {
			return err
		}
		if c.Hint != "" {
			fmt.Fprintf(w, "%-24s → %s\n", "", plain(c.Hint))
		}
	}
	return nil
}
