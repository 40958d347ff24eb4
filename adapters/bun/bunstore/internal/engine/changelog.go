package engine

import (
	"context"
	"database/sql"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Bounds implements tenancy.Log.
func (b *Base) Bounds(ctx context.Context) (h tenancy.Bounds, err error) {
	var oldest, newest Position
	err = b.Retry(ctx, func() error {
		found, err := b.Read.One(ctx, b.Texts.head, nil, &oldest.Revision, &oldest.Mark, &newest.Revision, &newest.Mark)
		if err == nil && !found {
			err = errEmptyLog()
		}
		return err
	})
	return tenancy.Bounds{Oldest: oldest.Value(), Newest: newest.Value()}, err
}

func errEmptyLog() error {
	return &Failure{Reason: tenancy.ErrUnavailable, Text: "the change log has no row: was it emptied by hand? Run Migrate", Cause: sql.ErrNoRows}
}

// Load implements tenancy.Log in one statement, whatever the number of lookups.
func (b *Base) Load(ctx context.Context, want []tenancy.Lookup) (loaded []tenancy.Versioned, err error) {
	if len(want) == 0 {
		return nil, nil
	}
	q, err := b.loadQuery(want)
	if err != nil {
		return nil, err
	}
	err = Repeat(func() (bool, error) {
		var over bool
		loaded, over, err = b.load(ctx, want, q)
		if err != nil || !over {
			return false, err
		}
		n, err := b.endFormer(ctx) // see FormerOwner
		return n > 0, err
	})
	return loaded, err
}

// load also reports whether the time of a former identifier that it has found is over.
func (b *Base) load(ctx context.Context, want []tenancy.Lookup, q loadQuery) (loaded []tenancy.Versioned, over bool, err error) {
	query := b.Read.Each
	if len(want) == 1 {
		query = b.Read.keyed
	}
	var asOf Position
	var found []loadedTenant
	err = b.Look(ctx, func() (bool, error) {
		seen := false
		found, over = make([]loadedTenant, 0, len(want)), false
		var kind, value Text
		var ends Instant
		first := []any{&asOf.Revision, &asOf.Mark}
		if q.named {
			first = append(first, &kind, &value, &ends)
		}
		r := b.Read.newRow(first...)
		err := query(ctx, q.text, q.args, func(rows *sql.Rows) error {
			seen = true
			t, err := r.scan(rows)
			if t.ID != "" {
				found = append(found, loadedTenant{t, tenancy.Key{Kind: tenancy.KeyKind(kind), Value: string(value)}})
				over = over || ended(ends, time.Now())
			}
			return err
		})
		if err == nil && !seen {
			err = errEmptyLog()
		}
		return len(found) > 0, err
	})
	if err == nil {
		loaded, err = snapshots(want, asOf.Value(), found)
	}
	return loaded, over, err
}

// loadedTenant is a tenant, and the name by which it was found, unless that is its ID or
// identifier.
type loadedTenant struct {
	tenancy.Tenant
	name tenancy.Key
}

// snapshots answers want, from tenants as of one position.
func snapshots(want []tenancy.Lookup, asOf tenancy.Position, found []loadedTenant) ([]tenancy.Versioned, error) {
	place := map[tenancy.Key]int{} // in found; not worth it for one lookup
	if len(want) > 1 {
		for i, t := range found {
			if t.name.Kind != "" {
				place[t.name] = i
				continue
			}
			place[tenancy.IDKey(t.ID)], place[tenancy.IdentifierKey(t.Identifier)] = i, i
		}
	}
	out := make([]tenancy.Versioned, len(want))
	for i, l := range want {
		if l.Min > asOf.Revision && l.Min != tenancy.Latest {
			return nil, tenancy.ErrCompacted
		}
		out[i].AsOf = asOf
		at, ok := place[l.Key]
		if ok || len(want) == 1 && len(found) == 1 {
			out[i].Tenant, out[i].Found = found[at].Tenant, true
		}
	}
	return out, nil
}

// loadQuery is the statement for lookups, which may be by other names than ID and
// identifier.
type loadQuery struct {
	text  string
	args  []any
	named bool
}

// loadQuery returns the statement for want: a simpler one for a single lookup,
// which is what a cache asks for most.
func (b *Base) loadQuery(want []tenancy.Lookup) (q loadQuery, err error) {
	if k := want[0].Key; len(want) == 1 {
		return loadQuery{b.Texts.loadBy[k.Kind], []any{k.Value}, !k.OfField()}, nil
	}
	values := map[tenancy.KeyKind][]string{}
	for _, l := range want {
		values[l.Key.Kind] = append(values[l.Key.Kind], l.Key.Value)
		q.named = q.named || !l.Key.OfField()
	}
	kinds := []tenancy.KeyKind{tenancy.KindID, tenancy.KindIdentifier}
	q.text = b.Texts.load
	if q.named {
		kinds = append(kinds, tenancy.KindDomain, tenancy.KindFormer)
		q.text = b.Texts.names.load
	}
	for _, kind := range kinds {
		list, err := b.Array(append([]string{}, values[kind]...)) // not nil
		if err != nil {
			return q, err
		}
		q.args = append(q.args, list)
	}
	return q, nil
}

// Changes implements tenancy.Log. It reads the row of the position too, to see
// that the log holds it with the same mark.
func (b *Base) Changes(ctx context.Context, after tenancy.Position, limit int) (cs []tenancy.Change, err error) {
	if limit == 0 {
		limit = tenancy.DefaultChangesLimit
	}
	b.Go("check", b.keepChecked)
	b.Go("end", b.keepEnded)
	rung := b.bell.rung()
	err = b.Retry(ctx, func() error {
		cs = make([]tenancy.Change, 0, min(limit+1, 64))
		return b.Read.Each(ctx, b.Texts.changes, []any{int64(after.Revision), int64(limit) + 1}, func(rows *sql.Rows) error {
			c, err := scanChange(rows)
			cs = append(cs, c)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	if after.IsZero() {
		cs = append([]tenancy.Change{{}}, cs...)
		cs = cs[:min(len(cs), limit+1)]
	}
	cs, err = followers(cs, after)
	if err == nil && len(cs) < limit {
		end := after
		if len(cs) > 0 {
			end = cs[len(cs)-1].Position
		}
		b.bell.read(end, rung)
	}
	return cs, err
}

// followers returns the changes after the first, which must be the one at the
// position; they must be without a gap, which only a person could have made.
func followers(cs []tenancy.Change, after tenancy.Position) ([]tenancy.Change, error) {
	if len(cs) == 0 || cs[0].Position != after {
		return nil, tenancy.ErrCompacted
	}
	for i := 1; i < len(cs); i++ {
		if cs[i].Position.Revision != cs[i-1].Position.Revision+1 {
			return nil, tenancy.ErrCompacted
		}
	}
	return cs[1:], nil
}

func scanChange(rows *sql.Rows) (tenancy.Change, error) {
	var (
		at                  Position
		op, actor, tenantID Text
		fields, keys        sql.RawBytes
		when                Instant
	)
	if err := rows.Scan(&at.Revision, &at.Mark, &op, &actor, &fields, &tenantID, &keys, &when); err != nil {
		return tenancy.Change{}, err
	}
	touched, err := parseKeys(keys)
	if err != nil { // broken by hand: it may have been any
		op, tenantID = Text(tenancy.ChangeReset), ""
	}
	return tenancy.Change{
		Position: at.Value(), Kind: tenancy.ChangeKind(op), Actor: string(actor), Fields: parseFields(fields),
		TenantID: string(tenantID), Keys: touched, At: time.Time(when),
	}, nil
}
