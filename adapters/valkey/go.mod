module github.com/go-tenancy/tenantstore/adapters/valkey

go 1.25.0

require (
	github.com/go-tenancy/tenantstore/conformance v0.1.0
	github.com/go-tenancy/tenantstore/core v0.1.0
	github.com/valkey-io/valkey-go v1.0.79
	go.uber.org/goleak v1.3.0
)

require golang.org/x/sys v0.47.0 // indirect

replace (
	github.com/go-tenancy/tenantstore/conformance => ../../conformance
	github.com/go-tenancy/tenantstore/core => ../../core
)
