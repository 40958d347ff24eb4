package bunstore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// order is a model of a program that relates to tenants.
type order struct {
	bun.BaseModel `bun:"table:orders"`

	ID       int64            `bun:",pk,autoincrement"`
	TenantID string           `bun:",nullzero"`
	Tenant   *bunstore.Tenant `bun:"rel:belongs-to,join:tenant_id=id"`
}

// customer is a tenant in a table with another name.
type customer struct {
	bun.BaseModel `bun:"table:customers,alias:customer"`
	bunstore.Tenant
}

func TestModelsRelateToTenants(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db, keyring(t, key(t, "k")))
		ctx := t.Context()
		acme, err := s.Create(ctx, secretive(t, "acme"))
		if err != nil {
			t.Fatal(err)
		}
		if db.Dialect().Name() == dialect.MySQL { // a foreign key must have the collation of what it refers to
			exec(t, db, "ALTER DATABASE CHARACTER SET utf8mb4 COLLATE /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */")
		}
		if _, err := db.NewCreateTable().Model((*order)(nil)).WithForeignKeys().Exec(ctx); err != nil {
			t.Fatal(err)
		}
		orders := []order{{TenantID: acme.ID}, {}}
		if _, err := db.NewInsert().Model(&orders).Exec(ctx); err != nil {
			t.Fatal(err)
		}
		var read []order
		if err := db.NewSelect().Model(&read).Relation("Tenant").Order("order.id").Scan(ctx); err != nil {
			t.Fatal(err)
		}
		if len(read) != 2 || read[0].Tenant == nil || read[1].Tenant != nil {
			t.Fatalf("read %+v", read)
		}
		if got := s.FromModel(read[0].Tenant); got != acme {
			t.Errorf("FromModel = %+v, want %+v", got, acme)
		}
		joined := bunstore.Tenant{}
		if err := db.NewSelect().Model(&joined).Join("JOIN orders AS o ON o.tenant_id = tenant.id").Where("tenant.identifier = ?", "acme").Scan(ctx); err != nil {
			t.Fatal(err)
		}
		if got := s.FromModel(&joined); got != acme {
			t.Errorf("FromModel = %+v, want %+v", got, acme)
		}
	})
}

func TestModelOfATableWithAnotherName(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db, bunstore.WithTable("customers"))
		ctx := t.Context()
		acme, err := s.Create(ctx, secretive(t, "acme"))
		if err != nil {
			t.Fatal(err)
		}
		var tenant bunstore.Tenant
		if err := db.NewSelect().Model(&tenant).ModelTableExpr("customers AS tenant").Where("tenant.id = ?", acme.ID).Scan(ctx); err != nil {
			t.Fatal(err)
		}
		var own customer
		if err := db.NewSelect().Model(&own).Where("customer.id = ?", acme.ID).Scan(ctx); err != nil {
			t.Fatal(err)
		}
		type invoice struct {
			ID       int64     `bun:",pk"`
			TenantID string    `bun:"tenant_id"`
			Tenant   *customer `bun:"rel:belongs-to,join:tenant_id=id"`
		}
		if _, err := db.NewCreateTable().Model((*invoice)(nil)).Exec(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := db.NewInsert().Model(&invoice{ID: 1, TenantID: acme.ID}).Exec(ctx); err != nil {
			t.Fatal(err)
		}
		var related invoice
		if err := db.NewSelect().Model(&related).Relation("Tenant").Scan(ctx); err != nil || related.Tenant == nil {
			t.Fatal(err, related.Tenant)
		}
		for _, m := range []*bunstore.Tenant{&tenant, &own.Tenant, &related.Tenant.Tenant} {
			if got := s.FromModel(m); got != acme {
				t.Errorf("FromModel = %+v, want %+v", got, acme)
			}
		}
	})
}

// What a person has broken costs its own tenant something, and the others nothing.
func TestModelReadsBrokenRows(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db)
		if _, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
			t.Fatal(err)
		}
		breakRow(t, db)
		page, err := s.List(t.Context(), tenancy.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var models []bunstore.Tenant
		if err := db.NewSelect().Model(&models).Order("tenant.created_at DESC", "tenant.id DESC").Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(models) != len(page.Tenants) {
			t.Fatalf("%d models of %d tenants", len(models), len(page.Tenants))
		}
		for i := range models {
			if got := s.FromModel(&models[i]); fmt.Sprint(got) != fmt.Sprint(page.Tenants[i]) {
				t.Errorf("FromModel = %+v, want %+v", got, page.Tenants[i])
			}
		}
	})
}

func TestModelShowsNoSecret(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db)
		acme, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme", DatabaseURL: tenancy.NewSecret(canary)})
		if err != nil {
			t.Fatal(err)
		}
		var m bunstore.Tenant
		if err := db.NewSelect().Model(&m).Where("id = ?", acme.ID).Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("", "tenant", m, "url", m.DatabaseURL)
		for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s", m, m, m, m.DatabaseURL), string(data), log.String()} {
			if strings.Contains(shown, canary) || !strings.Contains(shown, "***") {
				t.Errorf("%s", shown)
			}
		}
		if m.DatabaseURL.Reveal() != canary {
			t.Error("the DatabaseURL was not read")
		}
	})
}

func TestModelIsForReading(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db)
		acme, err := s.Create(t.Context(), secretive(t, "acme"))
		if err != nil {
			t.Fatal(err)
		}
		m := bunstore.Tenant{ID: acme.ID, Identifier: "other", Name: "Other"}
		_, insertErr := db.NewInsert().Model(&m).Exec(t.Context())
		_, updateErr := db.NewUpdate().Model(&m).WherePK().Exec(t.Context())
		if !errors.Is(insertErr, tenancy.ErrInvalid) || !errors.Is(updateErr, tenancy.ErrInvalid) {
			t.Errorf("INSERT: %v; UPDATE: %v; want ErrInvalid", insertErr, updateErr)
		}
		if got, err := s.GetByID(t.Context(), acme.ID); err != nil || got != acme {
			t.Errorf("got %+v, %v", got, err)
		}
		// What names no values of a model is SQL like other.
		if _, err := db.NewUpdate().Model((*bunstore.Tenant)(nil)).Set("name = ?", "Other").Where("id = ?", acme.ID).Exec(t.Context()); err != nil {
			t.Error(err)
		}
		if got, err := s.GetByID(t.Context(), acme.ID); err != nil || got.Name != "Other" || got.Revision == acme.Revision {
			t.Errorf("after an UPDATE with Set: %+v, %v", got, err)
		}
	})
}
