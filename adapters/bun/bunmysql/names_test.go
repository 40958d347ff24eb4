package bunmysql_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunmysql"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestNamesByHand(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme'), ('2', 'beta', 'Beta')`)
	exec(t, conn, `INSERT INTO tenants_names (tenant_id, value) VALUES ('1', 'acme.example'), ('2', 'acme.example')`) // claims
	exec(t, conn, `UPDATE tenants_names SET verified_at = 1 WHERE tenant_id = '1'`)
	exec(t, conn, `UPDATE tenants_names SET verified_at = 2, expires_at = 3 WHERE tenant_id = '1'`) // a time alone
	exec(t, conn, `UPDATE tenants SET primary_domain = 'acme.example' WHERE id = '1'`)
	exec(t, conn, `INSERT INTO tenants_names (tenant_id, kind, value) VALUES ('1', 'former', 'acme')`) // counts from the rename on
	exec(t, conn, `UPDATE tenants SET identifier = 'acme-inc', names = 'nonsense' WHERE id = '1'`)
	exec(t, conn, `UPDATE tenants SET id = '9' WHERE id = '1'`)
	exec(t, conn, `UPDATE tenants_names SET tenant_id = '2' WHERE kind = 'former'`)
	exec(t, conn, `DELETE FROM tenants_names WHERE tenant_id = '9'`)
	if got := one[string](t, conn, `SELECT CONCAT(primary_domain, names) FROM tenants WHERE id = '9'`); got != "[]" {
		t.Errorf("names %s", got)
	}
	exec(t, conn, `DELETE FROM tenants WHERE id = '2'`)
	if n := one[int64](t, conn, `SELECT COUNT(*) FROM tenants_names`); n != 0 {
		t.Errorf("%d names are left", n)
	}
	wantChanges(t, conn,
		"2 create 1 id:1 identifier:acme",
		"3 create 2 id:2 identifier:beta",
		"4 update 1 id:1 identifier:acme",
		"5 update 2 id:2 identifier:beta",
		"6 update 1 id:1 identifier:acme domain:acme.example",
		"7 update 1 id:1 identifier:acme domain:acme.example",
		"8 update 1 id:1 identifier:acme-inc identifier:acme domain:acme.example former:acme",
		"9 update 9 id:9 identifier:acme-inc id:1 domain:acme.example former:acme",
		"10 update 2 id:2 identifier:beta former:acme",
		"11 update 9 id:9 identifier:acme-inc domain:acme.example former:acme",
		"12 update 9 id:9 identifier:acme-inc domain:acme.example",
		"13 delete 2 id:2 identifier:beta former:acme",
	)
}

func TestNamesThatAreRefused(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme'), ('2', 'beta', 'Beta')`)
	exec(t, conn, `INSERT INTO tenants_names (tenant_id, kind, value) VALUES ('1', 'former', 'was-acme')`)
	exec(t, conn, `INSERT INTO tenants_names (tenant_id, value, verified_at) VALUES ('1', 'acme.example', 1)`)
	for _, text := range []string{
		`INSERT INTO tenants_names (tenant_id, value) VALUES ('7', 'nobody.example')`,
		`INSERT INTO tenants_names (tenant_id, value) VALUES ('1', 'NOT.example')`,
		`INSERT INTO tenants_names (tenant_id, value) VALUES ('1', 'a..example')`,
		`INSERT INTO tenants_names (tenant_id, value) VALUES ('1', 'example')`,
		`INSERT INTO tenants_names (tenant_id, kind, value) VALUES ('1', 'alias', 'acme.example')`,
		`INSERT INTO tenants_names (tenant_id, value, verified_at) VALUES ('2', 'acme.example', 1)`,
		`INSERT INTO tenants_names (tenant_id, kind, value) VALUES ('2', 'former', 'was-acme')`,
		`INSERT INTO tenants_names (tenant_id, kind, value) VALUES ('2', 'former', 'acme')`,
		`INSERT INTO tenants (id, identifier, name) VALUES ('3', 'was-acme', 'Taken')`, // see tenants_stamp_insert
		`UPDATE tenants SET identifier = 'was-acme' WHERE id = '2'`,
		`TRUNCATE tenants_names`,
	} {
		if try(conn, text) == nil {
			t.Errorf("%s was taken", text)
		}
	}
	if n := one[int64](t, conn, `SELECT COUNT(*) FROM tenants_names`); n != 2 {
		t.Errorf("%d names", n)
	}
	checkLog(t, conn)
}

// MySQL cuts what it puts together after 1,024 bytes, unless a session says otherwise.
func TestManyNamesByHand(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `SET SESSION group_concat_max_len = 64`)
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	var domains []string
	for i := range 60 {
		domains = append(domains, fmt.Sprintf("%0200d.example", i))
	}
	exec(t, conn, `INSERT INTO tenants_names (tenant_id, value, verified_at) VALUES ('1', '`+strings.Join(domains, `', 1), ('1', '`)+`', 1)`)
	exec(t, conn, `DELETE FROM tenants WHERE id = '1'`)
	got := changes(t, conn)
	if last := got[len(got)-1]; last != "63 delete 1 id:1 identifier:acme domain:"+strings.Join(domains, " domain:") {
		t.Errorf("the last change has %d bytes", len(last))
	}
	checkLog(t, conn)
}

// A statement cannot write what its triggers write, and they write tenants when it writes
// names.
func TestNamesFromTenants(t *testing.T) {
	conn := connect(t, newSchema(t))
	exec(t, conn, `INSERT INTO tenants (id, identifier, name) VALUES ('1', 'acme', 'Acme')`)
	if err := try(conn, `INSERT INTO tenants_names (tenant_id, value) SELECT id, CONCAT(identifier, '.example') FROM tenants`); err == nil {
		t.Error("a statement has read what its triggers write")
	}
	exec(t, conn, `CREATE TEMPORARY TABLE copied AS SELECT id, identifier FROM tenants`)
	exec(t, conn, `INSERT INTO tenants_names (tenant_id, value) SELECT id, CONCAT(identifier, '.example') FROM copied`)
	wantChanges(t, conn, "2 create 1 id:1 identifier:acme", "3 update 1 id:1 identifier:acme")
}

// The store itself takes a former identifier of another tenant, which is a change of both.
func TestFormerIdentifierIsTaken(t *testing.T) {
	dsn := newDatabase(t)
	s := open(t, dsn, bunmysql.WithStore(bunstore.WithKeepFormer(time.Hour)))
	ctx := t.Context()
	acme, err := s.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	acme.Identifier = "acme-inc"
	if acme, err = s.Update(ctx, acme); err != nil {
		t.Fatal(err)
	}
	if owner, err := s.FormerOwner(ctx, "acme"); err != nil || owner != acme {
		t.Fatalf("FormerOwner: %v, %v", owner, err)
	}
	if _, err := s.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Another"}); err != nil {
		t.Fatal(err)
	}
	if owner, err := s.FormerOwner(ctx, "acme"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("FormerOwner of what is taken: %v, %v", owner, err)
	}
	got := changes(t, connect(t, dsn))
	if last := got[len(got)-2:]; !strings.HasSuffix(last[0], "former:acme") || !strings.Contains(last[1], " create ") {
		t.Errorf("log %q", got)
	}
}
