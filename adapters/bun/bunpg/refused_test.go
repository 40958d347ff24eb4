package bunpg_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A write that the server has refused says that nothing was changed, and why, in words
// that an operator would search for.
func TestRefusedWritesAreNotApplied(t *testing.T) {
	for name, c := range map[string]struct {
		params string
		spoil  string // by the owner
		block  string // by another session, as long as the write is tried
		says   []string
	}{
		"statement_timeout": {params: "&statement_timeout=1000", block: `SELECT FROM tenants_lock FOR UPDATE`, says: []string{"57014", "statement_timeout"}},
		"lock_timeout":      {block: `SELECT FROM tenants_lock FOR UPDATE`, says: []string{"55P03", "lock"}},
		"a row":             {block: `SELECT FROM tenants FOR UPDATE`, says: []string{"55P03", "lock"}},
		"privilege":         {spoil: `REVOKE UPDATE ON tenants FROM %`, says: []string{"42501", "permission denied"}},
		"privilege of the log": {
			spoil: `REVOKE INSERT ON tenants_changes FROM %`, says: []string{"42501", "permission denied"},
		},
		"read-only": {spoil: `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '25006'; END $$;
			CREATE TRIGGER refuse BEFORE UPDATE ON tenants EXECUTE FUNCTION refuse()`, says: []string{"25006", "default_transaction_read_only"}},
		"queue of NOTIFY": {spoil: `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '54000'; END $$;
			CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON tenants DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()`,
			says: []string{"54000", "NOTIFY", "pg_stat_activity"}}, // at the commit, as it is then
		"type of a column": {spoil: `ALTER TABLE tenants ALTER COLUMN schema_name TYPE varchar(1); UPDATE tenants SET schema_name = '';
			ALTER TABLE tenants_changes ALTER COLUMN op TYPE varchar(1) USING 'x'`, says: []string{"22001", "type"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := newDatabase(t)
			acme := create(t, open(t, dsn), "acme")
			role, roleDSN := newRole(t, dsn)
			admin := connect(t, dsn)
			for pooled, opts := range map[bool][]bunpg.Option{false: nil, true: {bunpg.WithPgBouncer()}} {
				if pooled && c.params != "" {
					continue // they are not passed on
				}
				lockTimeout := 100 * time.Millisecond
				if c.params != "" {
					lockTimeout = time.Hour // the other one is to be met
				}
				s := open(t, roleDSN+c.params, append(opts, bunpg.WithLockTimeout(lockTimeout),
					bunpg.WithStore(bunstore.WithRetryTimeout(time.Millisecond)))...)
				if c.spoil != "" {
					exec(t, admin, strings.ReplaceAll(c.spoil, "%", role))
					c.spoil = ""
				}
				if c.block != "" {
					exec(t, admin, "BEGIN")
					exec(t, admin, c.block)
				}
				_, err := s.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended)
				if c.block != "" {
					exec(t, admin, "COMMIT")
				}
				if !errors.Is(err, tenancy.ErrUnavailable) || !errors.Is(err, tenancy.ErrNotApplied) {
					t.Errorf("pooled %t: %v; want ErrUnavailable and ErrNotApplied", pooled, err)
					continue
				}
				for _, text := range append(c.says, "nothing was changed") {
					if !strings.Contains(err.Error(), text) {
						t.Errorf("pooled %t: %v; want it to say %q", pooled, err, text)
					}
				}
				if got := one[string](t, admin, `SELECT status FROM tenants`); got != string(tenancy.StatusActive) {
					t.Errorf("pooled %t: the status is %s", pooled, got)
				}
			}
		})
	}
}

// A read never speaks of changes.
func TestRefusedReadIsUnavailable(t *testing.T) {
	dsn := newDatabase(t)
	acme := create(t, open(t, dsn), "acme")
	role, roleDSN := newRole(t, dsn)
	s := open(t, roleDSN)
	exec(t, connect(t, dsn), `REVOKE SELECT ON tenants FROM `+role+`; GRANT SELECT (id, identifier) ON tenants TO `+role)
	_, err := s.GetByID(t.Context(), acme.ID)
	if !errors.Is(err, tenancy.ErrUnavailable) || errors.Is(err, tenancy.ErrNotApplied) || !strings.Contains(err.Error(), "42501") {
		t.Errorf("%v", err)
	}
}
