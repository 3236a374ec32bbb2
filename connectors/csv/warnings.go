package csv

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/scratch-platform/scratch/models"
)

// shownLines is how many lines a warning names.
const shownLines = 20

// lines are the places of one kind of oddity.
type lines struct {
	first []int64
	count int64
}

func (l *lines) add(line int64) {
	if len(l.first) < shownLines {
		l.first = append(l.first, line)
	}
	l.count++
}

// String names them: "lines 3, 7 and 2 more".
func (l *lines) String() string {
	texts := make([]string, len(l.first))
	for i, n := range l.first {
		texts[i] = strconv.FormatInt(n, 10)
	}
	word := "lines "
	if l.count == 1 {
		word = "line "
	}
	text := word + strings.Join(texts, ", ")
	if more := l.count - int64(len(l.first)); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// warnings gathers what a person should know of a file that is read all the
// same. Nothing it speaks of was dropped.
type warnings struct {
	doubled []models.FieldProblem
	long    lines
	short   lines
	loose   lines
	nul     lines
}

func (w *warnings) duplicate(line int64, name string) {
	w.doubled = append(w.doubled, models.FieldProblem{Field: name, Code: "duplicate_header", Detail: fmt.Sprintf("line %d names it again", line)})
}

func (w *warnings) row(r *rows, width int) {
	switch {
	case len(r.cells) > width:
		w.long.add(r.record)
	case len(r.cells) < width:
		w.short.add(r.record)
	}
	if r.loose {
		w.loose.add(r.record)
	}
	if r.nul {
		w.nul.add(r.record)
	}
}

// list gives the warnings, and forgets them.
func (w *warnings) list() []models.Problem {
	var all []models.Problem
	add := func(l *lines, code, detail, hint string) {
		if l.count > 0 {
			all = append(all, *models.NewProblem(models.KindInvalid, "csv."+code, fmt.Sprintf("%s: %s.", l.String(), detail), hint))
		}
	}
	if len(w.doubled) > 0 {
		all = append(all, *models.NewProblem(models.KindInvalid, "csv.duplicate_header",
			"Several columns have one name; the later ones got a number.", "Give each column a name of its own.").WithFields(w.doubled...))
	}
	add(&w.long, "ragged_long", "more cells than the header has; the cells beyond it are in columns of their own", "Look for a delimiter or quote too many on these lines.")
	add(&w.short, "ragged_short", "fewer cells than the header has; the missing ones are left out", "Look for a delimiter or quote missing on these lines.")
	add(&w.loose, "text_after_quote", "text follows a closing quote; it was kept as part of the cell", "Write two quotes where one is meant inside a cell.")
	add(&w.nul, "nul_character", "the character U+0000 cannot be stored and was replaced", "")
	*w = warnings{}
	return all
}
