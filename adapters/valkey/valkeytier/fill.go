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

// Put implements [tier.Cache]. That it stored nothing, because the lease was gone,
// is no error.
func (c *Cache) Put(ctx context.Context, token tier.Token, e *tier.Entry) error {
	value, err := c.encode(e)
	if err != nil {
		if token != 0 {
			err = errors.Join(err, c.Release(ctx, e.Key, token))
		}
		return err
	}
	return c.invoke(ctx, filling, c.scripts.put, c.putting(token, e, value))
}

func (c *Cache) putting(token tier.Token, e *tier.Entry, value string) invocation {
	return invocation{c.name(e.Key), []string{lease(token), value, milliseconds(e.TTL)}}
}

// PutBatch implements [tier.BatchCache]. Entries that must not be cached are left
// out, and their leases released.
func (c *Cache) PutBatch(ctx context.Context, tokens []tier.Token, entries []*tier.Entry) (uncacheable int, err error) {
	var puts, releases []invocation
	for i, e := range entries {
		value, err := c.encode(e)
		if err == nil {
			puts = append(puts, c.putting(tokens[i], e, value))
			continue
		}
		uncacheable++
		if tokens[i] != 0 {
			releases = append(releases, invocation{c.name(e.Key), []string{lease(tokens[i])}})
		}
	}
	return uncacheable, errors.Join(c.invoke(ctx, filling, c.scripts.put, puts...), c.invoke(ctx, removing, c.scripts.release, releases...))
}

// Release implements [tier.Cache].
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
