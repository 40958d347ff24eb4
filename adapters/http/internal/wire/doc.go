// Package wire is what tenantserver and tenantclient say to each other: the JSON forms of
// what has none in core, and the errors of a store as problems of RFC 9457.
package wire
