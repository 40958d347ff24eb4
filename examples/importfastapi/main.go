// Command importfastapi copies the tenants of fastapi-tenancy (Python) into a store of
// this repository. It reads the table of its SQLAlchemyTenantStore, as it is:
//
//	importfastapi -from postgres://app@db/app -to postgres://app@db/tenants
//	importfastapi -from mysql://app@db/app -to mysql://app@db/tenants
//	importfastapi -from tenancy.db -to tenants.db -dry-run
//	importfastapi -from tenants.csv -to tenants.db      # an export of any database
//
// -from and -to are URLs of PostgreSQL or MySQL, else names of SQLite files; a -from that
// ends in .csv is a file with a header line of column names. SQLAlchemy's spellings
// (postgresql+asyncpg://…, mysql+aiomysql://…, sqlite+aiosqlite:///…) are understood. URLs with passwords
// belong into the environment, where other users cannot see them: FASTAPI_TENANCY_URL
// and TENANTSTORE_DSN.
//
// IDs, names, statuses, metadata, schema names and creation times stay as they are. A
// database URL that fastapi-tenancy has encrypted is decrypted with
// TENANCY_ENCRYPTION_KEY. An identifier that breaks the rule of package tenancy makes
// its tenant fail, or with -fix-identifiers gets a new one that is derived from it and
// listed; the old one is kept in the metadata. The import can be run again: it goes on
// where it stopped, and with -update takes over what has changed since.
//
// The exit status is 1 if a tenant was not imported, 2 if the command line is wrong.
// See docs/migrating-from-fastapi-tenancy.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/go-tenancy/tenantstore/core/tenantio"
)

// config is what the command line and the environment say.
type config struct {
	from, to           string // may hold a password: never print them
	fromTable, toTable string
	key                string // of fastapi-tenancy's encryption, or empty
	fix, update, dry   bool
}

func main() {
	cfg, err := parseConfig(os.Args[1:], os.Getenv, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2) // the reason is printed already
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	report, err := run(ctx, cfg, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "importfastapi:", err)
	}
	if err != nil || report.Failed > 0 {
		os.Exit(1)
	}
}

func parseConfig(args []string, getenv func(string) string, output io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("importfastapi", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&c.from, "from", "", "PostgreSQL or MySQL `URL`, SQLite file or .csv file of fastapi-tenancy; else FASTAPI_TENANCY_URL")
	flags.StringVar(&c.to, "to", "", "PostgreSQL or MySQL `URL`, or SQLite file, of the store; else TENANTSTORE_DSN")
	flags.StringVar(&c.fromTable, "from-table", "tenants", "`table` to read")
	flags.StringVar(&c.toTable, "to-table", "tenants", "`table` of the store, created if it is not there; another one than -from-table in the same database")
	flags.BoolVar(&c.fix, "fix-identifiers", false, "derive new identifiers from those that break the rule")
	flags.BoolVar(&c.update, "update", false, "change tenants that are there already and differ")
	flags.BoolVar(&c.dry, "dry-run", false, "import into memory only, and say what would fail")
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	// Not the flags' defaults: -h prints defaults.
	if c.from == "" {
		c.from = getenv("FASTAPI_TENANCY_URL")
	}
	if c.to == "" {
		c.to = getenv("TENANTSTORE_DSN")
	}
	c.from, c.to = cleaned(c.from), cleaned(c.to)
	c.key = getenv("TENANCY_ENCRYPTION_KEY")
	var err error
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case c.from == "":
		err = errors.New("-from is missing")
	case c.to == "" && !c.dry:
		err = errors.New("-to is missing")
	}
	if err != nil {
		fmt.Fprintln(output, "importfastapi:", err)
		flags.Usage()
	}
	return c, err
}

// run imports, and prints to out what became of the tenants.
func run(ctx context.Context, cfg config, out io.Writer) (report tenantio.Report, err error) {
	// First: a SQLite file that is both cannot be set up while it is read.
	store, err := openTarget(ctx, cfg)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	rows, err := openSource(ctx, cfg.from, cfg.fromTable)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, rows.close()) }()

	m := mapping{fix: cfg.fix, renamed: func(old, identifier string) {
		fmt.Fprintf(out, "identifier %q becomes %s\n", old, identifier)
	}}
	if cfg.key != "" {
		if m.decrypt, err = newDecrypter(cfg.key); err != nil {
			return report, err
		}
	}
	report, err = tenantio.ImportRecords(ctx, store, m.records(rows), tenantio.ImportOptions{
		Update:    cfg.update,
		MaxErrors: -1, // OnError has them all
		OnError:   func(e *tenantio.LineError) { fmt.Fprintf(out, "not imported: row %d: %v\n", e.Line, e.Err) },
	})
	if cfg.dry {
		fmt.Fprint(out, "dry run: ")
	}
	fmt.Fprintf(out, "created %d, updated %d, unchanged %d, not imported %d\n",
		report.Created, report.Updated, report.Unchanged, report.Failed)
	return report, err
}
