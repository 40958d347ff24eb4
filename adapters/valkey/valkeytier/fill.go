package valkeytier

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// putSize is how many entries a batch stores in one round trip. They may be
// large.
const putSize = 250

// Put implements [tier.SharedCache]. Entries that must not be cached are left
// out, and their leases released.
func (c *Cache) Put(ctx context.Context, fills []tier.Fill) (uncacheable int, err error) {
	var puts, releases []invocation
	for _, f := range fills {
		name := c.name(f.Entry.Key)
		value, err := c.cfg.codec.Encode(f.Entry.Key, &f.Entry.Versioned)
		if err == nil {
			puts = append(puts, invocation{name, []string{lease(f.Token), value, milliseconds(f.Entry.TTL)}})
			continue
		}
		uncacheable++
		if f.Token != 0 {
			releases = append(releases, invocation{name, []string{lease(f.Token)}})
		}
	}
	return uncacheable, errors.Join(c.invoke(ctx, filling, c.scripts.put, puts...), c.invoke(ctx, removing, c.scripts.release, releases...))
}

// Release implements [tier.SharedCache].
func (c *Cache) Release(ctx context.Context, key tenancy.Key, token tier.Token) error {
	return c.invoke(ctx, removing, c.scripts.release, invocation{c.name(key), []string{lease(token)}})
}

// invoke runs a script, which needs these commands, for each of calls. A value of another type counts as
// nothing: the next lookup replaces it.
func (c *Cache) invoke(ctx context.Context, needs command, s script, calls ...invocation) error {
	for len(calls) > 0 {
		some := calls[:min(len(calls), putSize)]
		calls = calls[len(some):]
		call, err := c.link.begin(ctx, needs, c.cfg.deadline)
		if err != nil {
			return err
		}
		_, err = s.run(call.ctx, call.client, some...)
		if isWrongType(err) {
			err = nil
		}
		if err := call.end(err); err != nil {
			return err
		}
	}
	return nil
}
