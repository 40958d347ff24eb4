package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
)

// config is what the command line and the environment say.
type config struct {
	addr    string // host:port to listen on
	base    string // tenants live at <identifier>.<base>
	path    string // SQLite file, unless dsn is set
	dsn     string // PostgreSQL or MySQL; holds a password: never print it
	valkey  string // host:port of Valkey, or none
	replica bool   // hold all tenants in memory
	file    string // from which a replica starts, or none
	sample  bool   // import the sample tenants into an empty store
}

const dsnVariable = "TENANTSTORE_DSN"

// parseConfig prints what is wrong, and the usage, to output.
func parseConfig(args []string, getenv func(string) string, output io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&c.addr, "addr", "127.0.0.1:8080", "`host:port` to listen on; the admin API has no authentication")
	flags.StringVar(&c.base, "base", "localhost", "base `domain`: a tenant's host is <identifier>.<base>")
	flags.StringVar(&c.path, "db", "tenants.db", "SQLite `file`, created if it does not exist")
	flags.StringVar(&c.dsn, "dsn", "", "PostgreSQL or MySQL `URL` (postgres://…, mysql://…) to use instead of SQLite; put one with a password\ninto the environment variable "+dsnVariable+", where other users cannot see it")
	flags.StringVar(&c.valkey, "valkey", "", "`host:port` of a Valkey server that several instances share as a cache")
	flags.BoolVar(&c.replica, "replica", false, "hold all tenants in memory, kept current by the change log, instead of those that are\nasked for")
	flags.StringVar(&c.file, "snapshot", "", "`file` from which the replica of -replica starts, without the database too; created if it\ndoes not exist")
	flags.BoolVar(&c.sample, "sample", true, "fill an empty store with 23,925 educational institutions")
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}

	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var err error
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case given["db"] && given["dsn"]:
		err = errors.New("-db and -dsn exclude each other")
	case given["db"] && c.path == "":
		err = errors.New("-db needs a file")
	case given["dsn"] && c.dsn == "":
		err = errors.New("-dsn needs a URL")
	case given["snapshot"] && (c.file == "" || !c.replica):
		err = errors.New("-snapshot needs a file, and -replica")
	default:
		err = tenancyhttp.Check(tenantHosts(c.base))
	}
	if err != nil {
		_, _ = fmt.Fprintln(output, "quickstart:", err)
		flags.Usage()
		return config{}, err
	}
	// Not the flag's default: -h prints defaults.
	if !given["db"] && !given["dsn"] {
		c.dsn = getenv(dsnVariable)
	}
	return c, nil
}
