package faults_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// A database whose log cannot be read: the write succeeds, and nothing is served
// from the cache until the log was read again.
func ExampleSource() {
	ctx := context.Background()
	source := faults.NewSource(memstore.New(), 1)
	s, err := tier.New(source, tier.Local(faults.NewLocal()), tier.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	acme, err := s.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	fmt.Println(err)
	source.FailLog(errors.New("connection refused"))
	_, err = s.SetStatus(ctx, acme.ID, tenancy.StatusSuspended)
	fmt.Println(err)
	_, err = s.GetByID(ctx, acme.ID)
	fmt.Println(errors.Is(err, tenancy.ErrUnavailable))
	source.FailLog(nil)
	got, err := s.GetByID(ctx, acme.ID)
	fmt.Println(got.Status, err)
	// Output:
	// <nil>
	// <nil>
	// true
	// suspended <nil>
}
