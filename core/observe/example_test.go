package observe_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A decorator for a system of metrics of one's own.
func Example() {
	ctx := context.Background()
	measured := map[string]int{} // calls, by operation
	store, err := observe.Wrap(memstore.New(), observe.Config{
		Version: "1.2.0",
		Histogram: func(m observe.Metric, values ...string) observe.Record {
			return func(_ context.Context, took time.Duration, _ error) {
				if took >= 0 {
					measured[m.PrometheusName()+" "+values[0]]++
				}
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	if _, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		log.Fatal(err)
	}
	_, err = store.GetByIdentifier(ctx, "absent")
	fmt.Println(observe.OutcomeOf(err))

	store.Refresh()
	for _, one := range store.Series() {
		if v := one.Read(); v > 0 {
			fmt.Println(one.PrometheusName(), one.Labels, one.Values, v)
		}
	}
	fmt.Println(measured["tenancy_operation_duration_seconds create"])
	// Output:
	// not_found
	// tenancy_build_info [version] [1.2.0] 1
	// tenancy_operations_total [operation outcome] [get_by_identifier not_found] 1
	// tenancy_operations_total [operation outcome] [create ok] 1
	// 1
}
