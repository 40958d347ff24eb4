module github.com/go-tenancy/tenantstore/tools

go 1.25.0
