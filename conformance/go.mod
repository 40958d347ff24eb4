module github.com/go-tenancy/tenantstore/conformance

go 1.25.0

require github.com/go-tenancy/tenantstore/core v0.1.0

replace github.com/go-tenancy/tenantstore/core => ../core
