package main

import "github.com/spf13/cobra"

// clientCommands speak to a running server over its API, as anybody's own
// program would.
func clientCommands() []*cobra.Command {
	groups := []func(*clientFlags) *cobra.Command{
		connectionCommand, snapshotCommand, tableCommand, recordCommand, uploadCommand,
		downloadCommand, publishCommand, jobCommand, scheduleCommand, undoCommand, redoCommand,
	}
	commands := make([]*cobra.Command, 0, len(groups))
	for _, group := range groups {
		f := &clientFlags{}
		c := group(f)
		f.bind(c)
		commands = append(commands, c)
	}
	return commands
}

// parent is a command that only holds others; called alone it shows its help.
func parent(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(commands...)
	return c
}
