//go:build unix

package mariadb

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunmysql"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

func exec(t *testing.T, dsn, statements string) {
	t.Helper()
	db, err := servers.OpenMySQL(dsn)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(context.Background(), statements)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

// With the binary log on, a user needs more than the privilege for triggers.
func TestBinaryLog(t *testing.T) {
	server := servers.NewMariaDB(t, servers.MariaDBOptions{Settings: map[string]string{"log-bin": "binlog", "server-id": "1"}})
	dsn := server.NewDatabase(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, dsn, "CREATE USER app@'%' IDENTIFIED BY 'secret'; GRANT ALL ON "+strings.TrimPrefix(u.Path, "/")+".* TO app@'%'")
	u.User = url.UserPassword("app", "secret")
	if _, err := bunmysql.Open(t.Context(), u.String(), bunmysql.WithLogger(nil)); !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "log_bin_trust_function_creators") {
		t.Fatalf("Open: %v", err)
	}
	exec(t, dsn, "SET GLOBAL log_bin_trust_function_creators = 1")
	s, err := bunmysql.Open(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		t.Error(err)
	}
}

// Who may write to a read-only server all the same, as root may, is not to fork it.
func TestReadOnlyServer(t *testing.T) {
	server := servers.NewMariaDB(t, servers.MariaDBOptions{})
	dsn := server.NewDatabase(t)
	s, err := bunmysql.Open(t.Context(), dsn, bunmysql.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	exec(t, dsn, "SET GLOBAL read_only = 1")
	if _, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); !errors.Is(err, tenancy.ErrUnavailable) || !errors.Is(err, tenancy.ErrNotApplied) ||
		!strings.Contains(err.Error(), "needs the primary") {
		t.Errorf("Create: %v", err)
	}
	exec(t, dsn, "SET GLOBAL read_only = 0")
	if _, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		t.Errorf("Create: %v", err)
	}
}
