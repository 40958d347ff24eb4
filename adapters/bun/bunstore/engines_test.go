package bunstore_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// foreign is a dialect that no engine serves.
type foreign struct{ *pgdialect.Dialect }

func (foreign) Name() dialect.Name { return dialect.MSSQL }

func TestUnknownDialectIsRefused(t *testing.T) {
	_, newErr := bunstore.New(bun.NewDB(nil, foreign{pgdialect.New()}))
	_, ddlErr := bunstore.DDL(dialect.MSSQL)
	_, indexErr := bunstore.SearchIndexDDL(dialect.MSSQL)
	for _, err := range []error{newErr, ddlErr, indexErr} {
		var typed *tenancy.Error
		if !errors.Is(err, tenancy.ErrInvalid) || !errors.As(err, &typed) || typed.Field != "dialect" {
			t.Fatalf("err = %v, want ErrInvalid of the dialect", err)
		}
		for _, name := range []string{dialect.MSSQL.String(), dialect.PG.String(), dialect.SQLite.String()} {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%q does not name %s", err, name)
			}
		}
	}
}
