//go:build unix

package stacks

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/dgraph-io/ristretto/v2"
	"github.com/jackc/pgx/v5"
	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// BenchmarkVisibleAfterCommit measures how long after a write was committed a read on
// another node must begin to show it, beside what it takes to publish a bare notification and receive it,
// in turns; or, where the bus is cut, beside the longest poll interval and a read of the
// log. -benchtime 1000x makes 1,000 changes.
func BenchmarkVisibleAfterCommit(b *testing.B) {
	b.Run("postgres NOTIFY", func(b *testing.B) {
		f := newFleet(b, plan{nodes: 1, postgres: true, poll: never, direct: true})
		visible(b, f, bareNotify(b, f.postgres.DSN()))
	})
	b.Run("postgres NOTIFY and valkey bus", func(b *testing.B) {
		f := newFleet(b, plan{nodes: 2, postgres: true, valkey: true, bus: true, poll: never, direct: true})
		visible(b, f, barePublish(b, f.valkey.Addr()))
	})
	b.Run("valkey bus over sqlite", func(b *testing.B) {
		f := newFleet(b, plan{nodes: 2, valkey: true, bus: true, poll: never, direct: true})
		visible(b, f, barePublish(b, f.valkey.Addr()))
	})
	b.Run("poll", func(b *testing.B) {
		const interval = 50 * time.Millisecond
		f := newFleet(b, plan{nodes: 2, valkey: true, bus: true, poll: interval})
		heal, err := f.nodes[1].toValkey.cut()
		if err != nil {
			b.Fatal(err)
		}
		visible(b, f, func() time.Duration {
			began := time.Now()
			if _, err := f.raw.Changes(b.Context(), f.nodes[1].store.Load().Stats().Position, 0); err != nil {
				b.Fatal(err)
			}
			return interval*11/10 + time.Since(began) // give or take a tenth
		})
		if err := heal(); err != nil {
			b.Error(err)
		}
	})
}

// visible reports the time from the commit of a write to the begin of the first read on
// the last node that shows it. With one node the database itself is written to, as a process
// without a stack does.
func visible(b *testing.B, f *fleet, bare func() time.Duration) {
	var writer tenancy.Store = f.raw
	committedAt := time.Now
	if len(f.nodes) > 1 {
		writer = f.nodes[0].store.Load()
		committedAt = func() time.Time { return *f.nodes[0].loads.committed.Load() }
	}
	reader := f.nodes[len(f.nodes)-1].store.Load()
	t, err := writer.Create(b.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := reader.GetByID(b.Context(), t.ID); err != nil {
		b.Fatal(err)
	}
	seen := make(obeyed, 1)
	stack, _ := tier.Of(reader)
	stack.Observe(seen)
	var took, bareTook []time.Duration
	status := [...]tenancy.Status{tenancy.StatusSuspended, tenancy.StatusActive}
	for i := 0; b.Loop(); i++ {
		t, err := writer.SetStatus(b.Context(), t.ID, status[i%2])
		if err != nil {
			b.Fatal(err)
		}
		committed := committedAt()
		select {
		case at := <-seen:
			took = append(took, max(0, at.Sub(committed)))
		case <-time.After(patience):
			b.Fatal("the change is not seen")
		}
		if seen, err := reader.GetByID(b.Context(), t.ID); err != nil || seen != t {
			b.Fatalf("the reader shows %+v, %v, not %+v", seen, err, t)
		}
		bareTook = append(bareTook, bare())
	}
	reportQuantile(b, "p50-µs", took, 50)
	reportQuantile(b, "bare-p50-µs", bareTook, 50)
	p99, bareP99 := reportQuantile(b, "p99-µs", took, 99), reportQuantile(b, "bare-p99-µs", bareTook, 99)
	b.ReportMetric(float64(p99)/float64(max(bareP99, 1)), "p99/bare")
}

// obeyed gets the moment at which a node has obeyed a change: what is read from then
// on shows it.
type obeyed chan time.Time

func (o obeyed) Obeyed(tenancy.Change) { o <- time.Now() }

func (obeyed) Begin(ctx context.Context, _ tier.Work, _ tenancy.KeyKind) context.Context { return ctx }

func (obeyed) End(context.Context, tier.Work, error) {}

// reportQuantile sorts the durations, and reports and returns the one below which so
// many percent lie.
func reportQuantile(b *testing.B, name string, d []time.Duration, percent int) time.Duration {
	slices.Sort(d)
	v := d[(len(d)-1)*percent/100]
	b.ReportMetric(float64(v.Microseconds()), name)
	return v
}

// bareNotify returns a measure of a NOTIFY and its receipt.
func bareNotify(b *testing.B, dsn string) func() time.Duration {
	connect := func() *pgx.Conn {
		conn, err := pgx.Connect(b.Context(), dsn)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = conn.Close(context.Background()) }) // the server goes anyway
		return conn
	}
	sender, receiver := connect(), connect()
	if _, err := receiver.Exec(b.Context(), "LISTEN bare"); err != nil {
		b.Fatal(err)
	}
	received := make(chan error)
	wanted := make(chan struct{})
	b.Cleanup(func() { close(wanted) })
	ctx := b.Context()
	go func() { // ends with wanted
		for range wanted {
			_, err := receiver.WaitForNotification(ctx)
			received <- err
		}
	}()
	return func() time.Duration {
		wanted <- struct{}{}
		sent := time.Now()
		if _, err := sender.Exec(ctx, "NOTIFY bare"); err != nil {
			b.Fatal(err)
		}
		if err := <-received; err != nil {
			b.Fatal(err)
		}
		return time.Since(sent)
	}
}

// barePublish returns a measure of a PUBLISH and its receipt.
func barePublish(b *testing.B, addr string) func() time.Duration {
	client, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	if err != nil {
		b.Fatal(err)
	}
	received := make(chan struct{}, 1)
	subscribed := make(chan struct{})
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		hooked := valkey.WithOnSubscriptionHook(ctx, func(valkey.PubSubSubscription) { close(subscribed) })
		_ = client.Receive(hooked, client.B().Subscribe().Channel("bare").Build(), func(valkey.PubSubMessage) { received <- struct{}{} })
	}()
	b.Cleanup(func() {
		stop()
		client.Close()
		<-ended
	})
	<-subscribed
	return func() time.Duration {
		sent := time.Now()
		if err := client.Do(ctx, client.B().Publish().Channel("bare").Message("x").Build()).Error(); err != nil {
			b.Fatal(err)
		}
		<-received
		return time.Since(sent)
	}
}

// BenchmarkHit measures hits in memory through the whole stack, beside a Get of
// ristretto alone with the same keys.
func BenchmarkHit(b *testing.B) {
	const tenants = 1024 // a power of 2: choosing one must cost nothing
	f := newFleet(b, plan{nodes: 1, postgres: true, valkey: true})
	store := f.nodes[0].store.Load()
	ids, identifiers := make([]string, tenants), make([]string, tenants)
	bare, err := ristretto.NewCache(&ristretto.Config[string, *tenancy.Tenant]{
		NumCounters: 100_000, MaxCost: 10_000, BufferItems: 64, IgnoreInternalCost: true,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(bare.Close)
	for i := range tenants {
		t, err := f.raw.Create(b.Context(), tenancy.Tenant{Identifier: fmt.Sprintf("tenant-%d", i), Name: "Tenant"})
		if err != nil {
			b.Fatal(err)
		}
		ids[i], identifiers[i] = t.ID, t.Identifier
		for _, key := range []string{t.ID, t.Identifier} {
			bare.Set(key, &t, 1)
			bare.Wait()
		}
	}
	if n, err := store.Warm(b.Context(), tenancy.Filter{}, tenants); err != nil || n != tenants {
		b.Fatal(n, err)
	}
	ctx := context.Background()
	for _, c := range []struct {
		name string
		keys []string
		get  func(key string) bool
	}{
		{"bare by ID", ids, func(key string) bool { _, ok := bare.Get(key); return ok }},
		{"stack by ID", ids, func(key string) bool { _, err := store.GetByID(ctx, key); return err == nil }},
		{"bare by identifier", identifiers, func(key string) bool { _, ok := bare.Get(key); return ok }},
		{"stack by identifier", identifiers, func(key string) bool { _, err := store.GetByIdentifier(ctx, key); return err == nil }},
	} {
		b.Run(c.name, func(b *testing.B) {
			before := store.Stats().Local.Hits
			b.ReportAllocs()
			missed := 0
			for i := 0; b.Loop(); i++ {
				if !c.get(c.keys[i%tenants]) {
					missed++
				}
			}
			if missed > 0 {
				b.Errorf("%d misses", missed)
			}
			if now := store.Stats().Local.Hits; now > before && now-before < int64(b.N) {
				b.Errorf("%d of %d reads were hits in memory", now-before, b.N)
			}
		})
	}
}
