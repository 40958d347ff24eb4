package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func newSnapshot(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "snapshot", Short: "Snapshot files of replicas"}
	show := &cobra.Command{
		Use: "show FILE", Short: "Print the tenants of a snapshot file", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := replica.OpenFile(args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			sealer, err := a.keyring()
			if err != nil {
				return err
			}
			return printAll(a, a.fileTenants(), file.All(sealer))
		},
	}
	a.secretFlag(show)
	var maxAge time.Duration
	verify := &cobra.Command{
		Use: "verify FILE", Short: "Check a snapshot file, and with the address of a store whether it is of that store", Args: cobra.ExactArgs(1),
		Long: "Check a snapshot file: that it is whole, and with --max-age that it is not too old. With the address of a store,\n" +
			"that the store's change log knows the position of the file; a file of another database or of a history that\n" +
			"a restored backup has ended is not known. A file that is older than the log's retention cannot be told from\n" +
			"one. Exit code 10 if something is wrong.",
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := replica.OpenFile(args[0])
			var unreadable *fs.PathError
			if err != nil && !errors.As(err, &unreadable) {
				err = fmt.Errorf("%w: %w", errFound, err)
			}
			if err != nil {
				return err
			}
			defer file.Close()
			info := file.Info()
			shown := fileInfo{Position: info.Position, Current: info.Current, Tenants: info.Tenants, Names: info.Names}
			for _, err := range file.All(nil) {
				if err != nil {
					return fmt.Errorf("%w: %w", errFound, err)
				}
			}
			var wrong error
			if age := time.Since(info.Current); maxAge > 0 && age > maxAge {
				wrong = fmt.Errorf("%w: the tenants were current %s ago", errFound, age.Round(time.Second))
			}
			if a.address != "" {
				err := a.with(cmd.Context(), func(store tenancy.Source) error {
					_, err := store.Changes(cmd.Context(), info.Position, 1)
					return err
				})
				switch {
				case errors.Is(err, tenancy.ErrCompacted):
					wrong = errors.Join(wrong, fmt.Errorf("%w: the store does not know position %s", errFound, info.Position))
				case err != nil:
					return err
				}
				shown.Known = err == nil
			}
			return errors.Join(printOne(a, fileInfos, shown), wrong)
		},
	}
	verify.Flags().DurationVar(&maxAge, "max-age", 0, "how old the tenants may be, as the application has it in WithSnapshotFile; 0 for any age")
	cmd.AddCommand(show, verify)
	return cmd
}

// fileInfo is what a file says of itself.
type fileInfo struct {
	Position tenancy.Position `json:"position"`
	Current  time.Time        `json:"current"`
	Tenants  int              `json:"tenants"`
	Names    bool             `json:"names"`
	Known    bool             `json:"known_to_store"` // the store was asked, and knows the position
}

var fileInfos = view[fileInfo]{
	columns: []column[fileInfo]{
		{head: "POSITION", cell: func(i fileInfo) string { return i.Position.String() }},
		{head: "CURRENT", cell: func(i fileInfo) string { return shortTime(i.Current) }},
		{head: "TENANTS", cell: func(i fileInfo) string { return strconv.Itoa(i.Tenants) }},
		{head: "NAMES", cell: func(i fileInfo) string { return strconv.FormatBool(i.Names) }},
		{head: "KNOWN TO STORE", cell: func(i fileInfo) string { return strconv.FormatBool(i.Known) }},
	},
	name: func(i fileInfo) string { return i.Position.String() },
}

// fileTenants is how tenants of a file are printed.
func (a *app) fileTenants() view[replica.FileTenant] {
	tenants := a.tenants()
	var v view[replica.FileTenant]
	for _, c := range tenants.columns {
		v.columns = append(v.columns, column[replica.FileTenant]{head: c.head, cell: func(t replica.FileTenant) string { return c.cell(t.Tenant) }, wide: c.wide})
	}
	v.columns = append(v.columns, column[replica.FileTenant]{head: "NAMES", cell: func(t replica.FileTenant) string { return strings.Join(namesOf(t), " ") }})
	v.name = func(t replica.FileTenant) string { return tenants.name(t.Tenant) }
	v.json = func(t replica.FileTenant) any {
		return struct {
			Tenant any      `json:"tenant"`
			Names  []string `json:"names,omitempty"`
		}{tenants.value(t.Tenant), namesOf(t)}
	}
	return v
}

func namesOf(t replica.FileTenant) (names []string) {
	for _, k := range t.Names {
		names = append(names, string(k.Kind)+":"+k.Value)
	}
	return names
}
