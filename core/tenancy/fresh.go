package tenancy

import "context"

// Fresh returns s with lookups that go past every cache: by Load with Min ==
// Latest. It is meant for decisions that must not rest on a cached value, and
// costs a read of the database each time. All else is as in s. Of a store that is
// no [Source] it returns s itself.
func Fresh(s Store) Store {
	if source, ok := SourceOf(s); ok {
		return fresh{Decorator{source}, source}
	}
	return s
}

type fresh struct {
	Decorator
	source Source
}

func (f fresh) GetByID(ctx context.Context, id string) (Tenant, error) {
	return f.get(ctx, "GetByID", IDKey(id))
}

func (f fresh) GetByIdentifier(ctx context.Context, identifier string) (Tenant, error) {
	return f.get(ctx, "GetByIdentifier", IdentifierKey(identifier))
}

func (f fresh) GetByDomain(ctx context.Context, domain string) (Tenant, error) {
	return f.get(ctx, "GetByDomain", Key{KindDomain, domain})
}

func (f fresh) FormerOwner(ctx context.Context, identifier string) (Tenant, error) {
	return f.get(ctx, "FormerOwner", Key{KindFormer, identifier})
}

func (f fresh) Exists(ctx context.Context, id string) (bool, error) {
	snapshot, err := f.load(ctx, "Exists", IDKey(id))
	return snapshot.Found, err
}

func (f fresh) GetByIDs(ctx context.Context, ids []string) ([]Tenant, error) {
	seen := make(map[string]bool, len(ids))
	want := make([]Lookup, 0, len(ids))
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			want = append(want, Lookup{IDKey(id), Latest})
		}
	}
	snapshots, err := f.source.Load(ctx, want)
	if err != nil {
		return nil, named("GetByIDs", Key{}, err)
	}
	tenants := make([]Tenant, 0, len(snapshots))
	for _, s := range snapshots {
		if s.Found {
			tenants = append(tenants, s.Tenant)
		}
	}
	return tenants, nil
}

func (f fresh) get(ctx context.Context, op string, key Key) (Tenant, error) {
	snapshot, err := f.load(ctx, op, key)
	if err == nil && !snapshot.Found {
		err = named(op, key, ErrNotFound)
	}
	return snapshot.Tenant, err
}

func (f fresh) load(ctx context.Context, op string, key Key) (Versioned, error) {
	snapshots, err := f.source.Load(ctx, []Lookup{{key, Latest}})
	if err != nil {
		return Versioned{}, named(op, key, err)
	}
	return snapshots[0], nil
}
