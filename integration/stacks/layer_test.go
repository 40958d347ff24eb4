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

// layer is one cache of a stack.
type layer string

const (
	local  layer = "ristretto"
	shared layer = "valkey"
)

// arrangement is the caches of a stack, outermost first.
type arrangement []layer

// arrangements are all that there are.
var arrangements = []arrangement{{local}, {shared}, {local, shared}}

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

// most is how many entries a local cache holds: both of each tenant of the largest batch
// of the suite. To make and clear the counters of the default, for each rule anew, takes
// long under the race detector.
const most = 2 * 10_000

// build puts the caches of a on next. Keys in Valkey begin with prefix. The options are
// those of the stack.
func (a arrangement) build(tb testing.TB, next tenancy.Store, addr, prefix string, opts ...tier.Option) tenancy.Store {
	tb.Helper()
	quiet := slog.New(slog.DiscardHandler)
	opts = append([]tier.Option{tier.WithLoadTimeout(patience), tier.WithFollowTimeout(patience)}, opts...)
	for i, l := range slices.Backward(a) {
		var err error
		switch {
		case l == local && i < len(a)-1: // it joins the stack
			next, err = ristrettotier.New(next, ristrettotier.WithMaxEntries(most))
		case l == local:
			next, err = ristrettotier.New(next, ristrettotier.WithMaxEntries(most), ristrettotier.WithTier(append(opts, tier.WithLogger(quiet))...))
		default:
			next, err = valkeytier.New(next, valkey.ClientOption{InitAddress: []string{addr}},
				valkeytier.WithKeyPrefix(prefix+":"),
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

// bottom returns the store under the caches.
func bottom(s tenancy.Store) tenancy.Store {
	if stack, ok := tier.Of(s); ok {
		return stack.Next
	}
	return s
}

// onlyShared makes a stack forget what it has in memory, so that it asks Valkey.
func onlyShared(s *tier.Store) *tier.Store {
	s.Local().InvalidateAll()
	return s
}
