module github.com/go-tenancy/tenantstore/adapters/ristretto

go 1.25.0

require (
	github.com/dgraph-io/ristretto/v2 v2.4.2
	github.com/go-tenancy/tenantstore/conformance v0.1.0
	github.com/go-tenancy/tenantstore/core v0.1.0
	go.uber.org/goleak v1.3.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	golang.org/x/sys v0.36.0 // indirect
)

replace (
	github.com/go-tenancy/tenantstore/conformance => ../../conformance
	github.com/go-tenancy/tenantstore/core => ../../core
)
