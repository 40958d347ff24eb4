// Package isolation shows three ways from a request to its tenant's rows, with real
// PostgreSQL: a database per tenant, a schema per tenant, and row-level security. It sees to it
// that the next request on the same connection never finds rows of another tenant, however
// the one before has ended.
package isolation
