package oteltenancy_test

import (
	"context"
	"fmt"
	"log"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/go-tenancy/tenantstore/adapters/otel/oteltenancy"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func Example() {
	ctx := context.Background()
	spans := tracetest.NewSpanRecorder() // an exporter, outside of tests
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	defer func() { _ = provider.Shutdown(ctx) }()

	local, err := tier.New(memstore.New(), tier.Local(faults.NewLocal())) // ristrettotier.New(primary)
	if err != nil {
		log.Fatal(err)
	}
	store, err := oteltenancy.Wrap(local, oteltenancy.WithTracerProvider(provider)) // sees the tiers below, too
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	if _, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		log.Fatal(err)
	}
	for range 3 { // a miss, and hits: those make no spans
		if _, err := store.GetByIdentifier(ctx, "acme"); err != nil {
			log.Fatal(err)
		}
	}
	for _, s := range spans.Ended() {
		fmt.Println(s.Name())
	}
	// Output:
	// tenancy.create
	// tenancy.source.load
	// tenancy.get_by_identifier
}
