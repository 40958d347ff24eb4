package replica

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/internal/logread"
	"github.com/go-tenancy/tenantstore/core/internal/table"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// loader reads what the replica holds, for the reader of the log, whose goroutine alone
// uses it.
type loader struct {
	*Store
	limit  logread.Limit
	scan   uint32 // number of the scan under way, or of the last
	swept  bool   // what it has not found was removed
	cursor string // of its next page
	listed bool   // it has seen all tenants, and looks for their names
	// restored says that the snapshot file had everything, so that nothing is to be scanned.
	restored bool
	// staged is what was read and is not in the table yet; nil stands for no tenant.
	staged map[string]*table.Record
	names  stagedNames
	order  []string // the IDs of what is staged, in the order in which it was read
	// touched is what changes have touched since the last apply: IDs, in the order of the log.
	touched []string
	newest  tenancy.Revision // nothing that was read is newer
}

var _ follow.Loader = (*loader)(nil)

func (l *loader) init(s *Store) {
	l.Store, l.limit.Least, l.staged = s, s.cfg.followTimeout, map[string]*table.Record{}
	l.names.begin()
}

// batch is how many tenants are read at once.
const batch = tenancy.MaxPageLimit

// StartOver implements [follow.Follower]. What was read before is of another history,
// perhaps.
func (l *loader) StartOver(at tenancy.Position) {
	l.newest = at.Revision
	l.begin()
}

// begin begins a scan.
func (l *loader) begin() {
	l.scan++
	clear(l.staged)
	l.touched, l.order = nil, nil
	l.restored, l.cursor, l.listed, l.swept = false, "", false, false
	l.names.begin()
	l.stats.scans.Add(1)
	l.phase.note(func(p *phase) { p.whole = false })
}

// Distrusted implements [follow.Loader].
func (l *loader) Distrusted() {
	if l.isRefused() { // which says nothing of the file
		return
	}
	l.phase.note(notRestored)
	l.dropSnapshot()
}

// notRestored: nothing is served from the snapshot file any more.
func notRestored(p *phase) { p.restored = false }

// Scan implements [follow.Loader].
func (l *loader) Scan(ctx context.Context, r *follow.Reader) (last bool, err error) {
	if err := l.phase.refused(); err != nil {
		return false, err
	}
	if l.restored && l.names.known {
		return true, nil
	}
	if l.restored || l.listed {
		return l.scanNames(ctx, r)
	}
	if l.cursor == "" && !r.Serving() {
		l.phase.note(notRestored)
	}
	page, err := l.readPage(ctx)
	for begun := time.Now(); err == nil; {
		l.cursor, l.listed = page.Next, page.Next == ""
		if l.listed || time.Since(begun) >= scanTime {
			return false, l.take(r, page)
		}
		taken := make(chan error)
		go func(page tenancy.Page) { taken <- l.take(r, page) }(page)
		page, err = l.readPage(ctx) // meanwhile
		err = cmp.Or(<-taken, err)
	}
	return false, err
}

// scanTime is for how long pages are read before the log is read again. What was read
// until then is taken before that: some of it may be deleted since, as only the log tells.
const scanTime = 20 * time.Millisecond

func (l *loader) readPage(ctx context.Context) (page tenancy.Page, err error) {
	err = l.limit.Read(ctx, tenancy.ErrUnavailable, func(ctx context.Context) (err error) {
		page, err = l.source.List(ctx, tenancy.ListOptions{Limit: batch, Cursor: l.cursor})
		return err
	})
	return page, err
}

// take takes what a page shows, and as of when: what it does not show was not there then.
func (l *loader) take(r *follow.Reader, page tenancy.Page) error {
	l.saw(r, page.AsOf)
	for i := range page.Tenants {
		t := &page.Tenants[i]
		l.stage(t)
		l.saw(r, t.Position())
	}
	return l.flush(r)
}

// Load implements [follow.Loader]. The names of a tenant that was touched are those of the
// keys touched with it that lead to it: each change touches all of them.
func (l *loader) Load(ctx context.Context, r *follow.Reader, changes []tenancy.Change) error {
	if err := l.phase.refused(); err != nil {
		return err
	}
	for i, c := range slices.Backward(changes) {
		if c.Kind == tenancy.ChangeReset { // the scan will find what is older
			l.begin()
			changes = changes[i+1:]
			break
		}
	}
	if len(changes) == 0 {
		return nil
	}
	l.newest = max(l.newest, changes[len(changes)-1].Position.Revision)
	keys := keysOf(changes)
	loaded, err := l.loadKeys(ctx, keys[tenancy.KindID])
	if err != nil {
		return err
	}
	// The present owners of identifiers that the loaded tenants have given up.
	freed := keys[tenancy.KindIdentifier]
	for _, v := range loaded {
		delete(freed, tenancy.IdentifierKey(v.Tenant.Identifier))
	}
	owners, err := l.loadKeys(ctx, freed)
	if err != nil {
		return err
	}
	named, err := l.loadKeys(ctx, keys[anyName])
	if err != nil {
		return err
	}
	l.touch(changes)
	for k, v := range loaded {
		l.stageLoaded(r, k, v)
	}
	for _, v := range owners {
		if v.Found {
			l.stageLoaded(r, tenancy.IDKey(v.Tenant.ID), v)
		}
	}
	l.stageNamed(r, loaded, named)
	return l.flush(r)
}

// touch notes the order of changes, for handlers.
func (l *loader) touch(changes []tenancy.Change) {
	for _, c := range changes {
		for _, k := range c.Keys {
			if _, staged := l.staged[k.Value]; k.Kind == tenancy.KindID && !staged {
				l.touched = append(l.touched, k.Value)
			}
		}
	}
}

// stageLoaded takes what was loaded under an ID.
func (l *loader) stageLoaded(r *follow.Reader, k tenancy.Key, v tenancy.Versioned) {
	if v.Found {
		l.stage(&v.Tenant)
		l.saw(r, v.Tenant.Position())
		return
	}
	l.saw(r, v.AsOf)
	delete(l.staged, k.Value)
	delete(l.names.of, k.Value)
	if l.table.ByID(k.Value) != nil {
		l.set(k.Value, nil)
	}
}

// stage takes t, unless what is known is newer and was found since the scan began. What was
// found before that may be of a history that the database has lost.
func (l *loader) stage(t *tenancy.Tenant) {
	known := l.table.ByID(t.ID)
	// A tenant of a history that was lost may have taken its identifier since, and given it up.
	found := known != nil && l.table.Find(tenancy.IdentifierKey(known.Identifier)) == known
	if staged, ok := l.staged[t.ID]; ok {
		known, found = staged, true
	}
	if known != nil && (known.Tenant == *t && found || known.Scan == l.scan && known.Revision > t.Revision) {
		known.Scan = l.scan
		return
	}
	r := table.NewRecord(*t)
	r.Scan = l.scan
	l.set(t.ID, r)
}

// set stages r, which is nil for no tenant.
func (l *loader) set(id string, r *table.Record) {
	l.staged[id] = r
	l.order = append(l.order, id)
}

// anyName stands for the kinds of all names.
const anyName tenancy.KeyKind = ""

// keysOf returns the keys that changes touch, by their kinds.
func keysOf(changes []tenancy.Change) map[tenancy.KeyKind]map[tenancy.Key]struct{} {
	keys := map[tenancy.KeyKind]map[tenancy.Key]struct{}{tenancy.KindID: {}, tenancy.KindIdentifier: {}, anyName: {}}
	for _, c := range changes {
		for _, k := range c.Keys {
			if k.Validate() != nil { // written by hand; nobody can look it up
				continue
			}
			kind := k.Kind
			if !k.OfField() {
				kind = anyName
			}
			keys[kind][k] = struct{}{}
		}
	}
	return keys
}

// loadKeys returns what is stored under the keys, not older than what was loaded before:
// a cache below could have that.
func (l *loader) loadKeys(ctx context.Context, keys map[tenancy.Key]struct{}) (map[tenancy.Key]tenancy.Versioned, error) {
	all := make([]tenancy.Lookup, 0, len(keys))
	for k := range keys {
		all = append(all, tenancy.Lookup{Key: k, Min: l.newest})
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
	l.newest = max(l.newest, p.Revision)
}

// flush puts what was read into the table at once if nobody is served from that: so
// nothing is held twice during the first scan.
func (l *loader) flush(r *follow.Reader) error {
	if !r.Serving() {
		l.apply(tenancy.Position{})
	}
	return l.checkSize(r)
}

// Publish implements [follow.Loader].
func (l *loader) Publish(at tenancy.Position) {
	if !l.swept { // what the scan has not found is gone
		for r := range l.table.All() {
			if _, staged := l.staged[r.ID]; !staged && r.Scan != l.scan {
				l.set(r.ID, nil)
			}
		}
		l.sweepNames()
		l.swept = true
	}
	l.apply(at)
	l.named.Store(l.names.known)
}

// Served implements [follow.Loader].
func (l *loader) Served() {
	l.phase.note(func(p *phase) {
		if l.swept {
			p.whole = true
		} else {
			p.restored = true
		}
	})
}

// Obey implements [follow.Follower]. What c touched was loaded.
func (l *loader) Obey(tenancy.Change, bool) {}

// Contact implements [follow.Follower].
func (l *loader) Contact(lost bool) { l.phase.note(func(p *phase) { p.lost = lost }) }
