package valkeytier_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

var key = tenancy.IDKey("t1")

// entry returns that t1 exists, as of revision.
func entry(revision tenancy.Revision) *tier.Entry {
	return entryAt(tenancy.Position{Revision: revision, Mark: 7 * int64(revision)})
}

func entryAt(p tenancy.Position) *tier.Entry {
	return &tier.Entry{Key: key, TTL: time.Hour, Versioned: tenancy.Versioned{
		AsOf: p, Found: true, Tenant: tenancy.Tenant{ID: key.Value, Identifier: "acme", Name: "Acme", Revision: p.Revision},
	}}
}

func get(tb testing.TB, c *valkeytier.Cache) tier.Result {
	tb.Helper()
	r, err := getOne(tb.Context(), c, key)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// takeLease is get of a key that must be free.
func takeLease(tb testing.TB, c *valkeytier.Cache) tier.Token {
	tb.Helper()
	r := get(tb, c)
	if r.Token == 0 || r.Entry != nil {
		tb.Fatalf("%+v, want a lease", r)
	}
	return r.Token
}

func put(tb testing.TB, c *valkeytier.Cache, token tier.Token, e *tier.Entry) {
	tb.Helper()
	if err := putOne(tb.Context(), c, token, e); err != nil {
		tb.Fatal(err)
	}
}

func apply(tb testing.TB, c *valkeytier.Cache, revision tenancy.Revision) {
	tb.Helper()
	change := tenancy.Change{Position: tenancy.Position{Revision: revision, Mark: 1}, Kind: tenancy.ChangeUpdate, Keys: []tenancy.Key{key, tenancy.IdentifierKey("acme")}}
	if err := c.Apply(tb.Context(), change); err != nil {
		tb.Fatal(err)
	}
}

// holds checks that the entry as of revision is there; 0 for none, nor a lease.
func holds(tb testing.TB, c *valkeytier.Cache, revision tenancy.Revision) {
	tb.Helper()
	r := get(tb, c)
	switch {
	case revision == 0:
		if r.Entry != nil || r.Token == 0 {
			tb.Fatalf("%+v, want nothing", r)
		}
		if err := c.Release(tb.Context(), key, r.Token); err != nil {
			tb.Fatal(err)
		}
	case r.Entry == nil || r.Entry.Versioned != entry(revision).Versioned || r.Entry.Key != key:
		tb.Fatalf("%+v, want the entry as of %d", r, revision)
	}
}

func TestLeases(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		c, prefix := newCache(t, option)
		server := admin(t, option)
		token := takeLease(t, c)
		if r := get(t, c); r != (tier.Result{Leased: true}) {
			t.Errorf("%+v for the second one, want that it is leased", r)
		}
		put(t, c, token+2, entry(5)) // another's
		if r := get(t, c); r != (tier.Result{Leased: true}) {
			t.Errorf("%+v after a put without the lease, want that it is leased", r)
		}
		put(t, c, token, entry(5))
		holds(t, c, 5)
		if ttl, err := do(t, server, "PTTL", prefix+"id:t1").AsInt64(); err != nil || ttl < 1_800_000 || ttl > 3_600_000 {
			t.Errorf("the entry ends in %d ms, %v, want its TTL", ttl, err)
		}
		if err := c.Release(t.Context(), key, token); err != nil { // long gone
			t.Fatal(err)
		}
		holds(t, c, 5)
	})
}

func TestLeaseEnds(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		c, prefix := newCache(t, option, valkeytier.WithLeaseTime(valkeytier.LeaseTime))
		server := admin(t, option)
		until(t, "a lease that is seen before it ends", func() bool {
			until(t, "a lease", func() bool { return get(t, c).Token != 0 })
			ttl, err := do(t, server, "PTTL", prefix+"id:t1").AsInt64()
			if err != nil || ttl == -1 || ttl > 3000 {
				t.Fatalf("the lease ends in %d ms, %v", ttl, err)
			}
			return ttl > 0
		})
	})
}

func TestReleasedLeaseIsFree(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		c, _ := newCache(t, option)
		token := takeLease(t, c)
		if err := c.Release(t.Context(), key, token+2); err != nil {
			t.Fatal(err)
		}
		if r := get(t, c); r.Token != 0 {
			t.Fatal("a token that is not held released the lease")
		}
		if err := c.Release(t.Context(), key, token); err != nil {
			t.Fatal(err)
		}
		takeLease(t, c)
	})
}

func TestPutReplacesOnlyOlderEntries(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		c, _ := newCache(t, option)
		put(t, c, 0, entry(5)) // over nothing
		holds(t, c, 0)
		put(t, c, 99, entry(5))
		holds(t, c, 0)
		put(t, c, takeLease(t, c), entry(5))
		put(t, c, 0, entry(4))
		holds(t, c, 5)
		put(t, c, 0, entry(6))
		holds(t, c, 6)
		// Every byte of a revision counts, and none is a sign or a letter.
		for _, r := range []tenancy.Revision{0x7f, 0x80, 0xff, 0x100, 0x1ff, 0x200, 0xff00, 1 << 40, 1<<62 + 3} {
			put(t, c, 0, entry(r))
			holds(t, c, r)
			put(t, c, 0, entry(r-1))
			holds(t, c, r)
		}
	})
}

func TestApply(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		c, prefix := newCache(t, option)
		server := admin(t, option)
		apply(t, c, 5) // on nothing
		if v := value(t, server, prefix+"id:t1"); v != "" {
			t.Errorf("a change left %q where nothing was", v)
		}
		put(t, c, takeLease(t, c), entry(5))
		apply(t, c, 4)
		apply(t, c, 5)
		holds(t, c, 5)
		apply(t, c, 6)
		holds(t, c, 0)
		token := takeLease(t, c)
		apply(t, c, 1)
		put(t, c, token, entry(7))
		holds(t, c, 0)
	})
}

func TestDrop(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		c, _ := newCache(t, option)
		put(t, c, takeLease(t, c), entry(5))
		other := entryAt(tenancy.Position{Revision: 5, Mark: 1})
		if err := c.Drop(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		holds(t, c, 5)
		if err := c.Drop(t.Context(), entry(5)); err != nil {
			t.Fatal(err)
		}
		holds(t, c, 0)
	})
}

func TestInvalidateAll(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		c, prefix := newCache(t, option)
		server := admin(t, option)
		neighbour := strings.NewReplacer("[*]", "*", "?", "x").Replace(prefix) // matches the prefix read as a pattern
		do(t, server, "SET", neighbour+"id:t1", "of another store", "PX", "3600000")
		const n = 2500
		fillMany(t, c, n)
		takeLease(t, c)
		do(t, server, "SADD", prefix+"id:set", "of another type")
		if got, err := c.InvalidateAll(t.Context()); err != nil || got != n {
			t.Errorf("%d, %v, want %d", got, err, n)
		}
		if got, err := c.InvalidateAll(t.Context()); err != nil || got != 0 {
			t.Errorf("the second time: %d, %v, want 0", got, err)
		}
		if n, err := do(t, server, "DEL", neighbour+"id:t1").AsInt64(); err != nil || n != 1 {
			t.Errorf("the neighbour is gone: %d, %v", n, err)
		}
		if n, err := do(t, server, "EXISTS", prefix+"id:set").AsInt64(); err != nil || n != 0 {
			t.Errorf("the value of another type is still there: %d, %v", n, err)
		}
	})
}

// A prefix that begins with another one is no part of it: neither its keys nor what
// others keep there.
func TestInvalidateAllLeavesLongerPrefixes(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		short, prefix := newCache(t, option)
		for _, longer := range []string{"eu:", "id", "identifier", "idx:", "changes", "probe", "{slot}:", ":"} {
			t.Run(longer, func(t *testing.T) {
				long, _ := newCache(t, option, valkeytier.WithKeyPrefix(prefix+longer))
				put(t, short, takeLease(t, short), entry(5))
				put(t, long, takeLease(t, long), entry(5))
				if n, err := short.InvalidateAll(t.Context()); err != nil || n != 1 {
					t.Errorf("%d, %v, want 1 entry", n, err)
				}
				holds(t, short, 0)
				holds(t, long, 5)
			})
		}
		server := admin(t, option)
		for _, foreign := range []string{prefix + "sessions", prefix + "identifier:NOT ONE", prefix + "id:"} {
			do(t, server, "SET", foreign, "of an application", "PX", "3600000")
			if n, err := short.InvalidateAll(t.Context()); err != nil || n != 0 {
				t.Errorf("%d, %v", n, err)
			}
			if v := value(t, server, foreign); v == "" {
				t.Errorf("%s is gone", foreign)
			}
		}
	})
}

// fillMany puts n entries through batches and returns their keys.
func fillMany(tb testing.TB, c *valkeytier.Cache, n int) []tenancy.Key {
	tb.Helper()
	keys := make([]tenancy.Key, n)
	for i := range keys {
		keys[i] = tenancy.IDKey(tenancy.NewID())
	}
	results, err := c.Get(tb.Context(), keys)
	if err != nil {
		tb.Fatal(err)
	}
	tokens, entries := make([]tier.Token, n), make([]*tier.Entry, n)
	for i, k := range keys {
		e := entry(5)
		e.Key, e.Versioned.Tenant.ID = k, k.Value
		tokens[i], entries[i] = results[i].Token, e
	}
	if _, err := c.Put(tb.Context(), fills(tokens, entries)); err != nil {
		tb.Fatal(err)
	}
	return keys
}

func TestBatches(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		c, prefix := newCache(t, option)
		const n = 2300 // several round trips, the last one not full
		keys := fillMany(t, c, n)
		do(t, admin(t, option), "DEL", prefix+"id:"+keys[3].Value)
		do(t, admin(t, option), "SET", prefix+"id:"+keys[4].Value, "rubbish")
		keys = append(keys, keys[3]) // twice
		results, err := c.Get(t.Context(), keys)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range results {
			switch i {
			case 3, 4:
				if r.Entry != nil || r.Token == 0 {
					t.Errorf("%d: %+v, want a lease", i, r)
				}
			case n:
				if r != (tier.Result{Leased: true}) {
					t.Errorf("%d: %+v, want that it is leased", i, r)
				}
			default:
				if r.Entry == nil || r.Entry.Key != keys[i] {
					t.Errorf("%d: %+v, want its entry", i, r)
				}
			}
		}
	})
}

func TestBatchLeavesOutWhatMustNotBeCached(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		c, _ := newCache(t, option)
		e := entry(5)
		e.Versioned.Tenant.DatabaseURL = tenancy.NewSecret("postgres://acme:s3cret@db/acme")
		if n, err := c.Put(t.Context(), fills([]tier.Token{takeLease(t, c)}, []*tier.Entry{e})); err != nil || n != 1 {
			t.Fatalf("%d uncacheable, %v; want 1", n, err)
		}
		holds(t, c, 0)
	})
}

// A tenant with a secret is counted as uncacheable in a batch, too.
func TestUncacheableInABatch(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		s, err := valkeytier.New(memstore.New(), option, valkeytier.WithKeyPrefix(newPrefix()), valkeytier.WithDeadline(ample), valkeytier.WithLeaseTime(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		var ids []string
		for i, url := range []string{"", "postgres://a", "postgres://b"} {
			made, err := s.Create(t.Context(), tenancy.Tenant{Identifier: fmt.Sprintf("acme-%d", i), Name: "Acme", DatabaseURL: tenancy.NewSecret(url)})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, made.ID)
		}
		until(t, "connected", func() bool { return s.Shared().(*valkeytier.Cache).Stats().State == observe.BreakerClosed })
		if ts, err := s.GetByIDs(t.Context(), ids); err != nil || len(ts) != 3 {
			t.Fatal(ts, err)
		}
		if st := s.Stats(); st.Shared.Uncacheable != 2 || st.Shared.Fills != 1 {
			t.Errorf("%d entries must not be held and %d are, want 2 and 1", st.Shared.Uncacheable, st.Shared.Fills)
		}
	})
}

func TestScriptsComeBackAfterTheyWereFlushed(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		c, _ := newCache(t, option)
		do(t, admin(t, option), "SCRIPT", "FLUSH")
		put(t, c, takeLease(t, c), entry(5))
		do(t, admin(t, option), "SCRIPT", "FLUSH")
		apply(t, c, 6)
		holds(t, c, 0)
	})
}

func TestTheClientOfTheUserStaysOpen(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		client := admin(t, option)
		c, err := valkeytier.NewCacheWithClient(client, valkeytier.WithKeyPrefix(newPrefix()), valkeytier.WithDeadline(ample), valkeytier.WithLeaseTime(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		put(t, c, takeLease(t, c), entry(5))
		holds(t, c, 5)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		do(t, client, "PING")
		if _, err := valkeytier.NewWithClient(newPrimary(), client, valkeytier.WithBus()); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("WithBus: %v, want ErrInvalid", err)
		}
	})
}
