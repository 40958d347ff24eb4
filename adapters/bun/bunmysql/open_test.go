package bunmysql_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunmysql"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestOpenTakesTheDSNOfTheDriver(t *testing.T) {
	dsn := newDatabase(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	s := open(t, u.User.Username()+":"+password+"@tcp("+u.Host+")"+u.Path+"?parseTime=true&loc=Local&multiStatements=true&sql_mode='ANSI'")
	created, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Bücher 日本 😀"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, dsn).GetByID(t.Context(), created.ID); err != nil || got != created {
		t.Errorf("read %+v, %v, want %+v", got, err, created)
	}
}

func TestRefusedConnections(t *testing.T) {
	dsn := newDatabase(t)
	for name, c := range map[string]struct {
		change func(u *url.URL)
		want   string
	}{
		"password": {func(u *url.URL) { u.User = url.UserPassword("root", "canary-5e1c") }, "MySQL error 1045"},
		"database": {func(u *url.URL) { u.Path = "/nowhere" }, "MySQL error 1049"},
		"TLS":      {func(u *url.URL) { u.RawQuery = "tls=true" }, "tls of the DSN"},
	} {
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		c.change(u)
		_, err = bunmysql.Open(t.Context(), u.String())
		if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Each connection asks for its credentials, so that they may change.
func TestBeforeConnect(t *testing.T) {
	dsn := newDatabase(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	u.User = url.UserPassword("root", "wrong")
	s := open(t, u.String(), bunmysql.WithBeforeConnect(func(_ context.Context, c *mysql.Config) error {
		c.Passwd = password
		return nil
	}))
	if _, err := s.Count(t.Context(), tenancy.Filter{}); err != nil {
		t.Error(err)
	}
}

// What every session begins with, whatever the server has by default.
func TestSessions(t *testing.T) {
	dsn := newDatabase(t)
	var got []string
	s := open(t, dsn)
	conn := connect(t, dsn)
	err := s.RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx, _ tenancy.Store) error {
		got = nil
		for _, text := range []string{"SELECT @@sql_mode", "SELECT @@character_set_client", "SELECT @@innodb_lock_wait_timeout", "SELECT @@autocommit"} {
			var value string
			if err := tx.QueryRowContext(ctx, text).Scan(&value); err != nil {
				return err
			}
			got = append(got, value)
		}
		return nil
	})
	if want := "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION utf8mb4 1 1"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("%v, %v, want %s", got, err, want)
	}
	if strings.Contains(one[string](t, conn, "SELECT VERSION()"), "MariaDB") {
		if err := s.RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx, _ tenancy.Store) error {
			return tx.QueryRowContext(ctx, "SELECT CONCAT(@@tx_isolation, @@idle_write_transaction_timeout)").Scan(&got[0])
		}); err != nil || got[0] != "READ-COMMITTED10" {
			t.Errorf("%v, %v", got[0], err)
		}
	}
}

// MariaDB has no index of trigrams.
func TestSearchIndexIsRefused(t *testing.T) {
	_, err := bunmysql.Open(t.Context(), newDatabase(t), bunmysql.WithStore(bunstore.WithSearchIndex()))
	var typed *tenancy.Error
	if !errors.Is(err, tenancy.ErrInvalid) || !errors.As(err, &typed) || typed.Field != "search_index" {
		t.Errorf("Open: %v", err)
	}
}

// The connections of a store that are lost cost a call at most, and no tenant.
func TestDisconnected(t *testing.T) {
	dsn := newDatabase(t)
	s := open(t, dsn)
	created, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	disconnect(t, dsn)
	if got, err := s.GetByID(t.Context(), created.ID); err != nil || got != created {
		t.Errorf("read %+v, %v", got, err)
	}
	disconnect(t, dsn)
	if _, err := s.SetStatus(t.Context(), created.ID, tenancy.StatusSuspended); err != nil {
		t.Errorf("SetStatus: %v", err)
	}
}
