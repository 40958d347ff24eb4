package valkeytier

import (
	"context"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// batchSize is how many keys a batch asks for at once: so many take a few
// milliseconds of a server that others wait for.
const batchSize = 1000

// Get implements [tier.SharedCache]. One key takes one round trip; once that is under way,
// it goes on until the deadline at most, even if ctx ends.
func (c *Cache) Get(ctx context.Context, keys []tenancy.Key) ([]tier.Result, error) {
	results := make([]tier.Result, len(keys))
	if len(keys) == 1 {
		r, err := c.getOne(ctx, keys[0])
		results[0] = r
		return results, err
	}
	for from := 0; from < len(keys); from += batchSize {
		to := min(from+batchSize, len(keys))
		if err := c.getSome(ctx, keys[from:to], results[from:to]); err != nil {
			if from == 0 {
				return nil, err
			}
			break
		}
	}
	return results, nil
}

func (c *Cache) getOne(ctx context.Context, key tenancy.Key) (tier.Result, error) {
	name := c.name(key)
	call, err := c.link.beginLookup(ctx, filling)
	if err != nil {
		return tier.Result{}, err
	}
	r, err := c.get(&call, key, name)
	return r, call.end(err)
}

func (c *Cache) get(call *call, key tenancy.Key, name string) (tier.Result, error) {
	token := newToken()
	r, bad, err := c.judge(key, name, token, call.client.Do(call.ctx, c.takeLease(call.client, name, token)))
	if bad != nil {
		return c.repair(call, name, bad)
	}
	return r, err
}

// takeLease is the command that returns what is under name, or takes the lease if
// that is nothing. It needs Redis 7.0.
func (c *Cache) takeLease(client valkey.Client, name string, token tier.Token) valkey.Completed {
	return client.B().Set().Key(name).Value(lease(token)).Nx().Get().PxMilliseconds(c.cfg.lease.Milliseconds()).Build()
}

// unusable is a value that must be replaced.
type unusable struct {
	value string // empty if it is of another type
	err   error
}

// judge turns the answer to takeLease into a result.
func (c *Cache) judge(key tenancy.Key, name string, token tier.Token, answer valkey.ValkeyResult) (tier.Result, *unusable, error) {
	value, err := answer.ToString()
	switch {
	case valkey.IsValkeyNil(err):
		return tier.Result{Token: token}, nil, nil
	case isWrongType(err):
		return tier.Result{}, &unusable{err: err}, nil
	case err != nil:
		return tier.Result{}, nil, cmdSet.failed(err, name)
	case isLease(value):
		return tier.Result{Leased: true}, nil, nil
	}
	e, why := c.decode(key, value)
	if why == nil {
		return tier.Result{Entry: e}, nil, nil
	}
	return tier.Result{}, &unusable{value, why}, nil
}

// repair puts a lease in the place of a value that cannot be used.
func (c *Cache) repair(call *call, name string, u *unusable) (tier.Result, error) {
	c.note(name, u.err)
	token := newToken()
	replaced, err := c.scripts.repair.run(call.ctx, call.client, invocation{name, []string{u.value, lease(token), milliseconds(c.cfg.lease)}})
	if err != nil || replaced[0] == 0 {
		return tier.Result{}, err
	}
	return tier.Result{Token: token}, nil
}

// getSome reads first, with the cheapest command for many keys, and asks for
// leases only where there was nothing.
func (c *Cache) getSome(ctx context.Context, keys []tenancy.Key, results []tier.Result) error {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = c.name(k)
	}
	call, err := c.link.begin(ctx, filling, c.cfg.deadline)
	if err != nil {
		return err
	}
	values, err := readMany(&call, names)
	if err != nil {
		return call.end(err)
	}
	var missing []int
	for i, value := range values {
		if value == "" {
			missing = append(missing, i)
			continue
		}
		if isLease(value) {
			results[i].Leased = true
			continue
		}
		e, why := c.decode(keys[i], value)
		if why == nil {
			results[i].Entry = e
			continue
		}
		if results[i], err = c.repair(&call, names[i], &unusable{value, why}); err != nil {
			break
		}
	}
	if err == nil && len(missing) > 0 {
		err = c.leaseMany(&call, keys, names, missing, results)
	}
	_ = call.end(err) // counted; what was read is good
	return nil
}

// readMany returns what is under names; "" stands for nothing, or for a value of
// another type.
func readMany(call *call, names []string) ([]string, error) {
	values := make([]string, len(names))
	if call.client.Mode() != valkey.ClientModeCluster && call.link.accepts(cmdMGet) {
		answers, err := call.client.Do(call.ctx, call.client.B().Mget().Key(names...).Build()).ToArray()
		if err != nil {
			return nil, cmdMGet.failed(err, names...)
		}
		for i := range answers {
			if values[i], err = answers[i].ToString(); err != nil && !valkey.IsValkeyNil(err) {
				return nil, cmdMGet.failed(err, names...)
			}
		}
		return values, nil
	}
	commands := make([]valkey.Completed, len(names))
	for i, name := range names {
		commands[i] = call.client.B().Get().Key(name).Build()
	}
	for i, answer := range call.client.DoMulti(call.ctx, commands...) {
		value, err := answer.ToString()
		if err != nil && !valkey.IsValkeyNil(err) && !isWrongType(err) {
			return nil, cmdGet.failed(err, names[i])
		}
		values[i] = value
	}
	return values, nil
}

// leaseMany does what getOne does for the keys that nothing was found under.
func (c *Cache) leaseMany(call *call, keys []tenancy.Key, names []string, missing []int, results []tier.Result) error {
	commands := make([]valkey.Completed, len(missing))
	tokens := make([]tier.Token, len(missing))
	for j, i := range missing {
		tokens[j] = newToken()
		commands[j] = c.takeLease(call.client, names[i], tokens[j])
	}
	var failed error
	for j, answer := range call.client.DoMulti(call.ctx, commands...) {
		i := missing[j]
		r, bad, err := c.judge(keys[i], names[i], tokens[j], answer)
		if bad != nil {
			r, err = c.repair(call, names[i], bad)
		}
		if err != nil && failed == nil {
			failed = err
		}
		results[i] = r
	}
	return failed
}
