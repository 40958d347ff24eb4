package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// errDryRun rolls a transaction back.
var errDryRun = errors.New("dry run")

// dryRun calls f with the store in a transaction that is rolled back, so that the database
// itself says what would happen. Other writers wait meanwhile.
func dryRun(ctx context.Context, store *bunstore.Store, f func(context.Context, tenancy.Store) error) error {
	var failed error
	err := store.RunInTx(ctx, nil, func(ctx context.Context, _ bun.Tx, tenants tenancy.Store) error {
		failed = f(ctx, tenants)
		return errDryRun
	})
	if errors.Is(err, errDryRun) {
		return failed
	}
	return err
}

// dryRunFlag adds --dry-run.
func (a *app) dryRunFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.dryRun, "dry-run", false, "show what would be written, and write nothing: a transaction that is rolled back, for which other writers\nwait; needs the address of a database")
}

func (a *app) yesFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&a.yes, "yes", "y", false, "do not ask for the identifier")
}

func (a *app) keepFormerFlag(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&a.options.KeepFormer, "keep-former", 0, "for how long the identifier before a rename leads to the tenant, such as 2160h; use what the application uses\nwith WithKeepFormer (it is forgotten)")
}

// fields are the flags that say what a tenant is to be.
type fields struct {
	name, isolation, schema, metadata, urlFile string
}

func (f *fields) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "name", "", "the name for people")
	cmd.Flags().StringVar(&f.isolation, "isolation", "", "how its data is kept apart: row, schema, database or hybrid")
	cmd.Flags().StringVar(&f.schema, "schema-name", "", "its schema in a shared database")
	cmd.Flags().StringVar(&f.metadata, "metadata", "", "all of its metadata, as a JSON `object`")
	cmd.Flags().StringVar(&f.urlFile, "database-url-file", "", "`file` with the URL of its database, or - for standard input: other users see command lines")
}

// change returns what the flags that were given do to a tenant; nil if none was.
func (f *fields) change(cmd *cobra.Command, in io.Reader) (func(*tenancy.Tenant), error) {
	var changes []func(*tenancy.Tenant)
	on := func(flag string, change func(*tenancy.Tenant)) {
		if cmd.Flags().Changed(flag) {
			changes = append(changes, change)
		}
	}
	metadata, err := tenancy.ParseMetadata([]byte(f.metadata))
	if err != nil {
		return nil, err
	}
	var url tenancy.Secret
	if f.urlFile != "" {
		text, err := readFile(in, f.urlFile)
		if err != nil {
			return nil, err
		}
		if err := url.UnmarshalText(bytes.TrimSpace(text)); err != nil {
			return nil, err
		}
	}
	on("name", func(t *tenancy.Tenant) { t.Name = f.name })
	on("isolation", func(t *tenancy.Tenant) { t.Isolation = tenancy.Isolation(f.isolation) })
	on("schema-name", func(t *tenancy.Tenant) { t.SchemaName = f.schema })
	on("metadata", func(t *tenancy.Tenant) { t.Metadata = metadata })
	on("database-url-file", func(t *tenancy.Tenant) { t.DatabaseURL = url })
	if changes == nil {
		return nil, nil
	}
	return func(t *tenancy.Tenant) {
		for _, change := range changes {
			change(t)
		}
	}, nil
}

// readFile reads a file, or in for "-".
func readFile(in io.Reader, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(in)
	}
	return os.ReadFile(name)
}

func newCreate(a *app) *cobra.Command {
	var f fields
	var id, status string
	cmd := &cobra.Command{
		Use: "create IDENTIFIER", Short: "Create a tenant", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t := tenancy.Tenant{ID: id, Identifier: args[0], Name: args[0], Status: tenancy.Status(status)}
			change, err := f.change(cmd, a.in)
			if err != nil {
				return err
			}
			if change != nil {
				change(&t)
			}
			return a.write(cmd.Context(), func(ctx context.Context, store tenancy.Store) error {
				t, err := store.Create(ctx, t)
				if err != nil {
					return err
				}
				return printOne(a, a.tenants(), t)
			})
		},
	}
	f.flags(cmd)
	cmd.Flags().StringVar(&id, "id", "", "its ID (a new UUID)")
	cmd.Flags().StringVar(&status, "status", "", "its status (active)")
	a.dryRunFlag(cmd)
	return cmd
}

func newRename(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rename TENANT IDENTIFIER", Short: "Give a tenant another identifier", Args: cobra.ExactArgs(2), ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.modify(cmd.Context(), args[0], func(t *tenancy.Tenant) error {
				t.Identifier = args[1]
				return nil
			})
		},
	}
	a.keepFormerFlag(cmd)
	a.dryRunFlag(cmd)
	return cmd
}

// modify changes one tenant, and prints it.
func (a *app) modify(ctx context.Context, arg string, change func(*tenancy.Tenant) error) error {
	return a.write(ctx, func(ctx context.Context, store tenancy.Store) error {
		t, err := find(ctx, store, arg)
		if err != nil {
			return err
		}
		if t, err = tenancy.Modify(ctx, store, t.ID, change); err != nil {
			return err
		}
		return printOne(a, a.tenants(), t)
	})
}

func newSuspend(a *app) *cobra.Command {
	return newSetStatus(a, "suspend", "Suspend tenants: they are no longer served", tenancy.StatusSuspended)
}

func newActivate(a *app) *cobra.Command {
	return newSetStatus(a, "activate", "Activate tenants that are suspended, deleted or being set up", tenancy.StatusActive)
}

func newSetStatus(a *app, use, short string, status tenancy.Status) *cobra.Command {
	cmd := &cobra.Command{
		Use: use + " TENANT…", Short: short, Args: cobra.MinimumNArgs(1), ValidArgsFunction: a.completeTenants,
		Long: short + ". Several are changed together or not at all.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.write(cmd.Context(), func(ctx context.Context, store tenancy.Store) error {
				return a.setStatus(ctx, store, args, status)
			})
		},
	}
	a.dryRunFlag(cmd)
	return cmd
}

// setStatus changes all tenants in one write, and prints them.
func (a *app) setStatus(ctx context.Context, store tenancy.Store, args []string, status tenancy.Status) error {
	found, err := findAll(ctx, store, args)
	if err != nil {
		return err
	}
	if found, err = store.BulkUpdateStatus(ctx, idsOf(found), status); err != nil {
		return err
	}
	return printSome(a, a.tenants(), found)
}

func idsOf(tenants []tenancy.Tenant) (ids []string) {
	for _, t := range tenants {
		ids = append(ids, t.ID)
	}
	return ids
}

func newDelete(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete TENANT…", Short: "Mark tenants as deleted: they are no longer served, and keep their identifiers", Args: cobra.MinimumNArgs(1), ValidArgsFunction: a.completeTenants,
		Long: "Mark tenants as deleted: they are no longer served, and keep their identifiers. activate takes it back; purge\n" +
			"removes them. Several are changed together or not at all.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.write(cmd.Context(), func(ctx context.Context, store tenancy.Store) error {
				if err := a.confirmAll(ctx, store, "mark as deleted", args); err != nil {
					return err
				}
				return a.setStatus(ctx, store, args, tenancy.StatusDeleted)
			})
		},
	}
	a.yesFlag(cmd)
	a.dryRunFlag(cmd)
	return cmd
}

func newPurge(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "purge TENANT…", Short: "Remove tenants, whatever their status, with their names, for ever", Args: cobra.MinimumNArgs(1), ValidArgsFunction: a.completeTenants,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.write(cmd.Context(), func(ctx context.Context, store tenancy.Store) error {
				if err := a.confirmAll(ctx, store, "remove for ever", args); err != nil {
					return err
				}
				found, err := findAll(ctx, store, args)
				if err != nil {
					return err
				}
				for i, t := range found {
					if err := store.Purge(ctx, t.ID); err != nil {
						return errors.Join(err, printSome(a, a.tenants(), found[:i]))
					}
				}
				return printSome(a, a.tenants(), found)
			})
		},
	}
	a.yesFlag(cmd)
	a.dryRunFlag(cmd)
	return cmd
}

// confirmAll asks for the identifier of each tenant.
func (a *app) confirmAll(ctx context.Context, store tenancy.Store, what string, args []string) error {
	found, err := findAll(ctx, store, args)
	if err != nil {
		return err
	}
	for _, t := range found {
		if err := a.confirm(what, t); err != nil {
			return err
		}
	}
	return nil
}

func newMetadata(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "metadata", Short: "Show and change the metadata of a tenant"}
	get := &cobra.Command{
		Use: "get TENANT [KEY]", Short: "Print the metadata, or one member, as JSON", Args: cobra.RangeArgs(1, 2), ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(store tenancy.Source) error {
				t, err := find(cmd.Context(), store, args[0])
				if err == nil {
					err = t.Metadata.Err()
				}
				if err != nil {
					return err
				}
				text := t.Metadata.String()
				if len(args) == 2 {
					value, ok := t.Metadata.Get(args[1])
					if !ok {
						return fmt.Errorf("%w: metadata has no member %q", tenancy.ErrNotFound, args[1])
					}
					text = string(value)
				}
				_, err = fmt.Fprintln(a.out, text)
				return err
			})
		},
	}
	set := &cobra.Command{
		Use: "set TENANT KEY=VALUE…", Short: "Set members; a VALUE that is no JSON is a text", Args: cobra.MinimumNArgs(2), ValidArgsFunction: a.completeOne,
		Long: "Set members of the metadata, and leave the others as they are. A VALUE that is JSON is taken as that (12, true,\n" +
			"null, \"12\", [1]), any other as a text.",
		RunE: func(cmd *cobra.Command, args []string) error {
			var patch tenancy.Metadata
			for _, arg := range args[1:] {
				key, value, ok := strings.Cut(arg, "=")
				if !ok {
					return usageError{fmt.Errorf("%q is not KEY=VALUE", arg)}
				}
				var err error
				if patch, err = withMember(patch, key, value); err != nil {
					return err
				}
			}
			return a.write(cmd.Context(), func(ctx context.Context, store tenancy.Store) error {
				t, err := find(ctx, store, args[0])
				if err != nil {
					return err
				}
				if t, err = store.UpdateMetadata(ctx, t.ID, patch); err != nil {
					return err
				}
				return printOne(a, a.tenants(), t)
			})
		},
	}
	unset := &cobra.Command{
		Use: "unset TENANT KEY…", Short: "Remove members", Args: cobra.MinimumNArgs(2), ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.modify(cmd.Context(), args[0], func(t *tenancy.Tenant) error {
				t.Metadata = t.Metadata.Without(args[1:]...)
				return nil
			})
		},
	}
	a.dryRunFlag(set)
	a.dryRunFlag(unset)
	cmd.AddCommand(get, set, unset)
	return cmd
}

// withMember returns m with a member whose value is JSON, or else a text.
func withMember(m tenancy.Metadata, key, value string) (tenancy.Metadata, error) {
	if json.Valid([]byte(value)) {
		return m.With(key, json.RawMessage(value))
	}
	return m.With(key, value)
}
