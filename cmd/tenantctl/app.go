package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/cmd/internal/address"
	"github.com/go-tenancy/tenantstore/cmd/internal/version"
	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// The environment.
const (
	addressVariable = "TENANTCTL_ADDRESS"
	keysVariable    = "TENANTCTL_KEYS"
	tokenVariable   = "TENANTCTL_TOKEN"
)

// app is what all commands share.
type app struct {
	in        io.Reader
	out, errs io.Writer
	lines     *bufio.Reader // of in, for questions
	begun     bool          // the command line is right, and the command has begun

	address  string
	form     string // of -o
	keys     string // the file of a keyring
	actor    string
	dryRun   bool
	yes      bool
	secrets  bool
	progress bool
	verbose  bool
	options  address.Options
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "tenantctl",
		Short: "Look after a store of tenants",
		Long: "tenantctl looks after a store of tenants.\n\n" +
			"TENANT stands for an identifier, such as acme, for an ID, such as id:0198c0de-…, or for a verified\n" +
			"domain, such as domain:shop.example.com.",
		SilenceUsage: true, SilenceErrors: true,
		Version: version.Of("tenantctl"),
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errs)
	root.SetVersionTemplate("{{.Version}}\n")
	flags := root.PersistentFlags()
	flags.StringVarP(&a.address, "address", "a", "", "the store: "+examples()+"; without it "+addressVariable+" of the environment, which is the place\nfor one with a password, since other users see command lines; "+tokenVariable+" has the token for a service")
	flags.StringVarP(&a.form, "output", "o", "", "`form` of the output: "+strings.Join(forms, ", ")+" (a table on a terminal, else jsonl)")
	flags.StringVar(&a.keys, "keys", "", "`file` with the keys that seal secrets, a line with ID and base64 text each, the newest first; without it\n"+keysVariable+" of the environment")
	flags.StringVar(&a.actor, "actor", "", "who makes the changes, for the change log (your login)")
	flags.StringVar(&a.options.Table, "table", "", "name of the `table` of tenants ("+bunstore.DefaultTable+")")
	flags.StringVar(&a.options.Schema, "schema", "", "`schema` of PostgreSQL ("+bunstore.DefaultSchema+")")
	flags.BoolVar(&a.options.PgBouncer, "pgbouncer", false, "the address leads through PgBouncer in transaction mode")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "log the statements, without their arguments, and more")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return a.begin(cmd) }
	root.AddCommand(
		newList(a), newGet(a), newSearch(a), newHistory(a), newWatch(a),
		newCreate(a), newEdit(a), newRename(a), newSuspend(a), newActivate(a), newDelete(a), newPurge(a),
		newMetadata(a), newDomains(a), newImport(a), newExport(a), newMigrate(a), newReseal(a), newEach(a), newSnapshot(a), newDoctor(a), newCoherence(a),
	)
	return root
}

func examples() string {
	var texts []string
	for _, k := range address.Kinds() {
		texts = append(texts, k.Example)
	}
	return strings.Join(texts, ", ")
}

// begin checks the options that all commands have.
func (a *app) begin(cmd *cobra.Command) error {
	if a.form == "" {
		a.form = formLines
		if isTerminal(a.out) {
			a.form = formTable
		}
	}
	if !slices.Contains(forms, a.form) {
		return fmt.Errorf("-o must be one of %s", strings.Join(forms, ", "))
	}
	if a.address == "" {
		a.address = os.Getenv(addressVariable)
	}
	level := slog.LevelWarn
	if a.verbose {
		level = slog.LevelDebug
	}
	a.options.Logger = slog.New(slog.NewTextHandler(a.errs, &slog.HandlerOptions{Level: level}))
	a.progress = a.progress || isTerminal(a.errs)
	a.lines = bufio.NewReader(a.in)
	cmd.SetContext(tenancy.WithActor(cmd.Context(), a.who()))
	a.begun = true
	return nil
}

func (a *app) who() string {
	if a.actor != "" {
		return a.actor
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// isTerminal reports whether somebody sees what is written to w.
func isTerminal(w any) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// open opens the store.
func (a *app) open(ctx context.Context) (tenancy.Source, error) {
	if a.address == "" {
		return nil, usageError{errors.New("which store? Use --address or " + addressVariable)}
	}
	var err error
	if a.options.Sealer, err = a.keyring(); err != nil {
		return nil, err
	}
	a.options.Token = os.Getenv(tokenVariable)
	return address.Open(ctx, a.address, a.options)
}

// with calls f with the store, past the caches that there are.
func (a *app) with(ctx context.Context, f func(tenancy.Source) error) error {
	store, err := a.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(f(store), store.Close())
}

// write calls f with the store, or with --dry-run in a transaction that is rolled back.
func (a *app) write(ctx context.Context, f func(context.Context, tenancy.Store) error) error {
	return a.with(ctx, func(store tenancy.Source) error {
		if !a.dryRun {
			return f(ctx, store)
		}
		database, err := sqlStore(store)
		if err != nil {
			return err
		}
		return dryRun(ctx, database, f)
	})
}

// sqlStore returns store as one in a database that this program has opened.
func sqlStore(store tenancy.Store) (*bunstore.Store, error) {
	database, ok := store.(*bunstore.Store)
	if !ok {
		return nil, fmt.Errorf("%w: needs the address of a database", errors.ErrUnsupported)
	}
	return database, nil
}

// keyring returns the keys, or nil if there are none.
func (a *app) keyring() (seal.Sealer, error) { return address.Keyring(a.keys, os.Getenv(keysVariable)) }

// confirm asks for the identifier of a tenant, unless the user has confirmed already.
func (a *app) confirm(what string, t tenancy.Tenant) error {
	if a.yes || a.dryRun {
		return nil
	}
	fmt.Fprintf(a.errs, "This will %s %s (%s).\nType its identifier to go on: ", what, printable(t.Identifier), printable(t.Name))
	line, err := a.lines.ReadString('\n')
	if strings.TrimSpace(line) != t.Identifier {
		if errors.Is(err, io.EOF) {
			fmt.Fprintln(a.errs)
		}
		return fmt.Errorf("%s: %w", t.Identifier, errRefused)
	}
	return nil
}

// progressPause is the least time between two lines of progress.
const progressPause = time.Second

// reporter returns a function that says now and then on a terminal how far the work is.
func (a *app) reporter() func(format string, args ...any) {
	last := time.Now()
	return func(format string, args ...any) {
		if a.progress && time.Since(last) >= progressPause {
			last = time.Now()
			fmt.Fprintf(a.errs, format+"\n", args...)
		}
	}
}
