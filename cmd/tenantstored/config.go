package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/cmd/internal/address"
)

// config is what the command line and the environment say.
type config struct {
	addr, ops          string // host:port
	db                 string // may hold a password: never print it
	tokens             string // file
	cert, key, ca      string // files
	keys               string // file
	snapshot           string // file
	snapshotAge        time.Duration
	version, noMigrate bool
	options            address.Options
}

const (
	dbVariable   = "TENANTSTORED_DB"
	keysVariable = "TENANTSTORED_KEYS"
)

// parseConfig prints what is wrong, and the usage, to output.
func parseConfig(args []string, getenv func(string) string, output io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("tenantstored", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&c.addr, "addr", "127.0.0.1:8080", "`host:port` of the service; beyond loopback it needs -tokens or -client-ca")
	flags.StringVar(&c.ops, "ops", "127.0.0.1:8081", "`host:port` of /healthz, /readyz, /metrics and /debug/tenancy, which have no\nauthentication; empty for none")
	flags.StringVar(&c.db, "db", "", "`address` of the database: a file of SQLite, postgres://… or mysql://…; put one with a password\ninto the environment variable "+dbVariable+", where other users cannot see it")
	flags.StringVar(&c.tokens, "tokens", "", "`file` of bearer tokens: a line with name, scopes (read,write,secrets) and SHA-256 each;\nread again when it changes")
	flags.StringVar(&c.cert, "tls-cert", "", "`file` with the certificate of the service")
	flags.StringVar(&c.key, "tls-key", "", "`file` with its key")
	flags.StringVar(&c.ca, "client-ca", "", "`file` with the authorities whose certificates clients must have; without -tokens such\na client may do everything")
	flags.StringVar(&c.keys, "keys", "", "`file` with the keys that seal database URLs, as of tenantctl; without it "+keysVariable+" of\nthe environment")
	flags.StringVar(&c.snapshot, "snapshot", "", "`file` from which the next start serves, without the database too")
	flags.DurationVar(&c.snapshotAge, "snapshot-age", 24*time.Hour, "how old the tenants of that file may be")
	flags.BoolVar(&c.noMigrate, "no-migrate", false, "leave the schema as it is")
	flags.StringVar(&c.options.Table, "table", "", "name of the `table` of tenants")
	flags.StringVar(&c.options.Schema, "schema", "", "`schema` of PostgreSQL")
	flags.BoolVar(&c.options.PgBouncer, "pgbouncer", false, "the address leads through PgBouncer in transaction mode")
	flags.DurationVar(&c.options.KeepFormer, "keep-former", 0, "for how long the identifier before a rename leads to the tenant")
	flags.BoolVar(&c.version, "version", false, "print the version")
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	if c.db == "" { // not the flag's default: -h prints defaults
		c.db = getenv(dbVariable)
	}
	if c.db != "" && !strings.Contains(c.db, ":") {
		c.db = "sqlite:" + c.db
	}
	err := c.check(flags.Args())
	if err == nil {
		c.options.Sealer, err = address.Keyring(c.keys, getenv(keysVariable))
	}
	if err != nil {
		_, _ = fmt.Fprintln(output, "tenantstored:", err)
		return config{}, err
	}
	c.options.Migrate = !c.noMigrate
	return c, nil
}

func (c config) check(args []string) error {
	switch {
	case c.version:
		return nil
	case len(args) > 0:
		return fmt.Errorf("unexpected argument %q", args[0])
	case c.db == "":
		return errors.New("which database? Use -db or " + dbVariable)
	case (c.cert == "") != (c.key == ""):
		return errors.New("-tls-cert and -tls-key belong together")
	case c.ca != "" && c.cert == "":
		return errors.New("-client-ca needs -tls-cert and -tls-key")
	case c.snapshotAge <= 0:
		return errors.New("-snapshot-age must be more than 0")
	}
	_, err := address.KindOf(c.db)
	return err
}
