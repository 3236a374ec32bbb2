package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/connectors"
)

func connectorsCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "connectors [service]",
		Short: "The services this build reaches: credentials, capabilities, limits",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			registry, err := newRegistry()
			if err != nil {
				return withExit(exitEnvironment, err)
			}
			shown := api.ShowConnectors(registry.Definitions())
			if len(args) == 1 {
				one, err := pick("connector", args[0], shown, func(c api.Connector) named { return named{c.Service, []string{c.Title}} })
				if err != nil {
					return err
				}
				shown = []api.Connector{one}
			}
			s := &session{json: asJSON, out: c.OutOrStdout(), err: c.ErrOrStderr()}
			return s.show(listed(shown), func(w io.Writer) error { return writeConnectors(w, shown) })
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON on standard output")
	return c
}

func writeConnectors(w io.Writer, list []api.Connector) error {
	for i, c := range list {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s (%s)\n  %s\n", plain(c.Title), plain(c.Service), plain(c.About))
		form, err := readForm(c.Credential)
		if err != nil {
			return fmt.Errorf("read the form of %s: %w", c.Service, err)
		}
		fmt.Fprintf(w, "  credential: %s\n", plain(strings.Join(form.names(), ", ")))
		if len(c.Settings) > 0 {
			settings, err := readForm(c.Settings)
			if err != nil {
				return fmt.Errorf("read the settings of %s: %w", c.Service, err)
			}
			fmt.Fprintf(w, "  table settings: %s\n", plain(strings.Join(settings.names(), ", ")))
		}
		fmt.Fprintf(w, "  can: %s\n", capabilityWords(c.Capabilities))
		fmt.Fprintf(w, "  limits: %s\n", limitWords(c.Limits))
		for _, no := range c.Cannot {
			fmt.Fprintf(w, "  cannot: %s\n", plain(no))
		}
	}
	return nil
}

func capabilityWords(c connectors.Capabilities) string {
	var words []string
	for _, one := range []struct {
		has  bool
		word string
	}{
		{c.ReadAll, "download"},
		{c.ReadSince, "download only what changed"},
		{c.Create, "create"},
		{c.Update, "update"},
		{c.Delete, "delete"},
		{c.FindCreated, "find a create whose answer was lost"},
	} {
		if one.has {
			words = append(words, one.word)
		}
	}
	return strings.Join(words, ", ")
}

func limitWords(l connectors.Limits) string {
	var words []string
	add := func(is bool, format string, args ...any) {
		if is {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(l.RequestsPerSecond > 0, "%g requests a second", l.RequestsPerSecond)
	add(l.InFlight > 0, "%d requests side by side", l.InFlight)
	add(l.PageSize > 0, "%d records a page", l.PageSize)
	add(l.CreateBatch > 0, "%d creates at once", l.CreateBatch)
	add(l.UpdateBatch > 0, "%d updates at once", l.UpdateBatch)
	add(l.DeleteBatch > 0, "%d deletes at once", l.DeleteBatch)
	if len(words) == 0 {
		return "none known"
	}
	return strings.Join(words, ", ")
}
