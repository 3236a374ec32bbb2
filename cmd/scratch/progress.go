package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

// Limits of what progress shows.
const (
	maxBars    = 12              // tables with a bar of their own; the total counts them all
	lineEvery  = 2 * time.Second // between two lines of progress where there is no terminal
	barRefresh = 150 * time.Millisecond
	labelWidth = 28
)

// progress shows a job as it goes: bars to a person at a terminal, plain lines
// to everything else. It never writes to standard output.
type progress interface {
	// job shows where the whole job stands.
	job(job api.Job)
	// table shows where one of its tables stands.
	table(id string, p models.Progress)
	// note is a line that stays.
	note(line string)
	stop()
}

// newProgress makes the display; names are what people call the tables.
func (s *session) newProgress(names map[string]string) progress {
	if onTerminal(s.err) {
		return newBars(s.err, names)
	}
	return &lines{w: s.err, now: s.now}
}

// lines is progress for logs and pipes.
type lines struct {
	w     io.Writer
	now   func() time.Time
	state models.JobState
	step  string
	why   string
	at    time.Time
	done  int64
}

func (l *lines) job(job api.Job) {
	moved := job.State != l.state || job.Progress.Step != l.step || job.WaitingWhy != l.why
	due := job.Progress.Done != l.done && l.now().Sub(l.at) >= lineEvery
	if !moved && !due {
		return
	}
	l.state, l.step, l.why, l.done, l.at = job.State, job.Progress.Step, job.WaitingWhy, job.Progress.Done, l.now()
	fmt.Fprintln(l.w, jobLine(job))
}

func (l *lines) table(string, models.Progress) {}
func (l *lines) note(line string)              { fmt.Fprintln(l.w, line) }
func (l *lines) stop()                         {}

// jobLine is a job in one line: "running: reading, 12,000 of 50,000 (24 %)".
func jobLine(job api.Job) string {
	line := string(job.State)
	if job.Progress.Step != "" && !job.Final {
		line += ": " + plain(job.Progress.Step)
	}
	if amount := amountOf(job.Progress); amount != "" {
		line += ", " + amount
	}
	return line + waiting(job)
}

func waiting(job api.Job) string {
	text := ""
	if job.WaitingWhy != "" {
		text += "; waits: " + fit(job.WaitingWhy, 300)
	}
	switch {
	case job.WaitingUntil != nil:
		text += ", until " + moment(job.WaitingUntil)
	case job.State == models.JobWaiting && job.Kind == models.JobDownload:
		text += " Answer with 'scratch job decide " + job.ID + " --table … --remove' or '--keep'."
	}
	if job.EngineAway {
		text += "; the workflow engine cannot be reached just now"
	}
	return text
}

// amountOf is how far it is, in words; empty before there is anything to say.
func amountOf(p models.Progress) string {
	switch {
	case p.Total > 0:
		return fmt.Sprintf("%s of %s (%d %%)", grouped(p.Done), grouped(p.Total), min(100, 100*p.Done/p.Total))
	case p.Done > 0:
		return grouped(p.Done) + " so far"
	default:
		return ""
	}
}

// bars is progress for a person at a terminal.
type bars struct {
	container *mpb.Progress
	names     map[string]string
	total     *bar
	tables    map[string]*bar
}

// bar is one line of the display; its text is read while it is drawn.
type bar struct {
	line *mpb.Bar
	text atomic.Pointer[string]
}

func newBars(w io.Writer, names map[string]string) *bars {
	b := &bars{names: names, tables: map[string]*bar{}}
	b.container = mpb.New(mpb.WithOutput(w), mpb.WithRefreshRate(barRefresh), mpb.WithAutoRefresh(), mpb.WithWidth(50))
	b.total = b.add("all")
	return b
}

// add makes a bar that never ends by itself: totals grow while a job runs.
func (b *bars) add(label string) *bar {
	made := &bar{}
	empty := ""
	made.text.Store(&empty)
	made.line = b.container.New(0, mpb.BarStyle().Lbound(" ").Rbound(" ").Filler("━").Tip("━").Padding("─"),
		mpb.PrependDecorators(decor.Name(fit(label, labelWidth), decor.WC{W: labelWidth, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return *made.text.Load() })),
	)
	return made
}

func (b *bar) set(p models.Progress, text string) {
	b.text.Store(&text)
	if p.Total > 0 {
		b.line.SetTotal(max(p.Total, p.Done), false)
		b.line.SetCurrent(p.Done)
	}
}

func (b *bars) job(job api.Job) { b.total.set(job.Progress, fit(jobLine(job), 100)) }

func (b *bars) table(id string, p models.Progress) {
	one, ok := b.tables[id]
	if !ok {
		if len(b.tables) == maxBars {
			return
		}
		name := b.names[id]
		if name == "" {
			name = id
		}
		one = b.add(name)
		b.tables[id] = one
	}
	text := amountOf(p)
	if p.Step != "" {
		text += "  " + plain(p.Step)
	}
	one.set(p, fit(text, 60))
}

func (b *bars) note(line string) { _, _ = io.WriteString(b.container, line+"\n") }

// stop leaves the bars as they stand.
func (b *bars) stop() {
	for _, one := range b.tables {
		one.line.Abort(false)
	}
	b.total.line.Abort(false)
	b.container.Wait()
}

// meter shows how much of a file has been sent; off a terminal it is silent.
type meter struct {
	container *mpb.Progress
	bar       *mpb.Bar
}

func (s *session) meter(label string, size int64) *meter {
	if !onTerminal(s.err) {
		return &meter{}
	}
	m := &meter{container: mpb.New(mpb.WithOutput(s.err), mpb.WithRefreshRate(barRefresh), mpb.WithWidth(50))}
	m.bar = m.container.AddBar(size,
		mpb.PrependDecorators(decor.Name(fit(label, labelWidth), decor.WC{W: labelWidth, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.CountersKibiByte("% .1f of % .1f")))
	return m
}

func (m *meter) reader(r io.Reader) io.Reader {
	if m.bar == nil {
		return r
	}
	return m.bar.ProxyReader(r)
}

func (m *meter) stop() {
	if m.bar == nil {
		return
	}
	m.bar.Abort(false)
	m.container.Wait()
}
