// Package bunstore keeps tenants in PostgreSQL or SQLite, in a *bun.DB.
package bunstore
