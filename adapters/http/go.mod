module github.com/go-tenancy/tenantstore/adapters/http

go 1.25.0

require (
	github.com/go-tenancy/tenantstore/conformance v0.1.0
	github.com/go-tenancy/tenantstore/contrib/net-http v0.1.0
	github.com/go-tenancy/tenantstore/core v0.1.0
	go.uber.org/goleak v1.3.0
)

replace (
	github.com/go-tenancy/tenantstore/conformance => ../../conformance
	github.com/go-tenancy/tenantstore/contrib/net-http => ../../contrib/net-http
	github.com/go-tenancy/tenantstore/core => ../../core
)
