package tenancydns_test

import (
	"context"
	"fmt"

	"github.com/go-tenancy/tenantstore/contrib/dns/tenancydns"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// What somebody types becomes a claim, and a record for them to make.
func Example() {
	store := memstore.New()
	defer store.Close()
	ctx := context.Background()
	acme, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		panic(err)
	}
	proofs, err := tenancydns.NewVerifier("_example-challenge", "9.9.9.9:53", "1.1.1.1:53")
	if err != nil {
		panic(err)
	}

	domain, err := tenancydns.Parse(" Bücher.Example. ", "example.com")
	if err != nil {
		panic(err)
	}
	claim, err := store.AddDomain(ctx, acme.ID, domain)
	if err != nil {
		panic(err)
	}
	fmt.Println(proofs.Record(claim), "TXT", len(claim.Token), "characters")
	// proofs.Verify(ctx, claim) is nil once the record is there; then:
	// store.VerifyDomain(ctx, acme.ID, domain)

	_, err = tenancydns.Parse("co.uk")
	fmt.Println(err)
	// Output:
	// _example-challenge.xn--bcher-kva.example TXT 26 characters
	// tenancy: domain: invalid: is a public suffix, below which anybody has domains
}
