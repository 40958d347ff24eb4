//go:build unix

package console_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const writerEnv = "TENANTSTORE_CONSOLE_WRITER"

// TestMain makes the binary a writer if a test started it as one.
func TestMain(m *testing.M) {
	if where := os.Getenv(writerEnv); where != "" {
		if err := write(context.Background(), where, os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	closeBrowser()
	os.Exit(code)
}

// write suspends the tenant with this identifier, in the name of actor.
func write(ctx context.Context, where, identifier, actor string) error {
	store, err := open(ctx, where)
	if err != nil {
		return err
	}
	defer store.Close()
	t, err := store.GetByIdentifier(ctx, identifier)
	if err != nil {
		return err
	}
	_, err = store.SetStatus(tenancy.WithActor(ctx, actor), t.ID, tenancy.StatusSuspended)
	return err
}

// elsewhere runs write in another process.
func elsewhere(t *testing.T, where, identifier, actor string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], identifier, actor)
	cmd.Env = append(os.Environ(), writerEnv+"="+where)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// open opens the store at where: a PostgreSQL DSN or the path of an SQLite file.
func open(ctx context.Context, where string) (tenancy.Source, error) {
	if strings.HasPrefix(where, "postgres://") {
		return bunpg.Open(ctx, where)
	}
	return bunsqlite.Open(ctx, where)
}
