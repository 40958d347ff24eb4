//go:build unix

package valkey_test

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

func TestThreeShards(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		cluster := servers.NewCluster(t, options, 3)
		s, tenants := newStore(t, patiently(valkey.ClientOption{InitAddress: cluster.Addrs()}), 2500,
			valkeytier.WithDeadline(ample)) // every entry is to be there, on a busy machine too
		eventually(t, "connected", func() bool { return stats(s).State == observe.BreakerClosed })
		ids := make([]string, len(tenants))
		for i, tenant := range tenants {
			ids[i] = tenant.ID
		}
		eventually(t, "a hit for each tenant", func() bool { // leases may end before they are used
			before := s.Stats().Shared.Hits
			got, err := s.GetByIDs(t.Context(), ids)
			if err != nil || !slices.Equal(got, tenants) {
				t.Fatalf("%d tenants, %v", len(got), err)
			}
			return s.Stats().Shared.Hits == before+int64(len(tenants))
		})
		if st := s.Stats(); st.Shared.Errors > 0 {
			t.Errorf("%+v, want no errors", st)
		}
		for _, tenant := range tenants[:100] {
			got, err := s.SetStatus(t.Context(), tenant.ID, tenancy.StatusSuspended)
			if err != nil {
				t.Fatal(err)
			}
			if read, err := s.GetByID(t.Context(), tenant.ID); err != nil || read != got {
				t.Fatalf("%+v, %v, want what was written", read, err)
			}
		}
		n, err := s.InvalidateAll(t.Context())
		if err != nil || n < int64(len(tenants))-100 || n > int64(len(tenants)) {
			t.Errorf("InvalidateAll: %d, %v", n, err)
		}
		if n, err := s.InvalidateAll(t.Context()); err != nil || n != 0 {
			t.Errorf("the second time: %d, %v, want 0", n, err)
		}
	})
}

// One stopped shard of three: reads go on, and the cache comes back with it.
func TestStoppedShard(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		cluster := servers.NewCluster(t, options, 3)
		s, tenants := newStore(t, valkey.ClientOption{InitAddress: cluster.Addrs()}, 300)
		l := startLoad(t, s, tenants, 16)
		hits(t, s, 1000)
		if err := cluster.Shards[1].Pause(); err != nil {
			t.Fatal(err)
		}
		l.goesOn(t, 1)
		withoutValkey(t, s, 1000)
		l.goesOn(t, 10)
		if err := cluster.Shards[1].Resume(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a closed breaker", func() bool { return stats(s).State == observe.BreakerClosed })
		hits(t, s, 1000)
	})
}

// Two dead shards of three: the third is emptied all the same, and the error says that
// the others are not.
func TestInvalidateAllOfWhatIsThere(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		cluster := servers.NewCluster(t, options, 3)
		s, tenants := newStore(t, patiently(valkey.ClientOption{InitAddress: cluster.Addrs()}), 300, valkeytier.WithDeadline(ample))
		eventually(t, "connected", func() bool { return stats(s).State == observe.BreakerClosed })
		for _, tenant := range tenants {
			if _, err := s.GetByID(t.Context(), tenant.ID); err != nil {
				t.Fatal(err)
			}
		}
		left, err := valkey.NewClient(valkey.ClientOption{InitAddress: cluster.Addrs()[2:], ForceSingleClient: true, DisableCache: true})
		if err != nil {
			t.Fatal(err)
		}
		defer left.Close()
		size := func() int64 {
			t.Helper()
			n, err := left.Do(t.Context(), left.B().Dbsize().Build()).AsInt64()
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if size() == 0 {
			t.Fatal("nothing is cached on the shard: the test proves nothing")
		}
		for _, shard := range cluster.Shards[:2] {
			if err := shard.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := s.InvalidateAll(t.Context()); err == nil || n == 0 {
			t.Errorf("InvalidateAll: %d, %v; want what was removed, and an error", n, err)
		}
		if n := size(); n != 0 {
			t.Errorf("%d keys are left on the shard that is there", n)
		}
	})
}

func TestBusOnACluster(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		option := patiently(valkey.ClientOption{InitAddress: servers.NewCluster(t, options, 3).Addrs()})
		got := make(chan tenancy.Position, 1000)
		var buses []*valkeytier.Bus
		for range 2 {
			bus, err := valkeytier.NewBus(option, valkeytier.WithDeadline(ample))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := bus.Close(); err != nil {
					t.Error(err)
				}
			}()
			buses = append(buses, bus)
		}
		buses[1].Subscribe(t.Context(), func(p tenancy.Position) {
			select {
			case got <- p:
			default: // nobody needs so many
			}
		})
		if p := <-got; !p.IsZero() {
			t.Fatalf("%v, want the zero position at the start", p)
		}
		want := tenancy.Position{Revision: 7, Mark: 8}
		// The shards of a new cluster may not have met yet: a message can be lost.
		eventually(t, "a message received", func() bool {
			if buses[0].Publish(t.Context(), want) != nil {
				return false
			}
			for {
				select {
				case p := <-got:
					if p.IsZero() { // subscribed again
						continue
					}
					if p != want {
						t.Errorf("%v, want %v", p, want)
					}
					return true
				case <-time.After(50 * time.Millisecond):
					return false
				}
			}
		})
	})
}

// The primary dies, the sentinels promote the replica, and the cache follows.
func TestSentinelFailover(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		set := servers.NewSentinelSet(t, options)
		option := valkey.ClientOption{InitAddress: set.Addrs(), Sentinel: valkey.SentinelOption{MasterSet: servers.MasterSet}}
		s, tenants := newStore(t, option, 100)
		l := startLoad(t, s, tenants, 8)
		hits(t, s, 1000)
		if err := set.Primary.Kill(); err != nil {
			t.Fatal(err)
		}
		withoutValkey(t, s, 1)
		l.goesOn(t, 1)
		hits(t, s, 1000)
	})
}

// Slots that move to another shard under load: lookups, fills and changes follow them,
// also while keys of one slot are on both.
func TestSlotsThatMove(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		cluster := servers.NewCluster(t, options, 3)
		var log journal
		s, tenants := newStore(t, patiently(valkey.ClientOption{InitAddress: cluster.Addrs()}), 200, valkeytier.WithDeadline(ample), log.option())
		startLoad(t, s, tenants, 4)
		hits(t, s, 1000)
		do := func(shard *servers.Valkey, words ...string) string {
			t.Helper()
			answer, err := shard.Do(t.Context(), words...)
			if err != nil || strings.HasPrefix(answer, "-") {
				t.Fatalf("%q: %q, %v", words, answer, err)
			}
			return answer
		}
		from, to := cluster.Shards[0], cluster.Shards[1]
		ids := []string{clean(do(from, "CLUSTER", "MYID")), clean(do(to, "CLUSTER", "MYID"))}
		host, port, err := net.SplitHostPort(to.Addr())
		if err != nil {
			t.Fatal(err)
		}
		slots := map[string][]string{} // with their keys, of which two may have one slot
		for _, tenant := range tenants {
			name := valkeytier.DefaultKeyPrefix + "id:" + tenant.ID
			slot := strings.TrimPrefix(clean(do(from, "CLUSTER", "KEYSLOT", name)), ":")
			slots[slot] = append(slots[slot], name)
		}
		moved := 0
		for slot, names := range slots {
			name := names[0]
			if answer, err := from.Do(t.Context(), "EXISTS", name); err != nil || answer != ":1" {
				continue // of another shard
			}
			do(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0])
			do(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1])
			for _, name := range names {
				do(from, "MIGRATE", host, port, name, "0", "60000")
			}
			hits(t, s, 200) // the source answers ASK
			for _, shard := range cluster.Shards {
				do(shard, "CLUSTER", "SETSLOT", slot, "NODE", ids[1])
			}
			hits(t, s, 200) // and now MOVED
			if moved++; moved == 5 {
				break
			}
		}
		if moved == 0 {
			t.Fatal("no slot was moved: the test proves nothing")
		}
		if st := stats(s); st.Failures != 0 || len(log.warnings()) != 0 {
			t.Errorf("%+v, logged %q", st, log.warnings())
		}
	})
}

// clean returns the text of a bulk string or an integer as it is sent.
func clean(answer string) string {
	lines := strings.Split(strings.TrimSpace(answer), "\r\n")
	return lines[len(lines)-1]
}
