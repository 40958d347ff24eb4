package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantio"
)

// fileFormat returns the format of a file: of --format, else of the name's extension, else
// JSON Lines.
func fileFormat(given, name string) (tenantio.Format, error) {
	if given == "" {
		given = strings.TrimPrefix(filepath.Ext(name), ".")
	}
	switch given {
	case "", "jsonl", "ndjson", "json":
		return tenantio.JSONLines, nil
	case "csv":
		return tenantio.CSV, nil
	}
	return "", usageError{fmt.Errorf("the format %q is neither jsonl nor csv: use --format", given)}
}

func formatFlag(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVar(format, "format", "", "jsonl or csv (by the name of the file, else jsonl)")
}

func (a *app) progressFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.progress, "progress", false, "say once a second on standard error how far it is (on a terminal)")
}

// imported is the report of an import.
type imported struct {
	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	Failed    int `json:"failed"`
}

var imports = view[imported]{
	columns: []column[imported]{
		{head: "CREATED", cell: func(i imported) string { return strconv.Itoa(i.Created) }},
		{head: "UPDATED", cell: func(i imported) string { return strconv.Itoa(i.Updated) }},
		{head: "UNCHANGED", cell: func(i imported) string { return strconv.Itoa(i.Unchanged) }},
		{head: "FAILED", cell: func(i imported) string { return strconv.Itoa(i.Failed) }},
	},
	name: func(i imported) string { return strconv.Itoa(i.Created) },
}

func newImport(a *app) *cobra.Command {
	var format string
	options := tenantio.ImportOptions{MaxErrors: -1}
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Create tenants from a file; - is standard input", Args: cobra.ExactArgs(1),
		Long: "Create tenants from a file, JSON Lines or CSV, as export writes it. A line whose tenant is stored already is\n" +
			"compared with it, so that an interrupted import can be run again. Lines that fail are printed on standard\n" +
			"error, do not stop the others, and make the exit code 10.",
		RunE: func(cmd *cobra.Command, args []string) error {
			form, err := fileFormat(format, args[0])
			if err != nil {
				return err
			}
			in, err := openInput(a.in, args[0])
			if err != nil {
				return err
			}
			defer in.Close()
			say := a.reporter()
			options.Progress = func(c tenantio.Counts) {
				say("line %d: %d created, %d updated, %d unchanged, %d failed", c.Line, c.Created, c.Updated, c.Unchanged, c.Failed)
			}
			options.OnError = func(e *tenantio.LineError) { fmt.Fprintln(a.errs, "tenantctl:", e) }
			return a.write(cmd.Context(), func(ctx context.Context, store tenancy.Store) error {
				report, err := tenantio.Import(ctx, store, in, form, options)
				counts := imported{report.Created, report.Updated, report.Unchanged, report.Failed}
				if err == nil && counts.Failed > 0 {
					err = fmt.Errorf("%d lines failed: %w", counts.Failed, errFound)
				}
				return errors.Join(printOne(a, imports, counts), err)
			})
		},
	}
	formatFlag(cmd, &format)
	cmd.Flags().BoolVar(&options.Update, "update", false, "change tenants that are stored already; without it their lines fail if they differ")
	cmd.Flags().BoolVar(&options.Names, "names", false, "take the names of the lines, too; domains are verified without another proof: only for files that you trust")
	a.dryRunFlag(cmd)
	a.progressFlag(cmd)
	return cmd
}

// openInput opens a file, or in for "-".
func openInput(in io.Reader, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(in), nil
	}
	return os.Open(name)
}

func newExport(a *app) *cobra.Command {
	var format string
	var statuses []string
	var options tenantio.ExportOptions
	cmd := &cobra.Command{
		Use: "export [FILE]", Short: "Write tenants to a file, or to standard output", Args: cobra.MaximumNArgs(1),
		Long: "Write tenants to a file, JSON Lines or CSV, or to standard output. Database URLs are left out, unless --secrets\n" +
			"says otherwise. A file gets its name when it is whole.",
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "-"
			if len(args) == 1 {
				name = args[0]
			}
			form, err := fileFormat(format, strings.TrimPrefix(name, "-"))
			if err != nil {
				return err
			}
			options.Filter, options.Secrets = filterOf(statuses), a.secrets
			say := a.reporter()
			options.Progress = func(n int) { say("%d tenants written", n) }
			return a.with(cmd.Context(), func(store tenancy.Source) error {
				return writeFile(a.out, name, func(w io.Writer) error {
					n, err := tenantio.Export(cmd.Context(), store, w, form, options)
					if err == nil && name != "-" {
						fmt.Fprintf(a.errs, "%d tenants written to %s\n", n, name)
					}
					return err
				})
			})
		},
	}
	formatFlag(cmd, &format)
	filterFlags(cmd, &statuses)
	a.secretFlag(cmd)
	cmd.Flags().BoolVar(&options.Names, "names", false, "with the domains and former identifiers of each tenant")
	a.progressFlag(cmd)
	return cmd
}

// writeFile has write fill the file, or out for "-". A new file is for its owner alone. One
// that is not whole is removed, unless write has only withheld something.
func writeFile(out io.Writer, name string, write func(io.Writer) error) error {
	if name == "-" {
		return write(out)
	}
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.tmp")
	if err != nil {
		return err
	}
	failed := write(file)
	err = errors.Join(file.Sync(), file.Close())
	if err != nil || failed != nil && !errors.Is(failed, tenancy.ErrWithheld) {
		return errors.Join(failed, err, os.Remove(file.Name()))
	}
	return errors.Join(failed, os.Rename(file.Name(), name))
}
