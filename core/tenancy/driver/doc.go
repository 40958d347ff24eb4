// Package driver is what authors of stores need beside core/tenancy, as
// database/sql/driver is beside database/sql: who only uses a store needs none of it.
package driver
