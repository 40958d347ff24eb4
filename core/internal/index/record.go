// Package index keeps tenants in the order of List, for stores that hold all of them in
// memory: it answers List, Count and Search.
package index

import (
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Record is a tenant that an Index holds. It is never changed, only replaced.
type Record struct {
	tenancy.Tenant
	name string // folded
}

// NewRecord returns the record of t.
func NewRecord(t tenancy.Tenant) Record { return Record{t, driver.Fold(t.Name)} }
