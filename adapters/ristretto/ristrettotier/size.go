package ristrettotier

import "github.com/go-tenancy/tenantstore/core/tier"

// entryBytes is what an entry without any text takes: itself, and its share of
// the two maps of ristretto.
const entryBytes = 450

// size estimates the bytes that e takes, texts included.
func size(e *tier.Entry) int64 {
	t := &e.Versioned.Tenant
	return entryBytes + int64(len(e.Key.Value)+len(t.ID)+len(t.Identifier)+len(t.Name)+len(t.Status)+
		len(t.Isolation)+len(t.DatabaseURL.Reveal())+len(t.SchemaName)+len(t.Metadata.String()))
}

// each counts every entry as one.
func each(*tier.Entry) int64 { return 1 }
