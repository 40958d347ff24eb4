// A program with a cache in Valkey, over a store in memory.
package main

import (
	"cmp"
	"context"
	"errors"
	"log"
	"os"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	// A Valkey that is not there costs hits, and no answer.
	server := valkey.ClientOption{InitAddress: []string{cmp.Or(os.Getenv("TENANTSTORE_VALKEY"), "127.0.0.1:1")}}
	store, err := valkeytier.New(memstore.New(), server, valkeytier.WithKeyPrefix("stranger:"+tenancy.NewID()+":"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	made, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme Inc."})
	if err != nil {
		return err
	}
	found, err := store.GetByIdentifier(ctx, "acme")
	if err == nil && found != made {
		err = errors.New("found another tenant than was made")
	}
	return err
}
