package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

// verdict turns the end of a job into the command's: 0 when all of it was done,
// 1 when it failed in whole or in part.
func verdict(job api.Job) error {
	if job.State == models.JobCompleted {
		return nil
	}
	hint := "Look at it with 'scratch job show " + job.ID + "'; run it again with 'scratch job retry " + job.ID + "'."
	if job.Kind == models.JobPublish {
		hint = "Look at the items with 'scratch publish show " + job.PlanID + "'; send the failed ones again with 'scratch publish retry " + job.PlanID + "'."
	}
	detail := "The " + string(job.Kind) + " ended as " + strings.ReplaceAll(string(job.State), "_", " ") + "."
	if job.Problem != nil {
		detail += " " + job.Problem.Detail
		if job.Problem.Hint != "" {
			hint = job.Problem.Hint + " " + hint
		}
	}
	return withExit(exitFailed, models.NewProblem(models.KindConflict, "job."+string(job.State), detail, hint))
}

func writeOutcomes(w io.Writer, job api.Job, outcomes []api.TableOutcome, names map[string]string) error {
	if len(outcomes) > 0 {
		list := columns{heads: []string{"TABLE", "STATE", "RESULT"}, limits: []int{40, 24, 120}}
		for _, o := range outcomes {
			list.add(nameOf(names, o.TableID), string(o.State), resultOf(o.Progress))
		}
		if err := list.write(w); err != nil {
			return err
		}
	}
	for _, o := range outcomes {
		if o.Problem != nil {
			writeProblem(w, nameOf(names, o.TableID), o.Problem)
		}
		for i := range o.Warnings {
			writeProblem(w, nameOf(names, o.TableID)+", note", &o.Warnings[i])
		}
	}
	_, err := fmt.Fprintf(w, "%s %s: %s\n", job.Kind, job.ID, strings.TrimSuffix(string(job.State)+", "+resultOf(job.Progress), ", "))
	return err
}

func nameOf(names map[string]string, id string) string {
	if name := names[id]; name != "" {
		return name
	}
	return id
}

func writeProblem(w io.Writer, where string, p *models.Problem) {
	fmt.Fprintf(w, "%s: %s (%s)\n", plain(where), fit(p.Detail, 2000), plain(p.Code))
	for _, f := range p.Fields {
		fmt.Fprintf(w, "    %s: %s\n", plain(f.Field), fit(f.Detail, 500))
	}
	if p.Hint != "" {
		fmt.Fprintf(w, "    %s\n", fit(p.Hint, 2000))
	}
}

// resultOf counts what was done, leaving out what was not.
func resultOf(p models.Progress) string {
	var parts []string
	for _, one := range []struct {
		n    int64
		word string
	}{
		{p.Created, "created"},
		{p.Updated, "updated"},
		{p.Deleted, "deleted"},
		{p.Unchanged, "unchanged"},
		{p.Failed, "failed"},
		{p.Conflicts, "in conflict"},
		{p.Unknown, "unknown"},
		{p.Skipped, "skipped"},
	} {
		if one.n > 0 {
			parts = append(parts, grouped(one.n)+" "+one.word)
		}
	}
	return strings.Join(parts, ", ")
}
