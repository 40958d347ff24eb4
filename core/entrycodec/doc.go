// Package entrycodec is the binary form of a cache entry: a tenant, or the fact that none
// exists, as of a position. Shared caches and snapshot files store it, and processes of
// different releases read it.
//
// It is for authors of caches. A secret is written sealed or not at all by default: see
// [Codec].
package entrycodec
