// Package entrycodec is the binary form of what is known under a key: a tenant, or that
// there is none, as of a position. Shared caches keep it, and processes of different
// releases read it from there.
//
// It is for authors of caches. A secret is written sealed, or not at all, unless the
// author of the program says otherwise: see [Codec].
package entrycodec
