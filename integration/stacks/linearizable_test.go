//go:build unix

package stacks

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/jackc/pgx/v5"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// TestLinearizable has several nodes write the same few tenants at once, without any
// agreement, and read them by Fresh: there must be one order of all calls, each
// within the time that it took, that explains every answer, revisions included. In
// the case of a server a node is cut off from it now and then, so that it does not
// learn what became of its writes. With -full, for minutes.
func TestLinearizable(t *testing.T) {
	windows := 24
	if *full {
		windows = 2000
	}
	t.Run("sqlite", func(t *testing.T) {
		f := newFleet(t, plan{nodes: 2})
		newTrial(f).run(t, windows)
	})
	t.Run("postgres", func(t *testing.T) {
		f := newFleet(t, plan{nodes: 2, postgres: true, valkey: true, bus: true})
		trial := newTrial(f)
		trial.fault = f.nodes[0].toDatabase.cut
		trial.settle = func(ctx context.Context) error { return endSessions(ctx, f.postgres.DSN()) }
		trial.run(t, windows)
	})
	t.Run("mysql", func(t *testing.T) {
		f := newFleet(t, plan{nodes: 2, mysql: true, valkey: true, bus: true})
		trial := newTrial(f)
		trial.fault = f.nodes[0].toDatabase.cut
		trial.settle = func(ctx context.Context) error { return servers.EndMySQLSessions(ctx, f.site.DSN) }
		trial.run(t, windows)
	})
}

func newTrial(f *fleet) *trial {
	tr := &trial{raw: f.raw, stores: []tenancy.Store{f.raw}}
	for _, n := range f.nodes {
		tr.stores = append(tr.stores, n.store.Load(), n.store.Load())
	}
	return tr
}

// A trial consists of windows: short, so that an order is found soon, and begun when
// nothing is under way.
const windowCalls = 10 // of each client

// trial is clients of one database, each with a store of it.
type trial struct {
	raw    tenancy.Store   // reads what a window begins with
	stores []tenancy.Store // of the clients
	// fault, if not nil, makes trouble in every third window, until heal is called.
	fault func() (heal func() error, err error)
	// settle, if not nil, ends what calls with an unknown outcome have left behind.
	settle func(context.Context) error
}

func (tr *trial) run(tb testing.TB, windows int) {
	tb.Helper()
	seed := rand.Uint64()
	var calls, unknown int
	for i := range windows {
		first := tr.first(tb)
		history, lost := tr.window(tb, rand.New(rand.NewPCG(seed, uint64(i))), i%3 == 2)
		if result := porcupine.CheckOperationsTimeout(startingWith(first), history, patience); result != porcupine.Ok {
			tb.Fatalf("window %d (seed %d): %s: no order explains\n%s", i, seed, result, lines(first, history))
		}
		if lost > 0 && tr.settle != nil {
			if err := tr.settle(tb.Context()); err != nil {
				tb.Fatal(err)
			}
		}
		calls, unknown = calls+len(history), unknown+lost
	}
	tb.Logf("%d calls, of which %d with an unknown outcome", calls, unknown)
}

// first returns what the database holds while nobody writes.
func (tr *trial) first(tb testing.TB) (d directory) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	for i := range d.rows {
		err := again(ctx, func() error { // the end of its session may have disturbed it
			t, err := tr.raw.GetByID(ctx, cellID(i))
			d.rows[i] = rowOf(t)
			return err
		})
		if err != nil && !errors.Is(err, tenancy.ErrNotFound) {
			tb.Fatal(err)
		}
		d.newest = max(d.newest, d.rows[i].revision)
	}
	return d
}

// window lets every client make some calls, and returns all that say something, and
// how many there are of which nobody knows the outcome.
func (tr *trial) window(tb testing.TB, r *rand.Rand, trouble bool) (history []porcupine.Operation, unknown int) {
	tb.Helper()
	var (
		mu      sync.Mutex
		clients sync.WaitGroup
		begin   = time.Now()
		made    atomic.Int64
		total   = int64(len(tr.stores) * windowCalls)
		ill     = make(chan struct{}) // closed when it is time for trouble
		well    = make(chan struct{}) // closed when it is over
	)
	for i, store := range tr.stores {
		c := client{store: store, fresh: tenancy.Fresh(store), random: rand.New(rand.NewPCG(r.Uint64(), 0))}
		clients.Go(func() {
			for range windowCalls {
				op := porcupine.Operation{ClientId: i, Call: time.Since(begin).Nanoseconds()}
				a, out := c.call(tb.Context())
				op.Input, op.Output, op.Return = a, out, time.Since(begin).Nanoseconds()
				failed := errors.Is(out.err, errSomething)
				if failed {
					op.Return = math.MaxInt64 // it may happen yet
				}
				mu.Lock()
				switch {
				case failed && a.reads():
				case failed:
					unknown++
					fallthrough
				default:
					history = append(history, op)
				}
				mu.Unlock()
				switch made.Add(1) {
				case total / 4:
					close(ill)
				case total / 2:
					close(well)
				}
			}
		})
	}
	if trouble && tr.fault != nil {
		<-ill
		heal, err := tr.fault()
		if err != nil {
			tb.Error(err)
		}
		<-well // the others see to that
		if err := heal(); err != nil {
			tb.Error(err)
		}
	}
	clients.Wait()
	return history, unknown
}

// client makes one call after the other.
type client struct {
	store, fresh tenancy.Store
	random       *rand.Rand
	seen         [len(directory{}.rows)]tenancy.Tenant // what it updates
}

func (c *client) call(ctx context.Context) (action, outcome) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	a := action{at: c.random.IntN(len(c.seen))}
	a.with.identifier = slugOf(c.random.IntN(len(c.seen) + 1))
	id := cellID(a.at)
	var t tenancy.Tenant
	var err error
	switch n := c.random.IntN(12); {
	case n < 2:
		a.verb, a.with.name, a.with.status = create, fmt.Sprint("name ", c.random.IntN(100)), tenancy.StatusActive
		t, err = c.store.Create(ctx, tenancy.Tenant{ID: id, Identifier: a.with.identifier, Name: a.with.name})
	case n < 5 && c.seen[a.at].ID != "":
		t = c.seen[a.at]
		t.Name = fmt.Sprint("name ", c.random.IntN(100))
		if n == 4 {
			t.Identifier = a.with.identifier
		}
		a.verb, a.with = update, rowOf(t)
		t, err = c.store.Update(ctx, t)
	case n < 6:
		a.verb, a.with.status = setStatus, tenancy.Statuses()[c.random.IntN(3)]
		t, err = c.store.SetStatus(ctx, id, a.with.status)
	case n < 8:
		a.verb = updateMetadata
		if a.with.metadata, err = tenancy.NewMetadata(map[string]int{slugOf(c.random.IntN(3)): c.random.IntN(100)}); err == nil {
			t, err = c.store.UpdateMetadata(ctx, id, a.with.metadata)
		}
	case n < 9:
		a.verb = remove
		err = c.store.Delete(ctx, id)
	case n < 11:
		a.verb = getByID
		t, err = c.fresh.GetByID(ctx, id)
	default:
		a.verb = getByIdentifier
		t, err = c.fresh.GetByIdentifier(ctx, a.with.identifier)
	}
	out := outcomeOf(a.at, t, err)
	if err == nil {
		for i := range c.seen {
			if cellID(i) == t.ID {
				out.at, c.seen[i] = i, t
			}
		}
	}
	return a, out
}

// endSessions ends all other sessions of PostgreSQL, and what they still do.
func endSessions(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	// With a timeout, the function waits until the session has ended.
	_, err = conn.Exec(ctx, `SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`)
	return errors.Join(err, conn.Close(ctx))
}

func lines(first directory, history []porcupine.Operation) string {
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var b strings.Builder
	fmt.Fprintf(&b, "first: %+v\n", first)
	for _, op := range history {
		until := fmt.Sprint(time.Duration(op.Return))
		if op.Return == math.MaxInt64 {
			until = "unknown"
		}
		fmt.Fprintf(&b, "client %d, %v to %s: %v → %v\n", op.ClientId, time.Duration(op.Call), until, op.Input, op.Output)
	}
	return b.String()
}
