// A program with a store of its own.
package main

import (
	"context"
	"log"
	"os"

	"example.com/stranger/filestore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func main() {
	store, err := filestore.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	n, err := store.Count(context.Background(), tenancy.Filter{})
	if err != nil {
		log.Fatal(err)
	}
	log.Print("tenants: ", n)
}
