package replica

import (
	"context"
	"slices"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/internal/logread"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// loader reads what the replica holds, for the reader of the log, whose goroutine alone
// uses it.
type loader struct {
	*Store
	limit  logread.Limit
	scan   uint32 // number of the scan under way, or of the last
	cursor string // of its next page
	// restored says that the snapshot file had everything, so that nothing is to be scanned.
	restored bool
	// gone are the tenants that a change has removed since the scan began: a page that was
	// read before may show them.
	gone map[string]struct{}
}

var _ follow.Loader = (*loader)(nil)

func (l *loader) init(s *Store) {
	l.Store, l.limit.Least = s, s.cfg.followTimeout
}

// batch is how many tenants are read at once.
const batch = tenancy.MaxPageLimit

// StartOver implements [follow.Follower]. What was read before is of another history,
// perhaps.
func (l *loader) StartOver(at tenancy.Position) {
	l.newest.Store(int64(at.Revision))
	l.begin()
}

// begin begins a scan.
func (l *loader) begin() {
	l.scan++
	l.restored, l.cursor, l.gone = false, "", map[string]struct{}{}
	l.stats.scans.Add(1)
	l.phase.note(func(p *phase) { p.whole = false })
}

// Scan implements [follow.Loader].
func (l *loader) Scan(ctx context.Context, r *follow.Reader) (last bool, err error) {
	if err := l.phase.refused(); err != nil {
		return false, err
	}
	if l.restored {
		return true, nil
	}
	if l.cursor == "" && !r.Serving() { // what was known is wrong, and not only old
		l.dropSnapshot()
	}
	var page tenancy.Page
	err = l.limit.Read(ctx, tenancy.ErrUnavailable, func(ctx context.Context) (err error) {
		page, err = l.source.List(ctx, tenancy.ListOptions{Limit: batch, Cursor: l.cursor})
		return err
	})
	if err != nil {
		return false, err
	}
	l.mu.Lock()
	for i := range page.Tenants {
		t := &page.Tenants[i]
		if _, gone := l.gone[t.ID]; !gone {
			l.put(t, l.scan)
		}
		l.saw(r, t.Position())
	}
	l.mu.Unlock()
	l.cursor = page.Next
	return page.Next == "", l.checkSize(r)
}

// Load implements [follow.Loader].
func (l *loader) Load(ctx context.Context, r *follow.Reader, changes []tenancy.Change) error {
	if err := l.phase.refused(); err != nil {
		return err
	}
	for i, c := range slices.Backward(changes) {
		if c.Kind == tenancy.ChangeReset { // the scan will find what is older
			l.begin()
			l.saw(r, c.Position)
			changes = changes[i+1:]
			break
		}
	}
	if len(changes) == 0 {
		return nil
	}
	l.saw(r, changes[len(changes)-1].Position)
	keys := keysOf(changes)
	loaded, err := l.loadKeys(ctx, keys[tenancy.KindID])
	if err != nil {
		return err
	}
	// Who has an identifier now that those have given up.
	freed := keys[tenancy.KindIdentifier]
	for _, v := range loaded {
		delete(freed, tenancy.IdentifierKey(v.Tenant.Identifier))
	}
	heirs, err := l.loadKeys(ctx, freed)
	if err != nil {
		return err
	}
	l.apply(r, loaded, heirs)
	return l.checkSize(r)
}

// keysOf returns the keys that changes touch, by their kinds.
func keysOf(changes []tenancy.Change) map[tenancy.KeyKind]map[tenancy.Key]struct{} {
	keys := map[tenancy.KeyKind]map[tenancy.Key]struct{}{tenancy.KindID: {}, tenancy.KindIdentifier: {}}
	for _, c := range changes {
		for _, k := range c.Keys {
			if of := keys[k.Kind]; of != nil {
				of[k] = struct{}{}
			}
		}
	}
	return keys
}

// loadKeys returns what is stored under the keys, not older than what was loaded before:
// a cache below could have that.
func (l *loader) loadKeys(ctx context.Context, keys map[tenancy.Key]struct{}) (map[tenancy.Key]tenancy.Versioned, error) {
	all := make([]tenancy.Lookup, 0, len(keys))
	for k := range keys {
		all = append(all, tenancy.Lookup{Key: k, Min: tenancy.Revision(l.newest.Load())})
	}
	out := make(map[tenancy.Key]tenancy.Versioned, len(keys))
	for want := range slices.Chunk(all, batch) {
		var loaded []tenancy.Versioned
		err := l.limit.Read(ctx, tenancy.ErrUnavailable, func(ctx context.Context) (err error) {
			loaded, err = l.source.Load(ctx, want)
			return err
		})
		if err != nil {
			return nil, err
		}
		for i, v := range loaded {
			out[want[i].Key] = v
		}
		l.stats.loads.Add(1)
	}
	return out, nil
}

// saw notes that something was read as of p.
func (l *loader) saw(r *follow.Reader, p tenancy.Position) {
	r.Saw(p)
	l.newest.Store(max(l.newest.Load(), int64(p.Revision)))
}

// Whole implements [follow.Loader]: what the scan has not found is gone.
func (l *loader) Whole() {
	l.mu.Lock()
	for r := range l.table.All() {
		if r.Scan != l.scan {
			l.remove(r)
		}
	}
	l.mu.Unlock()
	l.gone = nil
}

// Served implements [follow.Loader].
func (l *loader) Served() { l.phase.note(func(p *phase) { p.whole = true }) }

// Obey implements [follow.Follower]. What c touched was loaded.
func (l *loader) Obey(tenancy.Change, bool) {}

// Obeyed implements [follow.Follower].
func (l *loader) Obeyed(c tenancy.Change) {}

// Contact implements [follow.Follower].
func (l *loader) Contact(lost bool) { l.phase.note(func(p *phase) { p.lost = lost }) }
