package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/go-tenancy/tenantstore/cmd/internal/address"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func newMigrate(a *app) *cobra.Command {
	var printed bool
	cmd := &cobra.Command{
		Use: "migrate", Short: "Create the schema, or bring it up to date; repair triggers", Args: cobra.NoArgs,
		Long: "Create the schema, or bring it up to date, and repair its triggers. It may be run at any time. No other command\n" +
			"changes the schema.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if printed {
				text, err := address.DDL(a.address, a.options)
				if err != nil {
					return err
				}
				_, err = fmt.Fprint(a.out, text)
				return err
			}
			a.options.Migrate = true
			return a.with(cmd.Context(), func(store tenancy.Source) error {
				if _, err := sqlStore(store); err != nil {
					return err
				}
				fmt.Fprintln(a.errs, "The schema is up to date.")
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&printed, "print", false, "print the statements that create the schema, and do nothing")
	return cmd
}

// count is a number of tenants that something was done to.
type count struct {
	Tenants int `json:"tenants"`
}

var counts = view[count]{
	columns: []column[count]{{head: "TENANTS", cell: func(c count) string { return strconv.Itoa(c.Tenants) }}},
	name:    func(c count) string { return strconv.Itoa(c.Tenants) },
}

func newReseal(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "reseal", Short: "Seal all database URLs with the newest key", Args: cobra.NoArgs,
		Long: "Seal all database URLs with the newest key of --keys: those that are plain, and those that an older key has\n" +
			"sealed. It may be interrupted and run again. When it has succeeded, and all processes have the new key, the\n" +
			"older ones can go.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(store tenancy.Source) error {
				database, err := sqlStore(store)
				if err != nil {
					return err
				}
				if a.options.Sealer == nil {
					return usageError{errors.New("reseal needs keys: use --keys or " + keysVariable)}
				}
				n, err := database.Reseal(cmd.Context())
				return errors.Join(printOne(a, counts, count{n}), err)
			})
		},
	}
}
