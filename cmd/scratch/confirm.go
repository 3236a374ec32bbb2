package main

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/scratch-platform/scratch/models"
)

// confirm asks a person before something that cannot be taken back. Where
// nobody can answer, --yes must say so; silence is never consent.
func (s *session) confirm(question string, yes bool, otherwise string) error {
	if yes {
		return nil
	}
	if s.json || !onTerminal(s.in) {
		return badInput("client.not_confirmed", question+" Nobody is here to answer.", "Give --yes. "+otherwise)
	}
	fmt.Fprint(s.err, question+" [y/N] ")
	line, err := bufio.NewReader(s.in).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		if err == nil {
			return nil
		}
	}
	return withExit(exitFailed, models.NewProblem(models.KindConflict, "client.declined", "Not done: the answer was no.", otherwise))
}
