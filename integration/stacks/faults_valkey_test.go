//go:build unix

package stacks

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"

	"github.com/go-tenancy/tenantstore/integration/servers"
)

func (f *fleet) valkeyFaults(r *rand.Rand) []fault {
	// on is a fault of the server that holds the entries.
	on := func(name string, alone bool, begin func(ctx context.Context, v *servers.Valkey) (heal func() error, err error)) fault {
		return fault{name, alone, func(ctx context.Context) (func() error, error) {
			v, err := f.primary(ctx)
			if err != nil {
				return nil, err
			}
			return begin(ctx, v)
		}}
	}
	return []fault{
		on("Valkey kill -9", true, func(ctx context.Context, v *servers.Valkey) (func() error, error) {
			return func() error { return v.Start(ctx) }, v.Kill()
		}),
		on("Valkey SIGSTOP", true, func(_ context.Context, v *servers.Valkey) (func() error, error) { return v.Resume, v.Pause() }),
		on("FLUSHALL", false, func(ctx context.Context, v *servers.Valkey) (func() error, error) {
			_, err := v.Do(ctx, "FLUSHALL")
			return done, err
		}),
		on("eviction", true, func(ctx context.Context, v *servers.Valkey) (func() error, error) {
			_, err := v.Do(ctx, "CONFIG", "SET", "maxmemory", "1000kb") // about what an empty server takes
			return func() error {
				_, err := v.Do(ctx, "CONFIG", "SET", "maxmemory", "8mb")
				return err
			}, err
		}),
		on("wrong types", false, func(ctx context.Context, v *servers.Valkey) (func() error, error) {
			return done, each(r, func(key string) error {
				if _, err := v.Do(ctx, "DEL", key); err != nil {
					return err
				}
				_, err := v.Do(ctx, "RPUSH", key, "x")
				return err
			})
		}),
		on("corrupt values", false, func(ctx context.Context, v *servers.Valkey) (func() error, error) {
			return done, each(r, func(key string) error {
				value, err := valueOf(ctx, v, key)
				if err != nil || value == "" {
					return err
				}
				damaged := []byte(value)
				damaged[r.IntN(len(damaged))] ^= byte(1 + r.IntN(255))
				_, err = v.Do(ctx, "SET", key, string(damaged), "XX")
				return err
			})
		}),
		on("outdated values come back", false, func(ctx context.Context, v *servers.Valkey) (func() error, error) {
			old := map[string]string{}
			err := each(r, func(key string) error {
				value, err := valueOf(ctx, v, key)
				if value != "" {
					old[key] = value
				}
				return err
			})
			return func() error {
				for key, value := range old {
					if _, err := v.Do(ctx, "SET", key, value); err != nil {
						return err
					}
				}
				return nil
			}, err
		}),
	}
}

// valueOf returns what is under key, or "" for nothing, or nothing that is a string.
func valueOf(ctx context.Context, v *servers.Valkey, key string) (string, error) {
	value, err := v.Do(ctx, "GET", key)
	if strings.HasPrefix(value, "-") {
		return "", err
	}
	return value, err
}

// failover kills the primary, so that the sentinels promote its replica, every other
// time one that has got nothing for a while: what was applied and dropped since then
// is back. Later the old primary becomes the replica of the new one.
func (f *fleet) failover(r *rand.Rand) fault {
	return fault{"Valkey failover", true, func(ctx context.Context) (func() error, error) {
		set := f.sentinel
		if err := set.Reunite(ctx); err != nil { // if another fault has parted them
			return nil, err
		}
		primary, _, err := set.Roles(ctx)
		if err != nil {
			return nil, err
		}
		if r.IntN(2) == 0 {
			if err := set.Part(ctx); err != nil {
				return nil, err
			}
			wait(ctx, between(r, 50, 400))
		}
		return func() error {
			return errors.Join(set.Replaced(ctx, primary), primary.Start(ctx), set.Reunite(ctx))
		}, primary.Kill()
	}}
}

// each calls do with about a third of all keys in Valkey.
func each(r *rand.Rand, do func(key string) error) error {
	for i := range max(cells, slugs) {
		if r.IntN(3) > 0 {
			continue
		}
		err := do(prefix + "id:" + cellID(i))
		if err = errors.Join(err, do(prefix+"identifier:"+slugOf(i))); err != nil {
			return err
		}
	}
	return nil
}
