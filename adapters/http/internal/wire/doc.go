// Package wire is what tenantserver and tenantclient say to each other: the JSON forms of
// what has none in core, and the errors of a store as problems of RFC 9457.
package wire

// A service of this kind says so in the header of each answer. A product behind tenancyhttp
// has the same problems, and means something else by them.
const (
	ServiceHeader  = "Tenantstore-Api"
	ServiceVersion = "1"
)
