package bunstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // any driver will do

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A store in a database that the program has open already.
func ExampleNew() {
	ctx := context.Background()
	sqldb, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		log.Fatal(err)
	}
	sqldb.SetMaxOpenConns(1) // each connection would be a database of its own
	db := bun.NewDB(sqldb, sqlitedialect.New())
	defer func() { _ = db.Close() }() // the store leaves it open

	store, err := bunstore.New(db, bunstore.WithTable("customers"), bunstore.WithSoftDelete())
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}

	acme, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme Inc."})
	if err != nil {
		log.Fatal(err)
	}
	// Somebody edits the table by hand: the store knows.
	if _, err := db.ExecContext(ctx, "UPDATE customers SET identifier = 'acme-inc'"); err != nil {
		log.Fatal(err)
	}
	changes, err := store.Changes(ctx, tenancy.Position{}, 0)
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range changes {
		fmt.Println(c.Position.Revision, c.Kind, c.Touches(tenancy.IDKey(acme.ID)), c.Touches(tenancy.IdentifierKey("acme-inc")))
	}
	// Output:
	// 1 reset true true
	// 2 create true false
	// 3 update true true
}

// A script for a database administrator.
func ExampleDDL() {
	text, err := bunstore.DDL(dialect.PG, bunstore.WithSchema("app"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(text) > 1000)
	// Output: true
}
