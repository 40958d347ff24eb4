package tiertest_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func entryMutants() []mutant {
	out := []mutant{
		{rule: "new-cache-is-empty", how: "grants no lease", spoil: func(f *faulty) {
			f.get = func(ctx context.Context, k tenancy.Key) (tier.Result, error) {
				r, err := f.next.Get(ctx, k)
				r.Token = 0
				return r, err
			}
		}},
		{rule: "new-cache-is-empty", how: "finds zero entries", spoil: func(f *faulty) {
			f.get = func(_ context.Context, k tenancy.Key) (tier.Result, error) {
				return tier.Result{Entry: &tier.Entry{Key: k}}, nil
			}
		}},
		{rule: "tenant-follows-negative", how: "keeps that there is no tenant", spoil: func(f *faulty) {
			f.put = func(ctx context.Context, token tier.Token, e *tier.Entry) error {
				if old, _ := f.look(ctx, e.Key); old != nil && old.Negative() {
					return nil
				}
				return f.next.Put(ctx, token, e)
			}
		}},
		{rule: "get-after-put", how: "holds one entry", spoil: func(f *faulty) {
			var last *tenancy.Key
			f.put = func(ctx context.Context, token tier.Token, e *tier.Entry) error {
				if last != nil && *last != e.Key {
					if err := f.remove(ctx, *last); err != nil {
						return err
					}
				}
				last = &e.Key
				return f.next.Put(ctx, token, e)
			}
		}},
		{rule: "entries-are-many", how: "has a hundred places", spoil: func(f *faulty) {
			f.rekey(func(k tenancy.Key) tenancy.Key {
				return tenancy.IDKey("place-" + k.Value[max(0, len(k.Value)-2):])
			})
		}},
		{rule: "negative-round-trips", how: "takes a negative entry for nothing", spoil: func(f *faulty) {
			f.get = func(ctx context.Context, k tenancy.Key) (tier.Result, error) {
				r, err := f.next.Get(ctx, k)
				if r.Entry != nil && r.Entry.Negative() {
					r.Entry = nil
				}
				return r, err
			}
		}},
		{rule: "negative-round-trips", how: "forgets as of when there was nothing", spoil: func(f *faulty) {
			f.alter(func(s *tenancy.Versioned) {
				if !s.Found {
					s.AsOf.Mark = 0
				}
			})
		}},
	}
	for how, key := range confusions() {
		out = append(out, mutant{rule: "keys-are-exact", how: how, spoil: func(f *faulty) { f.rekey(key) }})
	}
	for how, change := range map[string]func(s *tenancy.Versioned){
		"forgets the URL":               func(s *tenancy.Versioned) { s.Tenant.DatabaseURL = tenancy.Secret{} },
		"forgets the schema":            func(s *tenancy.Versioned) { s.Tenant.SchemaName = "" },
		"forgets the isolation":         func(s *tenancy.Versioned) { s.Tenant.Isolation = "" },
		"forgets the status":            func(s *tenancy.Versioned) { s.Tenant.Status = tenancy.StatusActive },
		"forgets the metadata":          func(s *tenancy.Versioned) { s.Tenant.Metadata = tenancy.Metadata{} },
		"forgets the tenant's revision": func(s *tenancy.Versioned) { s.Tenant.Revision = s.AsOf.Revision },
		"forgets the tenant's mark":     func(s *tenancy.Versioned) { s.Tenant.Mark = 0 },
		"takes one mark for both":       func(s *tenancy.Versioned) { s.Tenant.Mark = s.AsOf.Mark },
		"keeps revisions as floats":     func(s *tenancy.Versioned) { s.AsOf.Revision = tenancy.Revision(float64(s.AsOf.Revision)) },
		"keeps marks as floats":         func(s *tenancy.Versioned) { s.AsOf.Mark = int64(float64(s.AsOf.Mark)) },
		"keeps milliseconds":            func(s *tenancy.Versioned) { s.Tenant.UpdatedAt = s.Tenant.UpdatedAt.Truncate(time.Millisecond) },
		"keeps unsigned seconds": func(s *tenancy.Versioned) {
			s.Tenant.CreatedAt = time.Unix(int64(uint32(s.Tenant.CreatedAt.Unix())), int64(s.Tenant.CreatedAt.Nanosecond())).UTC()
		},
		"returns local times":             func(s *tenancy.Versioned) { s.Tenant.CreatedAt = s.Tenant.CreatedAt.In(time.FixedZone("", 3600)) },
		"takes names for texts of a line": func(s *tenancy.Versioned) { s.Tenant.Name = strings.ReplaceAll(s.Tenant.Name, "\r\n", "\n") },
		"trims names":                     func(s *tenancy.Versioned) { s.Tenant.Name = strings.TrimSpace(s.Tenant.Name) },
		"keeps ASCII":                     func(s *tenancy.Versioned) { s.Tenant.SchemaName = strings.ToValidUTF8(ascii(s.Tenant.SchemaName), "?") },
	} {
		out = append(out, mutant{rule: "entry-round-trips", how: how, spoil: func(f *faulty) { f.alter(change) }})
	}
	return out
}

func sum(k tenancy.Key) (n byte) {
	for _, b := range []byte(k.Value) {
		n += b
	}
	return n
}

func ascii(text string) string {
	return strings.Map(func(r rune) rune {
		if r > 127 {
			return '?'
		}
		return r
	}, text)
}

// confusions are ways to take one key for another.
func confusions() map[string]func(k tenancy.Key) tenancy.Key {
	return map[string]func(k tenancy.Key) tenancy.Key{
		"takes an ID for an identifier": func(k tenancy.Key) tenancy.Key { return tenancy.IDKey(k.Value) },
		"ignores letter case":           func(k tenancy.Key) tenancy.Key { return tenancy.Key{Kind: k.Kind, Value: strings.ToLower(k.Value)} },
		"trims spaces":                  func(k tenancy.Key) tenancy.Key { return tenancy.Key{Kind: k.Kind, Value: strings.TrimSpace(k.Value)} },
		"cuts long keys": func(k tenancy.Key) tenancy.Key {
			return tenancy.Key{Kind: k.Kind, Value: k.Value[:min(len(k.Value), 250)]}
		},
		"joins kind and value without a separator": func(k tenancy.Key) tenancy.Key {
			return tenancy.IDKey(string(k.Kind) + strings.ReplaceAll(k.Value, ":", ""))
		},
		"compares by folding":         func(k tenancy.Key) tenancy.Key { return tenancy.Key{Kind: k.Kind, Value: driver.Fold(k.Value)} },
		"compares hashes of one byte": func(k tenancy.Key) tenancy.Key { return tenancy.IDKey(fmt.Sprint(sum(k))) },
	}
}
