//go:build unix

package stacks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// fault is something that goes wrong for a while.
type fault struct {
	name string
	// alone says that nothing else may be wrong meanwhile.
	alone bool
	begin func(ctx context.Context) (heal func() error, err error)
}

// done is the heal of a fault that is over at once.
func done() error { return nil }

// faults are all that can happen to a fleet.
func (w *workload) faults(r *rand.Rand) []fault {
	f := w.fleet
	all := []fault{
		{"node restart", true, func(context.Context) (func() error, error) {
			return done, f.restart(f.nodes[r.IntN(len(f.nodes))])
		}},
	}
	if f.plan.valkey {
		all = append(all, f.valkeyFaults(r)...)
		all = append(all, f.networkFaults("Valkey", r, func(n *node) *proxy { return n.toValkey })...)
	}
	if f.plan.postgres {
		all = append(all, w.postgresFaults(r)...)
		all = append(all, f.networkFaults("PostgreSQL", r, func(n *node) *proxy { return n.toDatabase })...)
	}
	return all
}

func (f *fleet) networkFaults(to string, r *rand.Rand, of func(*node) *proxy) []fault {
	one := func() *proxy { return of(f.nodes[r.IntN(len(f.nodes))]) }
	return []fault{
		{to + " cut off", false, func(context.Context) (func() error, error) { return one().cut() }},
		{to + " far away", false, func(context.Context) (func() error, error) { return one().delay(1 + r.IntN(40)) }},
		{to + " behind a black hole", false, func(context.Context) (func() error, error) { return one().swallow() }},
	}
}

func (f *fleet) valkeyFaults(r *rand.Rand) []fault {
	command := func(words ...string) func(context.Context) (func() error, error) {
		return func(ctx context.Context) (func() error, error) {
			_, err := f.valkey.Do(ctx, words...)
			return done, err
		}
	}
	return []fault{
		{"Valkey kill -9", true, func(ctx context.Context) (func() error, error) {
			return func() error { return f.valkey.Start(ctx) }, f.valkey.Kill()
		}},
		{"Valkey SIGSTOP", true, func(context.Context) (func() error, error) { return f.valkey.Resume, f.valkey.Pause() }},
		{"FLUSHALL", false, command("FLUSHALL")},
		{"eviction", true, func(ctx context.Context) (func() error, error) {
			_, err := f.valkey.Do(ctx, "CONFIG", "SET", "maxmemory", "1000kb") // about what an empty server takes
			return func() error {
				_, err := f.valkey.Do(ctx, "CONFIG", "SET", "maxmemory", "8mb")
				return err
			}, err
		}},
		{"wrong types", false, func(ctx context.Context) (func() error, error) {
			return done, each(r, func(key string) error {
				if _, err := f.valkey.Do(ctx, "DEL", key); err != nil {
					return err
				}
				_, err := f.valkey.Do(ctx, "RPUSH", key, "x")
				return err
			})
		}},
		{"corrupt values", false, func(ctx context.Context) (func() error, error) {
			return done, each(r, func(key string) error {
				value, err := f.valkey.Do(ctx, "GET", key)
				if err != nil || value == "" || value == "$-1" || value[0] == '-' {
					return err
				}
				damaged := []byte(value)
				damaged[r.IntN(len(damaged))] ^= byte(1 + r.IntN(255))
				_, err = f.valkey.Do(ctx, "SET", key, string(damaged), "XX")
				return err
			})
		}},
		{"outdated values come back", false, func(ctx context.Context) (func() error, error) {
			old := map[string]string{}
			err := each(r, func(key string) error {
				value, err := f.valkey.Do(ctx, "GET", key)
				if value != "" && value[0] != '-' && value[0] != '$' {
					old[key] = value
				}
				return err
			})
			return func() error {
				for key, value := range old {
					if _, err := f.valkey.Do(ctx, "SET", key, value); err != nil {
						return err
					}
				}
				return nil
			}, err
		}},
	}
}

// each calls do with about a third of all keys in Valkey.
func each(r *rand.Rand, do func(key string) error) error {
	for i := range max(cells, slugs) {
		if r.IntN(3) > 0 {
			continue
		}
		err := do(fmt.Sprintf("%sid:tenant-%d", prefix, i))
		if err = errors.Join(err, do(fmt.Sprintf("%sidentifier:slug-%d", prefix, i))); err != nil {
			return err
		}
	}
	return nil
}

func (w *workload) postgresFaults(r *rand.Rand) []fault {
	f := w.fleet
	var backups []servers.Backup
	return []fault{
		{"PostgreSQL restart", true, func(ctx context.Context) (func() error, error) {
			return func() error { return f.postgres.Start(ctx) }, f.postgres.Stop()
		}},
		{"PostgreSQL kill -9", true, func(ctx context.Context) (func() error, error) {
			return func() error { return f.postgres.Start(ctx) }, f.postgres.Kill()
		}},
		{"row edited by hand", false, func(ctx context.Context) (func() error, error) {
			return done, f.edit(ctx, w.cells[r.IntN(cells)].id)
		}},
		{"older backup restored", true, func(ctx context.Context) (func() error, error) {
			if len(backups) == 0 {
				return func() error { return f.postgres.Start(ctx) }, f.backup(&backups)
			}
			backup := backups[r.IntN(len(backups))]
			return func() error { return w.restored(ctx) }, w.restore(backup)
		}},
		{"PostgreSQL backed up", true, func(ctx context.Context) (func() error, error) {
			return func() error { return f.postgres.Start(ctx) }, f.backup(&backups)
		}},
	}
}

// edit changes a row as somebody with psql does.
func (f *fleet) edit(ctx context.Context, id string) error {
	conn, err := pgx.Connect(ctx, f.postgres.DSN())
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "UPDATE tenants SET name = 'Edited by hand' WHERE id = $1", id)
	return errors.Join(err, conn.Close(ctx))
}

func (f *fleet) backup(all *[]servers.Backup) error {
	if err := f.postgres.Stop(); err != nil {
		return err
	}
	b, err := f.postgres.Backup()
	*all = append(*all, b)
	return err
}

// restore puts an older state in the place of the database. What was acknowledged
// up to now is first seen to be there.
func (w *workload) restore(backup servers.Backup) error {
	if err := w.check.Settle(context.Background(), w.fleet.raw); err != nil && !errors.Is(err, tenancy.ErrUnavailable) {
		return err
	}
	w.check.Suspend()
	if err := w.fleet.postgres.Stop(); err != nil {
		return err
	}
	return w.fleet.postgres.Restore(backup)
}

func (w *workload) restored(ctx context.Context) error {
	if err := w.fleet.postgres.Start(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := w.fleet.noticed(ctx); err != nil {
		return fmt.Errorf("a node does not notice the restored backup: %w", err)
	}
	w.forget()
	w.check.Resume()
	return nil
}

// disturb makes things go wrong, one or two at a time, each kind before any comes
// again, until ctx ends. It counts them, and leaves everything healed.
func (w *workload) disturb(ctx context.Context, r *rand.Rand, all []fault, counts map[string]int) error {
	var queue []fault
	next := func() fault {
		if len(queue) == 0 {
			for _, i := range r.Perm(len(all)) {
				queue = append(queue, all[i])
			}
		}
		first := queue[0]
		queue = queue[1:]
		return first
	}
	whole := context.WithoutCancel(ctx) // to heal what ctx has interrupted
	for wait(ctx, between(r, 20, 150)) {
		both := []fault{next()}
		if second := next(); !both[0].alone && !second.alone && second.name != both[0].name && r.IntN(2) == 0 {
			both = append(both, second)
		} else {
			queue = append([]fault{second}, queue...)
		}
		var heals []func() error
		var errs []error
		for _, f := range both {
			heal, err := f.begin(whole)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", f.name, err))
				continue
			}
			counts[f.name]++
			heals = append(heals, heal)
		}
		wait(ctx, between(r, 50, 400))
		for _, heal := range heals {
			if err := heal(); err != nil {
				errs = append(errs, fmt.Errorf("healing %v: %w", both, err))
			}
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return nil
}

func between(r *rand.Rand, low, high int) time.Duration {
	return time.Duration(low+r.IntN(high-low)) * time.Millisecond
}
