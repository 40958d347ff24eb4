// Package address opens the store that an address names, for the programs of this module.
package address

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/uptrace/bun/dialect"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunmysql"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/adapters/http/tenantclient"
	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Options are the choices of Open. What does not concern the kind of the address is ignored.
type Options struct {
	// Migrate creates the schema, or brings it up to date. Without it a database is left as
	// it is, and a file that is missing is not created.
	Migrate    bool
	Table      string        // bunstore.DefaultTable if empty
	Schema     string        // bunstore.DefaultSchema if empty
	PgBouncer  bool          // see bunpg.WithPgBouncer
	KeepFormer time.Duration // see bunstore.WithKeepFormer
	Sealer     seal.Sealer   // nil: secrets are not sealed
	Token      string        // for a service; see tenantclient.WithToken
	Logger     *slog.Logger  // nil: nothing is logged
}

// Kind is a kind of address.
type Kind struct {
	// Schemes are what addresses of the kind begin with, before a colon.
	Schemes []string
	// Example is an address for people.
	Example string
	// Dialect is the dialect of the SQL database; 0 for a service.
	Dialect dialect.Name

	open func(ctx context.Context, address string, o Options) (tenancy.Source, error)
}

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{
		{[]string{"postgres", "postgresql"}, "postgres://user@host/database", dialect.PG, openPostgres},
		{[]string{"mysql", "mariadb"}, "mysql://user@host/database", dialect.MySQL, openMySQL},
		{[]string{"sqlite", "file"}, "sqlite:tenants.db", dialect.SQLite, openSQLite},
		{[]string{"https", "http"}, "https://host", 0, openService},
	}
}

// KindOf returns the kind of an address. The error does not show the address, which may hold a
// password.
func KindOf(address string) (Kind, error) {
	scheme, _, found := strings.Cut(address, ":")
	var examples []string
	for _, k := range Kinds() {
		for _, s := range k.Schemes {
			if found && strings.EqualFold(scheme, s) {
				return k, nil
			}
		}
		examples = append(examples, k.Example)
	}
	return Kind{}, &tenancy.Error{Field: "address", Err: fmt.Errorf("%w: must be like %s", tenancy.ErrInvalid, strings.Join(examples, " or "))}
}

// Open opens the store at an address, which the caller closes.
func Open(ctx context.Context, address string, o Options) (tenancy.Source, error) {
	k, err := KindOf(address)
	if err != nil {
		return nil, err
	}
	return k.open(ctx, address, o)
}

// DDL returns the statements that create the schema of the store at an address.
func DDL(address string, o Options) (string, error) {
	k, err := KindOf(address)
	if err != nil {
		return "", err
	}
	if k.Dialect == 0 {
		return "", fmt.Errorf("%w: needs the address of a database", errors.ErrUnsupported)
	}
	return bunstore.DDL(k.Dialect, o.store()...)
}

// store returns the options of the store. Delete only marks, and Purge removes: what an
// operator deletes by mistake can be made active again.
func (o Options) store() []bunstore.Option {
	options := []bunstore.Option{bunstore.WithSoftDelete(), bunstore.WithKeepFormer(o.KeepFormer), bunstore.WithLogger(o.Logger)}
	if o.Table != "" {
		options = append(options, bunstore.WithTable(o.Table))
	}
	if o.Schema != "" {
		options = append(options, bunstore.WithSchema(o.Schema))
	}
	if o.Sealer != nil {
		options = append(options, bunstore.WithSealer(o.Sealer))
	}
	return options
}

func openPostgres(ctx context.Context, address string, o Options) (tenancy.Source, error) {
	options := []bunpg.Option{bunpg.WithLogger(o.Logger), bunpg.WithStore(o.store()...)}
	if o.PgBouncer {
		options = append(options, bunpg.WithPgBouncer())
	}
	if !o.Migrate {
		options = append(options, bunpg.WithoutMigrate())
	}
	return bunpg.Open(ctx, address, options...)
}

func openMySQL(ctx context.Context, address string, o Options) (tenancy.Source, error) {
	options := []bunmysql.Option{bunmysql.WithLogger(o.Logger), bunmysql.WithStore(o.store()...)}
	if !o.Migrate {
		options = append(options, bunmysql.WithoutMigrate())
	}
	return bunmysql.Open(ctx, address, options...)
}

func openSQLite(ctx context.Context, address string, o Options) (tenancy.Source, error) {
	options := []bunsqlite.Option{bunsqlite.WithStore(o.store()...)}
	_, path, _ := strings.Cut(address, ":")
	if strings.HasPrefix(path, "//") {
		return nil, &tenancy.Error{Field: "address", Err: fmt.Errorf("%w: must be sqlite: and the path of a file, without //", tenancy.ErrInvalid)}
	}
	if !o.Migrate {
		options = append(options, bunsqlite.WithoutMigrate())
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && path != bunsqlite.Memory {
			return nil, &tenancy.Error{Op: "Open", Err: fmt.Errorf("%w: there is no file %q; tenantctl migrate creates it", tenancy.ErrUnavailable, path)}
		}
	}
	return bunsqlite.Open(ctx, "sqlite:"+path, options...)
}

func openService(_ context.Context, address string, o Options) (tenancy.Source, error) {
	var options []tenantclient.Option
	if o.Token != "" {
		options = append(options, tenantclient.WithToken(o.Token))
	}
	return tenantclient.Open(address, options...)
}
