package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

// publishFlags are what the commands that end in an apply have in common.
type publishFlags struct {
	tables    []string
	overrides []string
	hash      string
	yes       bool
	detach    bool
	all       bool
}

func (p *publishFlags) bind(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&p.yes, "yes", false, "do not ask before publishing")
	c.Flags().BoolVar(&p.detach, "detach", false, "start it and do not wait")
	c.Flags().BoolVar(&p.all, "all", false, "show every change, not only the first "+strconv.Itoa(maxShownItems))
	return c
}

func publishCommand(f *clientFlags) *cobra.Command {
	var flags publishFlags
	c := &cobra.Command{
		Use:   "publish <snapshot>",
		Short: "Show what would change at the services, ask, and publish it",
		Long: `Collect what would change at the services, show every change as old → new, ask,
and publish exactly that. Ctrl-C while it runs leaves it running. Ends with 0
when every record was published, 1 when any was not.`,
		Args: cobra.ExactArgs(1),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			plan, err := makePlan(ctx, s, args[0], flags.tables)
			if err != nil {
				return err
			}
			return s.reviewAndApply(ctx, plan, flags)
		}),
	}
	c.Flags().StringSliceVar(&flags.tables, "table", nil, "publish this table only; again for more")
	flags.bind(c)
	c.AddCommand(planCommand(f), showPlanCommand(f), applyCommand(f), retryPlanCommand(f), resolveItemCommand(f))
	return c
}

func makePlan(ctx context.Context, s *session, snapshot string, tables []string) (api.Plan, error) {
	m, err := s.snapshot(ctx, snapshot)
	if err != nil {
		return api.Plan{}, err
	}
	ids, err := s.tableIDs(ctx, m.ID, tables)
	if err != nil {
		return api.Plan{}, err
	}
	return ask[api.Plan](ctx, s.client, http.MethodPost, snapshotPath(m.ID)+"/publish-plans", downloadBody{Tables: ids})
}

func planCommand(f *clientFlags) *cobra.Command {
	var flags publishFlags
	c := &cobra.Command{
		Use: "plan <snapshot>", Short: "Collect what a publish would change; nothing is sent", Args: cobra.ExactArgs(1),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			plan, err := makePlan(ctx, s, args[0], flags.tables)
			if err != nil {
				return err
			}
			return s.showPlan(ctx, plan, url.Values{}, flags.all)
		}),
	}
	c.Flags().StringSliceVar(&flags.tables, "table", nil, "plan this table only; again for more")
	c.Flags().BoolVar(&flags.all, "all", false, "show every change, not only the first "+strconv.Itoa(maxShownItems))
	return c
}

func showPlanCommand(f *clientFlags) *cobra.Command {
	var state, table, op string
	var every bool
	c := &cobra.Command{
		Use: "show <plan>", Short: "Show a plan and its items, with their outcomes", Args: cobra.ExactArgs(1),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			plan, err := get[api.Plan](ctx, s.client, planPath(args[0]))
			if err != nil {
				return err
			}
			query := url.Values{}
			for name, value := range map[string]string{"state": state, "op": op} {
				if value != "" {
					query.Set(name, value)
				}
			}
			if table != "" {
				t, err := s.table(ctx, plan.SnapshotID, table)
				if err != nil {
					return err
				}
				query.Set("table", t.ID)
			}
			return s.showPlan(ctx, plan, query, every)
		}),
	}
	c.Flags().StringVar(&state, "state", "", "only items that are planned, sending, applied, failed, conflict, unknown or skipped")
	c.Flags().StringVar(&table, "table", "", "only items of this table")
	c.Flags().StringVar(&op, "op", "", "only create, update or delete")
	c.Flags().BoolVar(&every, "all", false, "show every item, not only the first "+strconv.Itoa(maxShownItems))
	return c
}

func applyCommand(f *clientFlags) *cobra.Command {
	var flags publishFlags
	c := &cobra.Command{
		Use:   "apply <plan>",
		Short: "Publish exactly this plan",
		Long: `Publish exactly this plan. With --hash, the hash that was printed when you looked
at it, nobody is asked: it stands for what you saw.`,
		Args: cobra.ExactArgs(1),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			plan, err := get[api.Plan](ctx, s.client, planPath(args[0]))
			if err != nil {
				return err
			}
			if flags.hash != "" {
				plan.Hash = flags.hash
				return s.apply(ctx, plan, flags)
			}
			return s.reviewAndApply(ctx, plan, flags)
		}),
	}
	c.Flags().StringVar(&flags.hash, "hash", "", "hash of the plan you looked at")
	c.Flags().StringSliceVar(&flags.overrides, "override", nil, "id of an item to write over whatever the service holds now; again for more")
	return flags.bind(c)
}

func retryPlanCommand(f *clientFlags) *cobra.Command {
	var flags publishFlags
	c := &cobra.Command{
		Use: "retry <plan>", Short: "Make a plan of the failed items alone, show it, ask, and publish it", Args: cobra.ExactArgs(1),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			plan, err := ask[api.Plan](ctx, s.client, http.MethodPost, planPath(args[0])+"/retry-failed", nil)
			if err != nil {
				return err
			}
			return s.reviewAndApply(ctx, plan, flags)
		}),
	}
	return flags.bind(c)
}

// published is what --json prints of a publish.
type published struct {
	Plan     api.Plan           `json:"plan"`
	Job      *api.Job           `json:"job,omitempty"`
	Outcomes []api.TableOutcome `json:"outcomes"`
}

// reviewAndApply shows the plan, asks, and applies it: nothing is published
// that was not shown (Promise 3).
func (s *session) reviewAndApply(ctx context.Context, plan api.Plan, flags publishFlags) error {
	if plan.Counts.Creates+plan.Counts.Updates+plan.Counts.Deletes == 0 {
		return s.done(published{Plan: plan, Outcomes: []api.TableOutcome{}}, "Nothing to publish: no record differs from its service.")
	}
	if !s.json {
		if err := s.writePlan(ctx, s.out, plan, url.Values{}, flags.all); err != nil {
			return err
		}
	}
	question := "Publish " + countsLine(plan.Counts) + "?"
	later := "The plan stays as it is: 'scratch publish apply " + plan.ID + "' publishes it."
	if err := s.confirm(question, flags.yes, later); err != nil {
		return err
	}
	return s.apply(ctx, plan, flags)
}

func (s *session) apply(ctx context.Context, plan api.Plan, flags publishFlags) error {
	body := map[string]any{"hash": plan.Hash}
	if len(flags.overrides) > 0 {
		body["overrides"] = flags.overrides
	}
	accepted, err := ask[api.Accepted](ctx, s.client, http.MethodPost, planPath(plan.ID)+"/apply", body)
	if err != nil {
		return err
	}
	return s.after(ctx, accepted.Job, flags.detach, func(job api.Job, outcomes []api.TableOutcome) any {
		// The plan's counts have moved; a plan that cannot be read is shown as it was.
		if now, err := get[api.Plan](ctx, s.client, planPath(plan.ID)); err == nil {
			plan = now
		}
		return published{Plan: plan, Job: &job, Outcomes: outcomes}
	})
}

func resolveItemCommand(f *clientFlags) *cobra.Command {
	var happened, didNot bool
	var remoteID string
	c := &cobra.Command{
		Use:   "resolve <plan> <item> --happened|--did-not-happen",
		Short: "Say what became of an item whose answer was lost",
		Long: `Say what became of an item whose answer was lost, after looking at the service.
Of a create that happened, --remote-id names the object it made.`,
		Args: cobra.ExactArgs(2),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			if happened == didNot {
				return badInput("item.no_choice", "It is not said what became of the item.", "Look at the service, then give --happened or --did-not-happen.")
			}
			body := map[string]string{"choice": "did_not_happen"}
			if happened {
				body["choice"] = "happened"
			}
			if remoteID != "" {
				body["remote_id"] = remoteID
			}
			path := planPath(args[0]) + "/items/" + url.PathEscape(args[1]) + "/resolve"
			item, err := ask[api.Item](ctx, s.client, http.MethodPost, path, body)
			if err != nil {
				return err
			}
			return s.done(item, "Item %s is %s.", item.ID, item.State)
		}),
	}
	c.Flags().BoolVar(&happened, "happened", false, "the service has the change")
	c.Flags().BoolVar(&didNot, "did-not-happen", false, "the service does not have the change")
	c.Flags().StringVar(&remoteID, "remote-id", "", "of a create that happened: the object's id at the service")
	return c
}

// planView is what `publish plan` and `publish show` print with --json.
type planView struct {
	Plan  api.Plan   `json:"plan"`
	Items []api.Item `json:"items"`
}

func (s *session) showPlan(ctx context.Context, plan api.Plan, query url.Values, every bool) error {
	if !s.json {
		return s.writePlan(ctx, s.out, plan, query, every)
	}
	items, err := all[api.Item](ctx, s.client, planPath(plan.ID)+"/items", query)
	if err != nil {
		return err
	}
	return s.show(planView{plan, listed(items).Items}, func(io.Writer) error { return nil })
}

func countsLine(c models.PlanCounts) string {
	text := ""
	for _, one := range []struct {
		n    int64
		word string
	}{{c.Creates, "create"}, {c.Updates, "update"}, {c.Deletes, "delete"}} {
		if one.n == 0 {
			continue
		}
		if text != "" {
			text += ", "
		}
		text += counted(one.n, one.word)
	}
	if c.Blocked > 0 {
		text += fmt.Sprintf(" (%s blocked: not sent)", grouped(c.Blocked))
	}
	return text
}
