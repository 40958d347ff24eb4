module github.com/go-tenancy/tenantstore/core

go 1.25.0
