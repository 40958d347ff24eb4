// Package names tests what has to do with the domains of tenants against the programs of
// others: a DNS server, and a Caddy that asks before it obtains certificates.
package names
