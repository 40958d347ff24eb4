// Package http tests tenancyhttp together with what applications use beside it: a
// router, a JWT library, a stack of caches, and clients of HTTP/2 that keep to no
// rules. It holds tests only, which are also the examples for docs/http.md.
package http
