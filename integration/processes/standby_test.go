//go:build unix

package processes

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// TestStandbyNeverAnswers leads a pool to a standby, which lacks the last tenants: at
// the start, and later, as a pooler or a name that moves does.
func TestStandbyNeverAnswers(t *testing.T) {
	primary := servers.NewPostgres(t, servers.PostgresOptions{})
	createSome(t, openFor(t, primary.DSN()), "kept", 1)
	standby := servers.NewStandby(t, primary)
	for name, open := range map[string]func(string) error{
		"Open": func(dsn string) error { _, err := bunpg.Open(t.Context(), dsn); return err },
		"WithoutMigrate": func(dsn string) error {
			_, err := bunpg.Open(t.Context(), dsn, bunpg.WithoutMigrate(), bunpg.WithPgBouncer())
			return err
		},
		"FromPool": func(dsn string) error {
			pool, err := pgxpool.New(t.Context(), dsn)
			if err != nil {
				return err
			}
			defer pool.Close()
			_, err = bunpg.FromPool(t.Context(), pool, bunpg.WithoutMigrate())
			return err
		},
	} {
		if err := open(standby.DSN()); !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "standby") {
			t.Errorf("%s: %v", name, err)
		}
	}

	config, err := pgxpool.ParseConfig(primary.DSN())
	if err != nil {
		t.Fatal(err)
	}
	other, err := pgxpool.ParseConfig(standby.DSN())
	if err != nil {
		t.Fatal(err)
	}
	var moved atomic.Bool
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if moved.Load() {
			address = net.JoinHostPort(other.ConnConfig.Host, strconv.Itoa(int(other.ConnConfig.Port)))
		}
		return dial(ctx, network, address)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	s, err := bunpg.FromPool(t.Context(), pool, bunpg.WithoutListen())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	moved.Store(true)
	pool.Reset()
	for name, err := range map[string]error{
		"GetByID": func() error { _, err := s.GetByID(t.Context(), "none"); return err }(),
		"Count":   func() error { _, err := s.Count(t.Context(), tenancy.Filter{}); return err }(),
		"List":    func() error { _, err := s.List(t.Context(), tenancy.ListOptions{}); return err }(),
		"Head":    func() error { _, err := s.Bounds(t.Context()); return err }(),
	} {
		if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "standby") {
			t.Errorf("%s: %v; want ErrUnavailable that speaks of a standby", name, err)
		}
	}
}
