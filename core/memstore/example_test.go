package memstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func Example() {
	ctx := context.Background()
	store := memstore.New()
	defer store.Close()

	acme, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme Inc."})
	if err != nil {
		fmt.Println(err)
		return
	}
	acme.Identifier = "acme-inc"
	if _, err := store.Update(ctx, acme); err != nil {
		fmt.Println(err)
		return
	}

	_, err = store.GetByIdentifier(ctx, "acme")
	fmt.Println("old identifier:", errors.Is(err, tenancy.ErrNotFound))
	renamed, err := store.GetByIdentifier(ctx, "acme-inc")
	fmt.Println("new identifier:", renamed.Name, err)
	// Output:
	// old identifier: true
	// new identifier: Acme Inc. <nil>
}
