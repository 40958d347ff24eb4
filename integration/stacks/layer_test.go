//go:build unix

package stacks

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// layer is one tier of a stack.
type layer string

const (
	local  layer = "ristretto"
	shared layer = "valkey"
)

// arrangement is the tiers of a stack, outermost first.
type arrangement []layer

// arrangements are all that make sense, and some that make none but are correct.
var arrangements = []arrangement{
	{local}, {shared}, {local, shared}, {shared, shared}, {shared, local},
}

func (a arrangement) String() string {
	if len(a) == 0 {
		return "none"
	}
	names := make([]string, len(a))
	for i, l := range a {
		names[i] = string(l)
	}
	return strings.Join(names, " over ")
}

// build puts the tiers of a on next. Those in Valkey keep their keys under
// prefixes that begin with prefix.
func (a arrangement) build(tb testing.TB, next tenancy.Store, addr, prefix string, opts ...tier.Option) tenancy.Store {
	tb.Helper()
	quiet := slog.New(slog.DiscardHandler)
	opts = append([]tier.Option{tier.WithLogger(quiet), tier.WithLoadTimeout(patience), tier.WithFollowTimeout(patience)}, opts...)
	for depth, l := range slices.Backward(a) {
		var err error
		if l == local {
			next, err = ristrettotier.New(next, ristrettotier.WithTier(opts...))
		} else {
			next, err = valkeytier.New(next, valkey.ClientOption{InitAddress: []string{addr}},
				valkeytier.WithKeyPrefix(prefix+":"+string(rune('a'+depth))+":"),
				valkeytier.WithBus(), valkeytier.WithPlainSecrets(), valkeytier.WithLogger(quiet),
				// What is tested is not what happens without Valkey.
				valkeytier.WithDeadline(time.Minute), valkeytier.WithTier(opts...))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	return next
}

// bottom returns the store under the tiers.
func bottom(s tenancy.Store) tenancy.Store {
	for t := range tier.Walk(s) {
		s = t.Below()
	}
	return s
}
