module github.com/go-tenancy/tenantstore/integration

go 1.25.0

require (
	github.com/go-tenancy/tenantstore/adapters/bun v0.1.0
	github.com/go-tenancy/tenantstore/conformance v0.1.0
	github.com/go-tenancy/tenantstore/core v0.1.0
)

replace (
	github.com/go-tenancy/tenantstore/adapters/bun => ../adapters/bun
	github.com/go-tenancy/tenantstore/conformance => ../conformance
	github.com/go-tenancy/tenantstore/core => ../core
)
