package memstore

import (
	"context"
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
	c := config{logRetention: DefaultLogRetention}
	for _, opt := range opts {
		if opt.apply != nil {
			opt.apply(&c)
		}
	}
	b := &backend{
		softDelete:   c.softDelete,
		reserved:     c.reserved,
		check:        c.check,
		byID:         map[string]*index.Record{},
		byIdentifier: map[string]*index.Record{},
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
	_ driver.Source          = (*backend)(nil)
)

// backend implements driver.Backend.
type backend struct {
	softDelete bool
	reserved   driver.ReservedIdentifiers
	check      driver.MetadataCheck

	mu           sync.RWMutex
	byID         map[string]*index.Record
	byIdentifier map[string]*index.Record
	index        index.Index
	log          changeLog
}

// IsReserved is asked by Extended.
func (b *backend) IsReserved(identifier string) bool { return b.reserved.IsReserved(identifier) }

// CheckMetadata implements driver.MetadataChecker.
func (b *backend) CheckMetadata(m tenancy.Metadata) error { return b.check.Judge(m) }

// Close is called once, by Extended, which ends the calls.
func (b *backend) Close() error { return nil }

// put replaces before by after, either of which may be nil, appends the change
// to the log, and returns what is now stored. The caller holds b.mu.
func (b *backend) put(ctx context.Context, kind tenancy.ChangeKind, before *index.Record, after *tenancy.Tenant) tenancy.Tenant {
	c := tenancy.Change{Kind: kind, Actor: tenancy.ActorFrom(ctx)}
	var old *tenancy.Tenant
	if before != nil {
		old = &before.Tenant
		delete(b.byID, before.ID)
		delete(b.byIdentifier, before.Identifier)
		b.index.Remove(before)
	}
	if old != nil && after != nil {
		c.Fields = driver.FieldsOf(*old, *after)
	}
	c.Keys = driver.KeysOf(old, after)
	c.TenantID = c.Keys[0].Value // the first key is the ID
	position := b.log.append(c)
	if after == nil {
		return tenancy.Tenant{}
	}
	r := index.NewRecord(*after)
	r.Revision, r.Mark = position.Revision, position.Mark
	b.insert(&r)
	return r.Tenant
}

func (b *backend) insert(r *index.Record) {
	b.byID[r.ID] = r
	b.byIdentifier[r.Identifier] = r
	b.index.Insert(r)
}
