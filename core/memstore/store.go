package memstore

import (
	"context"
	"slices"
	"sync"

	"github.com/go-tenancy/tenantstore/core/internal/index"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Store is a tenancy.Source in memory. Create one with New.
type Store struct {
	*driver.Extended // checks input, completes errors
	b                *backend
}

var _ tenancy.Source = (*Store)(nil)

// New returns an empty store.
func New(opts ...Option) *Store {
	c := config{logRetention: DefaultLogRetention, claimLifetime: driver.DefaultClaimLifetime}
	for _, opt := range opts {
		if opt.apply != nil {
			opt.apply(&c)
		}
	}
	b := &backend{
		config:       c,
		byID:         map[string]*record{},
		byIdentifier: map[string]*record{},
		byName:       map[tenancy.Key]*record{},
		log:          newChangeLog(c.logRetention),
	}
	x, _ := driver.Extend(b) // fails on mistakes in b, which the compiler has seen
	return &Store{x, b}
}

// What Extend can use beyond driver.Backend.
var (
	_ driver.ManyGetter      = (*backend)(nil)
	_ driver.Counter         = (*backend)(nil)
	_ driver.Searcher        = (*backend)(nil)
	_ driver.BatchCreator    = (*backend)(nil)
	_ driver.Purger          = (*backend)(nil)
	_ driver.Reserver        = (*backend)(nil)
	_ driver.MetadataChecker = (*backend)(nil)
	_ driver.Names           = (*backend)(nil)
	_ driver.Source          = (*backend)(nil)
)

// backend implements driver.Backend.
type backend struct {
	config

	mu           sync.RWMutex
	byID         map[string]*record
	byIdentifier map[string]*record
	byName       map[tenancy.Key]*record // by verified domains and former identifiers
	named        []string                // sorted IDs of the tenants that have names
	endings      []ending                // of former identifiers, the first one first
	index        index.Index
	log          changeLog
}

// record is a stored tenant. It is never changed, only replaced.
type record struct {
	index.Record
	names []tenancy.Name // by kind, then value
}

// IsReserved is asked by Extended.
func (b *backend) IsReserved(identifier string) bool { return b.reserved.IsReserved(identifier) }

// CheckMetadata implements driver.MetadataChecker.
func (b *backend) CheckMetadata(m tenancy.Metadata) error { return b.check.Judge(m) }

// Close is called once, by Extended, which ends the calls.
func (b *backend) Close() error { return nil }

// put replaces before by after with its names, either of which may be nil, appends the
// change to the log, and returns what is now stored. The caller holds b.mu.
func (b *backend) put(ctx context.Context, kind tenancy.ChangeKind, before *record, after *tenancy.Tenant, names []tenancy.Name) tenancy.Tenant {
	c := tenancy.Change{Kind: kind, Actor: tenancy.ActorFrom(ctx)}
	var old *tenancy.Tenant
	var oldNames []tenancy.Name
	if before != nil {
		old, oldNames = &before.Tenant, before.names
		for _, n := range oldNames {
			if k, found := n.Key(); found {
				delete(b.byName, k)
			}
		}
		if at, found := slices.BinarySearch(b.named, before.ID); found {
			b.named = slices.Delete(b.named, at, at+1)
		}
		delete(b.byID, before.ID)
		delete(b.byIdentifier, before.Identifier)
		b.index.Remove(&before.Record)
	}
	if old != nil && after != nil {
		c.Fields = driver.FieldsOf(*old, *after)
		if !slices.Equal(oldNames, names) {
			at, _ := slices.BinarySearch(c.Fields, "names")
			c.Fields = slices.Insert(c.Fields, at, "names")
		}
	}
	c.Keys = driver.KeysOf(old, after, slices.Concat(oldNames, names)...)
	c.TenantID = c.Keys[0].Value // the first key is the ID
	position := b.log.append(c)
	if after == nil {
		return tenancy.Tenant{}
	}
	r := &record{index.NewRecord(*after), names}
	r.Revision, r.Mark = position.Revision, position.Mark
	b.insert(r)
	return r.Tenant
}

func (b *backend) insert(r *record) {
	b.byID[r.ID] = r
	b.byIdentifier[r.Identifier] = r
	if at, found := slices.BinarySearch(b.named, r.ID); !found && len(r.names) > 0 {
		b.named = slices.Insert(b.named, at, r.ID)
	}
	for _, n := range r.names {
		if k, found := n.Key(); found {
			b.byName[k] = r
		}
	}
	b.index.Insert(&r.Record)
}
