package tiertest

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func entryRules() []Rule {
	return []Rule{
		{
			Name: "new-cache-is-empty",
			Says: "In a new cache nothing is found, and whoever asks first may fill it.",
			check: func(p *probe) {
				p.lease(key(1))
				if r := p.get(key(1)); r.Entry != nil {
					p.Errorf("Get found something in an empty cache")
				}
			},
		},
		{
			Name: "get-after-put",
			Says: "What is put is found, as often as it is asked for.",
			check: func(p *probe) {
				entries := make([]*tier.Entry, 20)
				for n := range entries {
					entries[n] = entry(key(n), tenancy.Revision(100+n))
					p.fill(entries[n])
				}
				for range 2 {
					for _, e := range entries {
						p.holds(e)
					}
				}
			},
		},
		{
			Name: "local-returns-the-entry-itself",
			Says: "A local cache returns the *Entry that was put, not a copy: what the stack noted in it decides whether it is served.",
			of:   localCache,
			check: func(p *probe) {
				e := entry(key(1), 5)
				p.put(localToken, e)
				p.holds(e)
			},
		},
		{
			Name: "size-is-known",
			Says: "A local cache says how many entries it holds at most.",
			of:   localCache,
			check: func(p *probe) {
				if n := p.c.(localView).MaxEntries(); n <= 0 {
					p.Errorf("MaxEntries: got %d", n)
				}
			},
		},
		{
			Name: "entry-round-trips",
			Says: "An entry comes back with its key, its position and every field of the tenant exactly, whatever text they hold.",
			of:   sharedCache,
			check: func(p *probe) {
				for i, t := range tenants() {
					for _, k := range []tenancy.Key{tenancy.IDKey(t.ID), tenancy.IdentifierKey(t.Identifier)} {
						e := &tier.Entry{Key: k, TTL: time.Hour, Versioned: tenancy.Versioned{AsOf: positions()[i%len(positions())], Tenant: t, Found: true}}
						p.fill(e)
					}
				}
			},
		},
		{
			Name: "negative-round-trips",
			Says: "That there is no tenant under a key is an entry too, with its key and its position.",
			of:   sharedCache,
			check: func(p *probe) {
				for i, at := range positions() {
					for _, k := range []tenancy.Key{key(i), tenancy.IdentifierKey(fmt.Sprintf("nobody-%d", i))} {
						p.fill(&tier.Entry{Key: k, TTL: time.Hour, Versioned: tenancy.Versioned{AsOf: at}})
					}
				}
			},
		},
		{
			Name: "tenant-follows-negative",
			Says: "A newer entry takes the place of an older one under its key, also a tenant that of a negative entry, and the other way round.",
			check: func(p *probe) {
				p.fill(negative(key(1), 5))
				for r := tenancy.Revision(6); r < 12; r += 2 {
					for _, e := range []*tier.Entry{entry(key(1), r), negative(key(1), r+1)} {
						p.put(anyToken(p), e)
						p.holds(e)
					}
				}
			},
		},
		{
			Name: "keys-are-exact",
			Says: "Keys compare by kind and bytes: no entry is ever found under another key, however similar.",
			check: func(p *probe) {
				var keys []tenancy.Key
				for _, text := range []string{
					"acme", "acme ", " acme", "Acme", "ACME", "acme\t", "acme\n", "acme\r\n", "acme*", "acme?", "[a]cme", `a\cme`,
					"id:acme", "identifier:acme", ":acme", "acme:", "{acme}", "{acme", "entifier:acme", "acme%00", "acm", "acmee",
					"caf\u00e9", "cafe\u0301", "\uff41cme", "\u00e5", "A\u030a", "\u212b", "\u0131", "i", "I", "\u017f", "s", "\u1e9e", "ss",
					strings.Repeat("x", 254) + "a", strings.Repeat("x", 254) + "b", strings.Repeat("日", 255),
				} {
					keys = append(keys, tenancy.IDKey(text))
				}
				for _, text := range []string{"acme", "acme-", "acme-1", "acme-2", "i", "s", "ss", "id-acme"} {
					keys = append(keys, tenancy.IdentifierKey(text))
				}
				entries := map[tenancy.Key]*tier.Entry{}
				for i, k := range keys {
					token := p.lease(k) // nothing is there yet, not even that of a similar key
					entries[k] = entry(k, tenancy.Revision(10+i))
					p.put(token, entries[k])
				}
				for _, k := range keys {
					p.holds(entries[k])
				}
			},
		},
		{
			Name: "entries-are-many",
			Says: "Hundreds of entries are kept apart.",
			check: func(p *probe) {
				const n = 300
				entries := make([]*tier.Entry, n)
				for i := range entries {
					k := key(i)
					if i%2 == 1 {
						k = tenancy.IdentifierKey(fmt.Sprintf("tenant-%d", i))
					}
					entries[i] = entry(k, tenancy.Revision(i+1))
					p.put(p.lease(k), entries[i])
				}
				found := 0
				for _, e := range entries {
					r := p.get(e.Key)
					if r.Entry == nil && p.shared == nil {
						continue // a local cache may refuse what it thinks is asked for too rarely
					}
					if d := p.differs(e, r); d != "" {
						p.Fatalf("Get %s: %s", show(e.Key), d)
					}
					found++
				}
				if found < n/2 {
					p.Errorf("of %d entries only %d are still there", n, found)
				}
			},
		},
	}
}

// anyToken is what a caller has who found an outdated entry.
func anyToken(p *probe) tier.Token {
	if p.shared != nil {
		return 0
	}
	return localToken
}

// positions returns positions that are hard to keep.
func positions() []tenancy.Position {
	return []tenancy.Position{
		{Revision: 1, Mark: 1}, {Revision: 1, Mark: -1}, {Revision: 255, Mark: math.MaxInt64}, {Revision: 256, Mark: math.MinInt64},
		{Revision: 1 << 32, Mark: 0}, {Revision: 1<<53 + 1, Mark: 1<<53 + 1}, {Revision: math.MaxInt64 - 1, Mark: -1 << 53},
	}
}

// tenants returns tenants that are hard to keep.
func tenants() []tenancy.Tenant {
	full := tenancy.Tenant{
		ID: "id-full", Identifier: "full-house", Name: "Full House Ltd.",
		Status: tenancy.StatusSuspended, Isolation: tenancy.IsolationDatabase,
		DatabaseURL: tenancy.NewSecret("postgres://app:s3cret@db/full?sslmode=verify-full"), SchemaName: "full_house",
		Metadata:  metadata(`{"plan":"gold","seats":12,"big":123456789012345678901234567890,"tags":["a","b"],"owner":{"name":"Ada","mail":null}}`),
		CreatedAt: time.Date(2024, 2, 29, 23, 59, 59, 123456000, time.UTC),
		UpdatedAt: time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
		Revision:  1<<53 + 1,
		Mark:      -1<<53 - 1,
	}
	plain := tenancy.Tenant{
		ID: "p", Identifier: "plain", Name: "P", Status: tenancy.StatusActive,
		CreatedAt: time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC), UpdatedAt: time.Date(1969, 12, 31, 23, 59, 59, 1000, time.UTC), Revision: 1,
	}
	out := []tenancy.Tenant{full, plain}
	for i, text := range []string{
		"' OR 1=1; --", "a\r\nSET b c\r\n", "$-1\r\n", "\x01\x02\x7f", "\u202eevil", "日本語🏢", "\ufeffbom",
		"{hash}tag", "*?[]\\", "E\x01lease", `{"json":"text"}`, "L" + strings.Repeat("0", 16), strings.Repeat("é", 255), " ", "\u2028",
	} {
		t := full
		t.ID, t.Identifier, t.Name, t.SchemaName = text, fmt.Sprintf("hostile-%d", i), text, text
		t.Status = tenancy.Statuses()[i%len(tenancy.Statuses())]
		t.DatabaseURL = tenancy.NewSecret(text)
		t.Metadata = metadata(`{}`)
		if m, err := tenancy.NewMetadata(map[string]string{text: text}); err == nil {
			t.Metadata = m
		}
		out = append(out, t)
	}
	large := plain
	large.ID, large.Identifier = "large", "large"
	large.Metadata = metadata(`{"x":"` + strings.Repeat("y", 200<<10) + `"}`)
	large.DatabaseURL = tenancy.NewSecret("x://" + strings.Repeat("z", 8000))
	return append(out, large)
}

// metadata parses a constant of the suite; a mistake in it shows as no metadata.
func metadata(object string) tenancy.Metadata {
	m, err := tenancy.ParseMetadata([]byte(object))
	if err != nil {
		return tenancy.Metadata{}
	}
	return m
}
