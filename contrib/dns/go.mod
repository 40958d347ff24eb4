module github.com/go-tenancy/tenantstore/contrib/dns

go 1.25.0

require (
	github.com/go-tenancy/tenantstore/core v0.1.0
	golang.org/x/net v0.57.0
)

require golang.org/x/text v0.40.0 // indirect

replace github.com/go-tenancy/tenantstore/core => ../../core
