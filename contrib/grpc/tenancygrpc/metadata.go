package tenancygrpc

import (
	"context"
	"strings"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy/carry"
)

// Metadata reads the tenant from the metadata of the call under a key, such as x-tenant-id: for
// clients that are trusted with it, or together with what proves it (see [Agree]). Anybody can
// send metadata.
//
// None is [resolve.ErrAbsent]. A value that is empty, sent twice or a list is refused.
func Metadata(key string, opts ...KeyOption) Resolver {
	return fromMetadata{strings.ToLower(key), newKeyConfig(opts)}
}

type fromMetadata struct {
	key string
	keyConfig
}

func (f fromMetadata) Resolve(ctx context.Context) (resolve.Match, error) {
	value, err := single(ctx, f.key)
	if err == nil && strings.IndexByte(value, ',') >= 0 { // what a proxy makes of two
		err = refuse("metadata", "hold a list")
	}
	if err != nil {
		return resolve.Match{Resolver: resolve.NameHeader}, err
	}
	return f.match(resolve.NameHeader, value)
}

func (f fromMetadata) check() error {
	if !validKey(f.key) {
		return misconfigured("Metadata: %q cannot name a tenant", f.key)
	}
	return f.err
}

// validKey refuses what gRPC and HTTP/2 keep for themselves, and binary values.
func validKey(key string) bool {
	switch key {
	case "", "host", "te", "content-type", "user-agent", "connection":
		return false
	}
	return strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == "" && !strings.HasPrefix(key, "grpc-") && !strings.HasSuffix(key, "-bin")
}

// Carried finds the tenant that [InjectUnary] or [InjectStream] has sent along, as it was
// there or later: one that was just created is not missed by a cache that is behind. For
// services that only your own can call: whoever can send metadata can name any tenant.
func Carried() Resolver { return carried{} }

type carried struct{}

func (carried) Resolve(ctx context.Context) (resolve.Match, error) {
	id, err := single(ctx, carry.KeyID)
	if err != nil {
		return resolve.Match{Resolver: resolve.NameCarried}, err
	}
	revision, err := single(ctx, carry.KeyRevision)
	if err != nil && !resolve.IsAbsent(err) {
		return resolve.Match{Resolver: resolve.NameCarried}, err
	}
	return carry.Parse(id, revision)
}
