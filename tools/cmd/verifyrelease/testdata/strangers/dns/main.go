// A service whose customers bring domains.
package main

import (
	"context"
	"errors"
	"log"

	"github.com/go-tenancy/tenantstore/contrib/dns/tenancydns"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func main() {
	domain, err := tenancydns.Parse("Bücher.example", "example.com")
	if err != nil || domain != "xn--bcher-kva.example" {
		log.Fatal(domain, err)
	}
	proofs, err := tenancydns.NewVerifier("_example-challenge", "127.0.0.1:1") // where nobody answers
	if err != nil {
		log.Fatal(err)
	}
	claim := tenancy.Name{Kind: tenancy.KindDomain, Value: domain, Token: "T"}
	if err := proofs.Verify(context.Background(), claim); !errors.Is(err, tenancy.ErrUnavailable) {
		log.Fatal(err)
	}
}
