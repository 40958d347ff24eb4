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
func (b *Base) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	if len(want) == 0 {
		return nil, nil
	}
	text, args, err := b.loadText(want)
	if err != nil {
		return nil, err
	}
	query := b.Read.Each
	if len(want) == 1 {
		query = b.Read.keyed
	}
	var asOf Position
	var found []tenancy.Tenant
	err = b.Look(ctx, func() (bool, error) {
		seen := false
		found = make([]tenancy.Tenant, 0, len(want))
		r := b.Read.newRow(&asOf.Revision, &asOf.Mark)
		err := query(ctx, text, args, func(rows *sql.Rows) error {
			seen = true
			t, err := r.scan(rows)
			if t.ID != "" {
				found = append(found, t)
			}
			return err
		})
		if err == nil && !seen {
			err = errEmptyLog()
		}
		return len(found) > 0, err
	})
	if err != nil {
		return nil, err
	}
	return snapshots(want, asOf.Value(), found)
}

// snapshots answers want, from tenants as of one position.
func snapshots(want []tenancy.Lookup, asOf tenancy.Position, found []tenancy.Tenant) ([]tenancy.Versioned, error) {
	place := map[tenancy.Key]int{} // in found; not worth it for one lookup
	if len(want) > 1 {
		for i, t := range found {
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
			out[i].Tenant, out[i].Found = found[at], true
		}
	}
	return out, nil
}

// loadText returns the statement for want: a simpler one for a single lookup,
// which is what a cache asks for most.
func (b *Base) loadText(want []tenancy.Lookup) (string, []any, error) {
	if len(want) == 1 {
		if want[0].Key.Kind == tenancy.KindID {
			return b.Texts.loadByID, []any{want[0].Key.Value}, nil
		}
		return b.Texts.loadByIdentifier, []any{want[0].Key.Value}, nil
	}
	ids, identifiers := []string{}, []string{}
	for _, l := range want {
		if l.Key.Kind == tenancy.KindID {
			ids = append(ids, l.Key.Value)
		} else {
			identifiers = append(identifiers, l.Key.Value)
		}
	}
	idList, err := b.Array(ids)
	if err != nil {
		return "", nil, err
	}
	identifierList, err := b.Array(identifiers)
	return b.Texts.load, []any{idList, identifierList}, err
}

// Changes implements tenancy.Log. It reads the row of the position too, to see
// that the log holds it with the same mark.
func (b *Base) Changes(ctx context.Context, after tenancy.Position, limit int) (cs []tenancy.Change, err error) {
	if limit == 0 {
		limit = tenancy.DefaultChangesLimit
	}
	b.Go("check", b.keepChecked)
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
