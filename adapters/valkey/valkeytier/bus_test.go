package valkeytier_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func newBus(tb testing.TB, option valkey.ClientOption, prefix string, opts ...valkeytier.Option) *valkeytier.Bus {
	tb.Helper()
	opts = append([]valkeytier.Option{valkeytier.WithKeyPrefix(prefix), valkeytier.WithDeadline(ample)}, opts...)
	b, err := valkeytier.NewBus(option, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	return b
}

// inbox counts the positions that a subscriber was woken with.
type inbox struct {
	mu   sync.Mutex
	seen map[tenancy.Position]int
}

func subscribe(ctx context.Context, b *valkeytier.Bus) *inbox {
	in := &inbox{seen: map[tenancy.Position]int{}}
	b.Subscribe(ctx, func(p tenancy.Position) {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.seen[p]++
	})
	return in
}

func (in *inbox) count(p tenancy.Position) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.seen[p]
}

func TestBus(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		prefix := newPrefix()
		a, b, other := newBus(t, option, prefix), newBus(t, option, prefix), newBus(t, option, newPrefix())
		boxes := []*inbox{subscribe(t.Context(), a), subscribe(t.Context(), b), subscribe(t.Context(), b)}
		foreign := subscribe(t.Context(), other)
		for _, in := range append(boxes, foreign) {
			until(t, "a subscription, after which something may have been lost", func() bool { return in.count(tenancy.Position{}) > 0 })
		}
		p := tenancy.Position{Revision: 42, Mark: -7}
		if err := a.Publish(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		for _, in := range boxes {
			until(t, "the message", func() bool { return in.count(p) == 1 })
		}
		if foreign.count(p) != 0 {
			t.Error("a bus with another prefix got the message")
		}
		before := boxes[0].count(tenancy.Position{})
		do(t, admin(t, option), "PUBLISH", prefix+"changes", "of a newer release")
		until(t, "a message that cannot be read", func() bool { return boxes[0].count(tenancy.Position{}) > before })
	})
}

func TestBusSubscribesAgain(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		prefix := newPrefix()
		p, through := newProxy(t, option)
		far, near := newBus(t, through, prefix, valkeytier.WithDeadline(time.Second)), newBus(t, option, prefix)
		in := subscribe(t.Context(), far)
		before := 0 // subscriptions; a slow machine may need several to get through
		for n := 1; n <= 3; n++ {
			until(t, "a subscription", func() bool { return in.count(tenancy.Position{}) > before })
			position := tenancy.Position{Revision: tenancy.Revision(n), Mark: 1}
			until(t, "a message", func() bool { // it may be sent before the last of several subscriptions
				return in.count(position) > 0 || near.Publish(t.Context(), position) == nil && in.count(position) > 0
			})
			if n == 2 { // a silent connection must be noticed too
				p.hang()
				until(t, "a failed message", func() bool { return far.Publish(t.Context(), position) != nil })
				p.resume()
			}
			before = in.count(tenancy.Position{})
			p.cut()
		}
	})
}

func TestBusConnectsWhenItCan(t *testing.T) {
	b := newBus(t, valkey.ClientOption{InitAddress: []string{refusedAddr(t)}}, newPrefix())
	ctx, cancel := context.WithCancel(t.Context())
	in := subscribe(ctx, b)
	if err := b.Publish(t.Context(), tenancy.Position{Revision: 1}); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
	if b.State() == observe.BreakerClosed || in.count(tenancy.Position{}) != 0 {
		t.Error("a bus without a server says that it is connected")
	}
	cancel()
}

// Two processes over one database without a notification of its own: the bus wakes
// the one that did not write.
func TestBusBetweenStores(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		writer, acme := newStore(t, option)
		second := *primaryOf(t, writer)
		second.lent = true
		reader := over(t, &second, option)
		defer func() {
			if err := reader.Close(); err != nil {
				t.Error(err)
			}
		}()
		until(t, "a message", func() bool { // the first may come before the connection
			sent := writer.Stats().Published
			if _, err := writer.SetStatus(t.Context(), acme.ID, tenancy.StatusActive); err != nil {
				t.Fatal(err)
			}
			return writer.Stats().Published > sent
		})
		failed := writer.Stats().Unpublished
		for i := range 20 {
			if _, err := writer.SetStatus(t.Context(), acme.ID, []tenancy.Status{tenancy.StatusSuspended, tenancy.StatusActive}[i%2]); err != nil {
				t.Fatal(err)
			}
			want := writer.Stats().Position
			until(t, "the change", func() bool { return reader.Stats().Position == want })
		}
		if n := writer.Stats().Unpublished - failed; n != 0 {
			t.Errorf("%d messages failed", n)
		}
	})
}

// What the metrics of a bus and its log say of a connection that comes and goes.
func TestBusSaysWhetherItIsConnected(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		p, through := newProxy(t, option)
		var log journal
		b, err := valkeytier.NewBus(through, valkeytier.WithKeyPrefix(newPrefix()), valkeytier.WithDeadline(ample), valkeytier.WithLogger(log.logger()))
		if err != nil {
			t.Fatal(err)
		}
		if b.Connected() {
			t.Error("connected before anybody subscribed")
		}
		in := subscribe(t.Context(), b)
		for n := 1; n <= 3; n++ {
			until(t, "a connection", b.Connected)
			until(t, "a subscription", func() bool { return in.count(tenancy.Position{}) >= n })
			oneLinePerEpisode(t, &log, "messages of other processes are lost", "arrive again", n > 1)
			p.cut()
		}
		until(t, "the last connection", func() bool { return in.count(tenancy.Position{}) >= 4 })
		if st := b.BreakerStats(); st.State != observe.BreakerClosed || st.Closed == 0 || st.HalfOpened < st.Closed {
			t.Errorf("breaker %+v", st)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if b.Connected() {
			t.Error("connected after Close")
		}
		oneLinePerEpisode(t, &log, "messages of other processes are lost", "arrive again", true)
	})
}
