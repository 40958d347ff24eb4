package tenantio

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// batch brings some records into the store.
type batch struct {
	store   tenancy.Store
	update  bool
	names   bool // lines may state names
	records []Record
	done    []outcome // of each record
	ids     []string  // of the stored tenant of each record
}

// outcome is what became of a record.
type outcome struct {
	fate fate
	err  error // why it failed
}

type fate int

const (
	unknown fate = iota
	created
	updated
	unchanged
	failed
)

// run returns an error only if the store failed.
func (b *batch) run(ctx context.Context) error {
	var fresh, stored []int // indexes of records
	b.ids = make([]string, len(b.records))
	for i, r := range b.records {
		switch {
		case r.Err == nil && len(r.Names) > 0 && !b.names:
			b.done[i] = outcome{failed, invalid(namesField, "are stated, and ImportOptions.Names is not set")}
		case r.Err != nil:
			b.done[i] = outcome{failed, lineReason(r.Err)}
		case r.masked != "": // cannot be created
			b.done[i] = outcome{failed, invalid(r.masked, "is a mask, so the line cannot create a tenant")}
			stored = append(stored, i)
		default:
			fresh = append(fresh, i)
		}
	}
	taken, err := b.create(ctx, fresh)
	if err != nil {
		return err
	}
	if err := b.compare(ctx, append(stored, taken...)); err != nil {
		return err
	}
	return b.addNames(ctx)
}

// create returns those of the records whose ID or identifier is taken.
func (b *batch) create(ctx context.Context, records []int) (taken []int, err error) {
	if len(records) == 0 {
		return nil, nil
	}
	tenants := make([]tenancy.Tenant, len(records))
	for i, at := range records {
		tenants[i] = b.records[at].Tenant
	}
	results, err := b.store.CreateBatch(ctx, tenants)
	for i, result := range results[:min(len(results), len(records))] {
		at := records[i]
		if result.Err == nil {
			b.done[at], b.ids[at] = outcome{fate: created}, result.Tenant.ID
			continue
		}
		if errors.Is(result.Err, tenancy.ErrAlreadyExists) {
			taken = append(taken, at)
		}
		b.done[at] = outcome{failed, result.Err}
	}
	if err == nil && len(results) != len(records) {
		err = fmt.Errorf("%w: %d results for a batch of %d", tenancy.ErrUnavailable, len(results), len(records))
	}
	if err != nil {
		for _, at := range taken {
			b.done[at] = outcome{} // not compared yet
		}
	}
	return taken, err
}

// compare deals with the records that are stored already. One that is not keeps
// its outcome.
func (b *batch) compare(ctx context.Context, records []int) error {
	if len(records) == 0 {
		return nil
	}
	pending := make([]outcome, len(records))
	for i, at := range records {
		pending[i], b.done[at] = b.done[at], outcome{}
	}
	stored, err := b.lookUp(ctx, records)
	if err != nil {
		return err
	}
	written := map[string]bool{} // IDs that this loop wrote: stored is out of date
	for i, at := range records {
		old := stored[i]
		if old == nil {
			b.done[at] = pending[i]
			continue
		}
		r := b.records[at]
		b.ids[at] = old.ID
		_, differs := r.merge(*old)
		switch {
		case len(differs) == 0 && !written[old.ID]:
			b.done[at] = outcome{fate: unchanged}
		case !b.update:
			b.done[at] = outcome{failed, exists(r, "is stored with another "+strings.Join(differs, ", "))}
		default:
			written[old.ID] = true
			if b.done[at], err = b.write(ctx, r, old.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// write puts r over the stored tenant.
func (b *batch) write(ctx context.Context, r Record, id string) (outcome, error) {
	result := outcome{fate: unchanged}
	_, err := tenancy.Modify(ctx, b.store, id, func(t *tenancy.Tenant) error {
		merged, differs := r.merge(*t)
		if !merged.CreatedAt.Equal(t.CreatedAt) { // the ID is what it was found by, or not stated
			return exists(r, "is stored with another created_at, which cannot change")
		}
		*t, result.fate = merged, unchanged
		if len(differs) > 0 {
			result.fate = updated
		}
		return nil
	})
	switch {
	case isOfTheLine(err):
		return outcome{failed, err}, nil
	case err != nil:
		return outcome{}, err
	}
	return result, nil
}

// isOfTheLine reports whether a write failed because of its line, and not of the store.
func isOfTheLine(err error) bool {
	for _, ofTheLine := range []error{
		tenancy.ErrInvalid, tenancy.ErrAlreadyExists, tenancy.ErrConflict, tenancy.ErrNotFound,
	} {
		if errors.Is(err, ofTheLine) {
			return true
		}
	}
	return false
}

// lookUp returns what is stored under the key of each record, or nil.
func (b *batch) lookUp(ctx context.Context, records []int) ([]*tenancy.Tenant, error) {
	if source, ok := tenancy.SourceOf(b.store); ok {
		return b.load(ctx, source, records)
	}
	found := make([]*tenancy.Tenant, len(records))
	for i, at := range records {
		var t tenancy.Tenant
		var err error
		if k := b.records[at].key(); k.Kind == tenancy.KindID {
			t, err = b.store.GetByID(ctx, k.Value)
		} else {
			t, err = b.store.GetByIdentifier(ctx, k.Value)
		}
		switch {
		case err == nil:
			found[i] = &t
		case !errors.Is(err, tenancy.ErrNotFound) && !errors.Is(err, tenancy.ErrInvalid):
			return nil, err
		}
	}
	return found, nil
}

// load is lookUp in one call.
func (b *batch) load(ctx context.Context, source tenancy.Source, records []int) ([]*tenancy.Tenant, error) {
	found := make([]*tenancy.Tenant, len(records))
	var want []tenancy.Lookup
	var places []int // in found
	for i, at := range records {
		if k := b.records[at].key(); k.Validate() == nil { // nothing is stored under another one
			want, places = append(want, tenancy.Lookup{Key: k, Min: tenancy.Latest}), append(places, i)
		}
	}
	if len(want) == 0 {
		return found, nil
	}
	snapshots, err := source.Load(ctx, want)
	for i, s := range snapshots[:min(len(snapshots), len(places))] {
		if s.Found {
			found[places[i]] = &s.Tenant
		}
	}
	return found, err
}

// key is the key by which a stored tenant counts as the one of the line.
func (r Record) key() tenancy.Key {
	if r.Tenant.ID != "" {
		return tenancy.IDKey(r.Tenant.ID)
	}
	return tenancy.IdentifierKey(r.Tenant.Identifier)
}

func exists(r Record, what string) error {
	return &tenancy.Error{Field: string(r.key().Kind), Err: fmt.Errorf("%w: %s", tenancy.ErrAlreadyExists, what)}
}

// lineReason returns err as a [*tenancy.Error]: what somebody else found wrong
// with a line makes it invalid.
func lineReason(err error) error {
	var e *tenancy.Error
	if errors.As(err, &e) {
		return err
	}
	return &tenancy.Error{Err: fmt.Errorf("%w: %w", tenancy.ErrInvalid, err)}
}
