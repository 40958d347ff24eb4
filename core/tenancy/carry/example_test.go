package carry_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/carry"
)

// Message is one of a queue.
type Message struct {
	Header http.Header
	Body   string
}

func Example() {
	store := memstore.New()
	defer store.Close()
	acme, err := store.Create(context.Background(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		log.Fatal(err)
	}

	// In a request, whose context has the tenant:
	ctx := tenancy.NewContext(context.Background(), acme)
	m := Message{Header: http.Header{}, Body: "send the invoice"}
	if err := carry.Inject(ctx, m.Header); err != nil {
		log.Fatal(err)
	}

	// In a worker:
	work := func(m Message) {
		ctx, err := carry.Extract(context.Background(), store, resolve.Policy{}, m.Header)
		switch {
		case errors.Is(err, resolve.ErrNotServed):
			fmt.Println("set aside:", m.Body)
		case err != nil:
			fmt.Println("try again:", m.Body)
		default:
			fmt.Println(tenancy.MustFromContext(ctx).Name, "–", m.Body)
		}
	}
	work(m)
	if _, err := store.SetStatus(ctx, acme.ID, tenancy.StatusSuspended); err != nil {
		log.Fatal(err)
	}
	work(m)
	// Output:
	// Acme – send the invoice
	// set aside: send the invoice
}
