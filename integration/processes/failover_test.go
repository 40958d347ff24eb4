//go:build unix

package processes

import (
	"net/url"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// TestFailover kills the primary and promotes a standby that lacks its last commits;
// the store knows both by its connection string.
func TestFailover(t *testing.T) {
	primary := servers.NewPostgres(t, servers.PostgresOptions{})
	s := openFor(t, primary.DSN())
	createSome(t, s, "kept", 5)
	standby := servers.NewStandby(t, primary) // a copy of what was committed so far

	both, err := url.Parse(primary.DSN())
	if err != nil {
		t.Fatal(err)
	}
	other, err := url.Parse(standby.DSN())
	if err != nil {
		t.Fatal(err)
	}
	both.Host = other.Host + "," + both.Host
	both.RawQuery += "&target_session_attrs=read-write"
	s = openFor(t, both.String())

	if err := standby.Stop(); err != nil {
		t.Fatal(err)
	}
	lost := createSome(t, s, "lost", 5)
	watched := watch(t, s, tenancy.Position{})
	watched.until(t, lost)
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := standby.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkWentBack(t, both.String(), s, lost, watched)
}
