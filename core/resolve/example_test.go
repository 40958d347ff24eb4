package resolve_test

import (
	"context"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// An interceptor of any protocol: what the request says, a decision, an answer.
func ExamplePolicy_Decide() {
	ctx := context.Background()
	store := memstore.New()
	defer store.Close()
	for identifier, status := range map[string]tenancy.Status{"acme": tenancy.StatusActive, "globex": tenancy.StatusSuspended} {
		if _, err := store.Create(ctx, tenancy.Tenant{Identifier: identifier, Name: identifier, Status: status}); err != nil {
			panic(err)
		}
	}
	policy := resolve.Policy{Hidden: true}
	for _, name := range []string{"acme", "globex", "nobody", "?", ""} {
		match, err := resolve.Match{Key: tenancy.IdentifierKey(name)}, error(nil)
		if name == "" {
			match, err = resolve.Match{}, resolve.ErrAbsent
		}
		d := policy.Decide(ctx, store, match, err)
		fmt.Printf("%q is %s, and the client is told %s\n", name, d.Outcome, d.Shown)
	}
	// Output:
	// "acme" is resolved, and the client is told resolved
	// "globex" is suspended, and the client is told unknown
	// "nobody" is unknown, and the client is told unknown
	// "?" is invalid, and the client is told invalid
	// "" is missing, and the client is told missing
}

// A long job of one tenant ends when that is suspended.
func ExampleWatcher() {
	ctx := context.Background()
	store := memstore.New()
	defer store.Close()
	acme, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		panic(err)
	}
	watcher, err := resolve.NewWatcher(store, resolve.Policy{})
	if err != nil {
		panic(err)
	}
	defer watcher.Close() // before the store

	job, cancel, d := watcher.Watch(ctx, acme)
	defer cancel()
	fmt.Println(d.Outcome)
	if _, err := store.SetStatus(ctx, acme.ID, tenancy.StatusSuspended); err != nil {
		panic(err)
	}
	<-job.Done()
	fmt.Println(context.Cause(job))
	// Output:
	// resolved
	// the tenant is no longer served
}
