package bench

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// figures collects what the run measured, in the order it did.
var figures report

type report struct {
	mu    sync.Mutex
	lines []figure
}

// figure is one line: what was measured, and, where there is one, the budget it
// is held against.
type figure struct {
	subject string
	what    string
	value   string
	budget  string
	missed  bool
}

// note records a figure without a budget.
func (r *report) note(subject, what, value string) {
	r.add(figure{subject: subject, what: what, value: value})
}

// atLeast records a figure that must not be lower than its budget.
func (r *report) atLeast(subject, what string, value, budget float64, unit string) {
	r.add(figure{subject, what, number(value) + unit, "≥ " + number(budget) + unit, value < budget})
}

// atMost records a figure that must not be higher than its budget.
func (r *report) atMost(subject, what string, value, budget float64, unit string) {
	r.add(figure{subject, what, number(value) + unit, "≤ " + number(budget) + unit, value > budget})
}

func (r *report) add(f figure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, f)
	fmt.Println(f) // as it comes: a whole run takes half an hour
}

func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func (f figure) verdict() string {
	switch {
	case f.budget == "":
		return ""
	case f.missed:
		return "MISSED"
	default:
		return "met"
	}
}

// String is the line a person sees while the run goes on.
func (f figure) String() string {
	line := fmt.Sprintf("%-9s %s: %s: %s", f.verdict(), f.subject, f.what, f.value)
	if f.budget != "" {
		line += " (budget " + f.budget + ")"
	}
	return line
}

// missed counts the budgets that were not met.
func (r *report) missed() (n int) {
	for _, f := range r.lines {
		if f.missed {
			n++
		}
	}
	return n
}

// markdown is the report as docs/performance.md holds it.
func (r *report) markdown(load string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "Measured %s on %s. Load average before and after: %s.\n\n",
		time.Now().UTC().Format("2006-01-02 15:04 MST"), machine(), load)
	s.WriteString("| what | measured | budget | |\n|---|---|---|---|\n")
	subject := ""
	for _, f := range r.lines {
		if f.subject != subject {
			subject = f.subject
			fmt.Fprintf(&s, "| **%s** | | | |\n", subject)
		}
		fmt.Fprintf(&s, "| %s | %s | %s | %s |\n", strings.ReplaceAll(f.what, "|", `\|`), f.value, f.budget, f.verdict())
	}
	return s.String()
}

func machine() string {
	name := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	memory := ""
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kb int
		if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kb); err == nil {
			memory = fmt.Sprintf(", %d GB", (kb+1<<19)>>20)
		}
	}
	return fmt.Sprintf("%d × %s%s, %s %s", runtime.NumCPU(), name, memory, runtime.GOOS, runtime.Version())
}

// loadAverage is the machine's load now: what else ran beside the benchmarks
// shows here.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(text), " ")
	return one
}

// The places in docs/performance.md between which the report stands.
const (
	performance = "../docs/performance.md"
	beginMark   = "<!-- figures: written by make bench -->"
	endMark     = "<!-- end of figures -->"
)

// write puts the report into docs/performance.md.
func (r *report) write(load string) error {
	text, err := os.ReadFile(performance)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), beginMark)
	_, after, ends := strings.Cut(rest, endMark)
	if !ok || !ends {
		return fmt.Errorf("%s lacks the marks that the figures stand between", performance)
	}
	return os.WriteFile(performance, []byte(before+beginMark+"\n"+r.markdown(load)+endMark+after), 0o644)
}

func TestMain(m *testing.M) {
	if program, ok := children[os.Getenv(childVariable)]; ok {
		if err := program(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	before := loadAverage()
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	if len(figures.lines) > 0 {
		load := before + " and " + loadAverage()
		fmt.Printf("\n%s\n", figures.markdown(load))
		if whole() && code == 0 {
			if err := figures.write(load); err != nil {
				fmt.Fprintln(os.Stderr, "bench:", err)
				code = 1
			}
		}
		if n := figures.missed(); n > 0 {
			fmt.Fprintf(os.Stderr, "bench: %d budgets missed\n", n)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// whole reports whether this run measures everything at full size: only that
// goes into the docs.
func whole() bool {
	wanted := flag.Lookup("test.bench")
	return wanted != nil && wanted.Value.String() == "." && share() == 1
}

// share is the part of the full size to run at, for trying the benchmarks
// themselves: SCRATCH_BENCH_SHARE=0.1.
func share() float64 {
	if part, err := strconv.ParseFloat(os.Getenv("SCRATCH_BENCH_SHARE"), 64); err == nil && part > 0 {
		return part
	}
	return 1
}

// sized is a number of records at this run's size.
func sized(full int) int { return max(1000, int(float64(full)*share())) }

// quantile is the value that a share of the samples does not exceed.
func quantile(samples []time.Duration, share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// median is the middle of some ratios; one odd round decides nothing.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// process starts a command that ends with this one.
func process(b testing.TB, cmd *exec.Cmd) {
	b.Helper()
	dieWithUs(cmd)
	if err := cmd.Start(); err != nil {
		b.Fatalf("start %s: %v", cmd.Path, err)
	}
}
