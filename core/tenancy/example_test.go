package tenancy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A secret shows in no output, and a tenant can be logged and answered as it is.
func ExampleTenant() {
	ctx := context.Background()
	store := memstore.New()
	defer store.Close()

	acme, err := store.Create(ctx, tenancy.Tenant{
		ID: "t1", Identifier: "acme", Name: "Acme", DatabaseURL: tenancy.NewSecret("postgres://user:password@db/acme"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(acme.Identifier, acme.Status, acme.Revision, acme.DatabaseURL)
	fmt.Println(len(acme.DatabaseURL.Reveal()))
	acme.CreatedAt, acme.UpdatedAt = acme.CreatedAt.AddDate(-10, 0, 0), acme.CreatedAt // ignored by Update
	acme.Name = "Acme Inc."
	updated, err := store.Update(ctx, acme)
	fmt.Println(updated.Name, updated.Revision > acme.Revision, err)
	// Output:
	// acme active 2 ***
	// 32
	// Acme Inc. true <nil>
}

func ExampleTenant_MarshalJSON() {
	acme := tenancy.Tenant{
		ID: "t1", Identifier: "acme", Name: "Acme", Status: tenancy.StatusActive, DatabaseURL: tenancy.NewSecret("postgres://db/acme"),
	}
	answer, _ := json.Marshal(acme)
	file, _ := json.Marshal(tenancy.Revealed(acme))
	fmt.Println(string(answer))
	fmt.Println(string(file))
	// Output:
	// {"id":"t1","identifier":"acme","name":"Acme","status":"active","database_url":"***","metadata":{}}
	// {"id":"t1","identifier":"acme","name":"Acme","status":"active","database_url":"postgres://db/acme","metadata":{}}
}

// Metadata decodes into a type of the application, and is changed by copies.
func ExampleMetadata() {
	type settings struct {
		Plan  string `json:"plan"`
		Seats int    `json:"seats"`
	}
	m, err := tenancy.NewMetadata(settings{Plan: "free", Seats: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err = m.With("plan", "pro")
	fmt.Println(m, err)
	s, err := tenancy.MetadataAs[settings](m)
	fmt.Println(s.Plan, s.Seats, err)

	same, _ := tenancy.ParseMetadata([]byte(`{ "seats": 3.0, "plan": "\u0070ro" }`))
	fmt.Println(m == same)
	// Output:
	// {"plan":"pro","seats":3} <nil>
	// pro 3 <nil>
	// true
}

// A View is the application's own type for tenants: decoded once, not at every
// request.
func ExampleView() {
	type settings struct {
		Plan  string `json:"plan"`
		Seats int    `json:"seats"`
	}
	var view tenancy.View[settings]
	m, err := tenancy.NewMetadata(settings{Plan: "pro", Seats: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	acme := tenancy.Tenant{ID: "t1", Identifier: "acme", Metadata: m}
	s, err := view.Of(acme)
	fmt.Println(s.Plan, s.Seats, err)

	acme.Metadata, _ = m.With("seats", "many")
	_, err = view.Of(acme)
	fmt.Println(err)
	// Output:
	// pro 3 <nil>
	// tenancy: View: id "t1": identifier "acme": metadata: what is stored cannot be read: does not decode into tenancy_test.settings: field "seats" wants int
}

// A patch is merged by the store in one step: nothing that others write at the
// same time is lost.
func ExampleStore_updateMetadata() {
	ctx := context.Background()
	store := memstore.New()
	defer store.Close()
	plan, _ := tenancy.NewMetadata(map[string]any{"plan": "free", "trial": true})
	patch, _ := tenancy.NewMetadata(map[string]any{"plan": "pro", "trial": nil})

	acme, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme", Metadata: plan})
	if err != nil {
		fmt.Println(err)
		return
	}
	acme, err = store.UpdateMetadata(ctx, acme.ID, patch)
	fmt.Println(acme.Metadata, err)
	fmt.Println(acme.Metadata.Without("trial"))
	// Output:
	// {"plan":"pro","trial":null} <nil>
	// {"plan":"pro"}
}

func ExampleModify() {
	ctx := context.Background()
	store := memstore.New()
	defer store.Close()
	acme, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		fmt.Println(err)
		return
	}
	acme, err = tenancy.Modify(ctx, store, acme.ID, func(t *tenancy.Tenant) error {
		if t.Status != tenancy.StatusActive {
			return errors.New("only active tenants may be renamed")
		}
		t.Identifier, t.Name = "acme-inc", "Acme Inc."
		return nil
	})
	fmt.Println(acme.Identifier, err)
	// Output: acme-inc <nil>
}

func ExampleAll() {
	ctx := context.Background()
	store := memstore.New()
	defer store.Close()
	for _, identifier := range []string{"acme", "globex", "initech"} {
		if _, err := store.Create(ctx, tenancy.Tenant{Identifier: identifier, Name: identifier}); err != nil {
			fmt.Println(err)
			return
		}
	}
	active := tenancy.ListOptions{Filter: tenancy.Filter{Statuses: []tenancy.Status{tenancy.StatusActive}}}
	n := 0
	for t, err := range tenancy.All(ctx, store, active) {
		if err != nil {
			fmt.Println(err)
			return
		}
		n += len(t.Name)
	}
	fmt.Println(n)
	// Output: 17
}

// Test the reason with errors.Is; errors.As tells the field.
func ExampleError() {
	ctx := context.Background()
	store := memstore.New()
	defer store.Close()

	_, err := store.GetByIdentifier(ctx, "acme")
	fmt.Println(err, errors.Is(err, tenancy.ErrNotFound))

	_, err = store.Create(ctx, tenancy.Tenant{Identifier: "acme"})
	var e *tenancy.Error
	if errors.As(err, &e) && errors.Is(err, tenancy.ErrInvalid) {
		fmt.Println(e.Op, e.Field)
	}
	// Output:
	// tenancy: GetByIdentifier: identifier "acme": not found true
	// Create name
}

// A middleware puts the tenant into the context; the code behind it takes it out.
func ExampleFromContext() {
	ctx := tenancy.NewContext(context.Background(), tenancy.Tenant{ID: "t1", Name: "Acme"})

	if t, ok := tenancy.FromContext(ctx); ok {
		fmt.Println("serving", t.Name)
	}
	_, ok := tenancy.FromContext(context.Background())
	fmt.Println(ok)
	// Output:
	// serving Acme
	// false
}

// A follower of the change log knows of every write, in commit order.
func ExampleSource() {
	ctx := context.Background()
	store := memstore.New()
	defer store.Close()
	if _, err := store.Create(ctx, tenancy.Tenant{ID: "t1", Identifier: "acme", Name: "Acme"}); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := store.SetStatus(ctx, "t1", tenancy.StatusSuspended); err != nil {
		fmt.Println(err)
		return
	}
	source, ok := tenancy.SourceOf(store)
	if !ok {
		fmt.Println("this store has no change log")
		return
	}
	head, err := source.Bounds(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	changes, err := source.Changes(ctx, head.Oldest, 0)
	for _, c := range changes {
		fmt.Println(c.Position.Revision, c.Kind, c.TenantID, c.Keys)
	}
	fmt.Println(err)
	// Output:
	// 2 create t1 [{id t1} {identifier acme}]
	// 3 update t1 [{id t1} {identifier acme}]
	// <nil>
}
