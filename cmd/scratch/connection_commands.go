package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/scratch-platform/scratch/api"
	"github.com/scratch-platform/scratch/models"
)

func connectionCommand(f *clientFlags) *cobra.Command {
	return parent("connection", "Credentials for the services you work with",
		&cobra.Command{Use: "list", Short: "List your connections", Args: cobra.NoArgs, RunE: f.run(listConnections)},
		addConnectionCommand(f),
		&cobra.Command{Use: "test <connection>", Short: "Try the credential at the service", Args: cobra.ExactArgs(1), RunE: f.run(testConnection)},
		&cobra.Command{Use: "tables <connection>", Short: "List the tables the connection can see", Args: cobra.ExactArgs(1), RunE: f.run(listRemoteTables)},
		changeConnectionCommand(f),
		&cobra.Command{Use: "remove <connection>", Short: "Forget a connection that no snapshot uses", Args: cobra.ExactArgs(1), RunE: f.run(removeConnection)},
	)
}

func listConnections(ctx context.Context, s *session, _ []string) error {
	items, err := all[api.Connection](ctx, s.client, connectionsPath, nil)
	if err != nil {
		return err
	}
	return s.show(listed(items), func(w io.Writer) error {
		if len(items) == 0 {
			_, err := fmt.Fprintln(w, "No connections yet. Add one with 'scratch connection add <service>'.")
			return err
		}
		t := columns{heads: []string{"ID", "SERVICE", "NAME", "STATE", "ACCOUNT", "PROBLEM"}, limits: []int{0, 16, 30, 16, 40, 60}}
		for _, c := range items {
			t.add(c.ID, c.Service, c.Name, string(c.State), c.Account, problemLine(c.Problem))
		}
		return t.write(w)
	})
}

const credentialHelp = `the service's credential as JSON: @file, or - to read it from standard input.
Without it a person at a terminal is asked, field by field`

func addConnectionCommand(f *clientFlags) *cobra.Command {
	var name, credential string
	c := &cobra.Command{
		Use:   "add <service>",
		Short: "Connect a service account; it is tested at once",
		Long: `Connect a service account; it is tested at once. A connection that fails its
test is kept with the reason, so that nothing typed is lost.

'scratch connectors' shows the services and the fields of their credentials.`,
		Example: `  scratch connection add wordpress --name Blog
  scratch connection add wordpress --name Blog --credential @blog.json`,
		Args: cobra.ExactArgs(1),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			return addConnection(ctx, s, args[0], name, credential)
		}),
	}
	c.Flags().StringVar(&name, "name", "", "what to call it; the service's name when absent")
	c.Flags().StringVar(&credential, "credential", "", credentialHelp)
	return c
}

// newConnection is the body of a create request.
type newConnection struct {
	Service    string          `json:"service"`
	Name       string          `json:"name"`
	Credential json.RawMessage `json:"credential"`
}

func addConnection(ctx context.Context, s *session, service, name, credential string) error {
	definition, err := s.connector(ctx, service)
	if err != nil {
		return err
	}
	sealed, err := s.credential(definition, credential)
	if err != nil {
		return err
	}
	if name == "" {
		name = definition.Title
	}
	made, err := ask[api.Connection](ctx, s.client, http.MethodPost, connectionsPath, newConnection{service, name, sealed})
	if err != nil {
		return err
	}
	return s.tested(made, "Connected")
}

// tested shows a connection after its test; one that failed it ends with 1.
func (s *session) tested(c api.Connection, word string) error {
	if err := s.show(c, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: %s (%s), %s%s\n", word, plain(c.Name), c.ID, c.State, account(c.Account))
		return err
	}); err != nil {
		return err
	}
	if c.Problem != nil {
		return withExit(exitFailed, c.Problem)
	}
	return nil
}

func account(name string) string {
	if name == "" {
		return ""
	}
	return ", as " + plain(name)
}

func (s *session) connector(ctx context.Context, service string) (api.Connector, error) {
	items, err := all[api.Connector](ctx, s.client, "/api/v1/connectors", nil)
	if err != nil {
		return api.Connector{}, err
	}
	return pick("connector", service, items, func(c api.Connector) named { return named{c.Service, []string{c.Title}} })
}

func changeConnectionCommand(f *clientFlags) *cobra.Command {
	var name, credential string
	c := &cobra.Command{
		Use:   "change <connection>",
		Short: "Rename a connection, or replace its credential",
		Args:  cobra.ExactArgs(1),
		RunE: f.run(func(ctx context.Context, s *session, args []string) error {
			return changeConnection(ctx, s, args[0], name, credential)
		}),
	}
	c.Flags().StringVar(&name, "name", "", "the new name")
	c.Flags().StringVar(&credential, "credential", "", "the new credential as JSON: @file, or - to read it from standard input")
	return c
}

func changeConnection(ctx context.Context, s *session, said, name, credential string) error {
	if name == "" && credential == "" {
		return badInput("connection.nothing_to_change", "Nothing to change was given.", "Give --name, --credential or both.")
	}
	c, err := s.connection(ctx, said)
	if err != nil {
		return err
	}
	body := map[string]any{}
	if name != "" {
		body["name"] = name
	}
	if credential != "" {
		if body["credential"], err = s.givenCredential(credential); err != nil {
			return err
		}
	}
	changed, err := ask[api.Connection](ctx, s.client, http.MethodPatch, connectionPath(c.ID), body)
	if err != nil {
		return err
	}
	return s.tested(changed, "Changed")
}

func testConnection(ctx context.Context, s *session, args []string) error {
	c, err := s.connection(ctx, args[0])
	if err != nil {
		return err
	}
	check, err := ask[api.Check](ctx, s.client, http.MethodPost, connectionPath(c.ID)+"/test", nil)
	if err != nil {
		return err
	}
	if err := s.show(check, func(w io.Writer) error { return writeCheck(w, c, check) }); err != nil {
		return err
	}
	if check.OK {
		return nil
	}
	if check.Problem == nil {
		return withExit(exitFailed, fmt.Errorf("connection %s does not work", c.ID))
	}
	return withExit(exitFailed, check.Problem)
}

func writeCheck(w io.Writer, c api.Connection, check api.Check) error {
	for _, step := range check.Steps {
		fmt.Fprintln(w, "  ok  "+plain(step))
	}
	for _, limit := range check.Cannot {
		fmt.Fprintln(w, "  --  "+plain(limit))
	}
	if !check.OK {
		_, err := fmt.Fprintf(w, "%s does not work.\n", plain(c.Name))
		return err
	}
	_, err := fmt.Fprintf(w, "%s works%s.\n", plain(c.Name), account(check.Account))
	return err
}

func listRemoteTables(ctx context.Context, s *session, args []string) error {
	c, err := s.connection(ctx, args[0])
	if err != nil {
		return err
	}
	items, err := all[api.RemoteTable](ctx, s.client, connectionPath(c.ID)+"/tables", nil)
	if err != nil {
		return err
	}
	return s.show(listed(items), func(w io.Writer) error {
		t := columns{heads: []string{"REMOTE ID", "NAME", "GROUP", "ROWS", "NOTE"}, limits: []int{50, 40, 30, 14, 60}}
		for _, r := range items {
			rows, note := "", ""
			if r.Rows != nil {
				rows = grouped(*r.Rows)
			}
			if r.ReadOnly {
				note = "read only: " + r.Why
			}
			t.add(r.RemoteID, r.Name, r.Group, rows, note)
		}
		return t.write(w)
	})
}

func removeConnection(ctx context.Context, s *session, args []string) error {
	c, err := s.connection(ctx, args[0])
	if err != nil {
		return err
	}
	if err := s.call(ctx, http.MethodDelete, connectionPath(c.ID), nil, nil); err != nil {
		return err
	}
	return s.done(removed{c.ID}, "Removed %s (%s).", plain(c.Name), c.ID)
}

// removed is what --json prints for a removal.
type removed struct {
	Removed string `json:"removed"`
}

// problemLine is a problem in one line of a table.
func problemLine(p *models.Problem) string {
	if p == nil {
		return ""
	}
	return p.Detail
}
