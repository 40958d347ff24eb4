package checker

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Outside is the node of writes that no node made, such as those of a process
// that died before it could tell anybody.
const Outside = -1

// Checker judges. Create one with New; it is safe for concurrent use.
type Checker struct {
	bound time.Duration
	nodes []node

	settling sync.Mutex // held by Settle, Resume and Finish

	mu         sync.Mutex // guards what follows
	suspended  bool
	generation int
	seen       map[observation]sighting
	contents   map[tenancy.Revision]tenancy.Tenant // as they were first shown
	unproven   map[tenancy.Revision]bool           // not found in the log yet; true: acknowledged
	newest     map[string]tenancy.Revision         // of each tenant that was shown
	deleted    int                                 // deletions that nodes have made
	deletions  map[string]int                      // acknowledged, of each tenant
	acked      []ack                               // not older than the bound, but for the first
	violations []string

	history history // guarded by settling

	reads, unread, writes, unwritten, unjudged, violated atomic.Int64
}

// node is what one node has shown; guarded by Checker.mu.
type node struct {
	life  int                  // how often it was restarted
	shown tenancy.Revision     // the newest that a read or write has returned
	dead  map[string]tombstone // the tenants that this node has deleted
}

// tombstone says that a revision up to last must not be shown by reads that begin
// after this many deletions.
type tombstone struct {
	last  tenancy.Revision
	since int
}

// observation is what was shown under a key: a revision, or 0 for no tenant.
type observation struct {
	key      tenancy.Key
	revision tenancy.Revision
}

// sighting is the hardest case of an observation: the read for which most had been
// shown before.
type sighting struct {
	floor tenancy.Revision
	why   string
	node  int
	at    time.Time
}

type ack struct {
	revision tenancy.Revision
	at       time.Time
}

// New returns a Checker of so many nodes. bound is after how long an acknowledged
// write must be shown by all of them.
func New(nodes int, bound time.Duration) *Checker {
	c := &Checker{bound: bound, nodes: make([]node, nodes)}
	c.reset()
	return c
}

// reset forgets everything but the counts and violations.
func (c *Checker) reset() {
	c.generation++
	c.seen = map[observation]sighting{}
	c.contents = map[tenancy.Revision]tenancy.Tenant{}
	c.unproven = map[tenancy.Revision]bool{}
	c.newest = map[string]tenancy.Revision{}
	c.deletions = map[string]int{}
	c.acked = nil
	c.history = newHistory()
	for i := range c.nodes {
		c.nodes[i].forget()
	}
}

func (n *node) forget() { n.shown, n.dead = 0, map[string]tombstone{} }

// Restart notes that node is a new process from now on, which may know less than the one
// before has shown, but nothing older than the bound. The one before must be closed.
func (c *Checker) Restart(node int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[node].life++
	c.nodes[node].forget()
}

// Suspend stops judging, for a time in which the history of the database is
// replaced. Calls that are under way are not judged either.
func (c *Checker) Suspend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.suspended = true
	c.generation++
}

// Resume goes on with what may be another history. Every node must have noticed it
// by now.
func (c *Checker) Resume() {
	c.settling.Lock()
	defer c.settling.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.suspended = false
	c.reset()
}

// call is a read or write under way.
type call struct {
	generation int // 0: not to be judged
	node, life int
	began      time.Time
	deleted    int
	floor      tenancy.Revision
	why        string
}

func (c *Checker) begin(node int) call {
	k := call{node: node, began: time.Now(), why: "the node has shown"}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.suspended {
		return call{}
	}
	if node != Outside {
		k.floor, k.life = c.nodes[node].shown, c.nodes[node].life
	}
	k.generation, k.deleted = c.generation, c.deleted
	if ripe := c.ripe(k.began); ripe > k.floor {
		k.floor, k.why = ripe, fmt.Sprintf("acknowledged more than %v ago was", c.bound)
	}
	return k
}

// ripe returns the newest revision that was acknowledged longer than the bound
// before now, and forgets older ones. The caller holds c.mu.
func (c *Checker) ripe(now time.Time) tenancy.Revision {
	n := 0
	for n < len(c.acked) && now.Sub(c.acked[n].at) > c.bound {
		n++
	}
	if n == 0 {
		return 0
	}
	newest := c.acked[0]
	for _, a := range c.acked[:n] {
		newest.revision = max(newest.revision, a.revision)
	}
	c.acked = c.acked[n-1:]
	c.acked[0].revision = newest.revision
	return newest.revision
}

// judges reports whether k, which has returned, is to be judged, and counts it
// otherwise. The caller holds c.mu.
func (c *Checker) judges(k call) bool {
	if k.generation != 0 && k.generation == c.generation && !c.suspended {
		return true
	}
	c.unjudged.Add(1)
	return false
}

// Read looks key up on node by get, and passes on its results. get fails with
// ErrNotFound where there is no tenant.
func (c *Checker) Read(node int, key tenancy.Key, get func() (tenancy.Tenant, error)) (tenancy.Tenant, error) {
	k := c.begin(node)
	t, err := get()
	c.reads.Add(1)
	absent := errors.Is(err, tenancy.ErrNotFound)
	if err != nil && !absent {
		c.unread.Add(1)
		return t, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.judges(k) {
		if absent {
			c.saw(k, observation{key: key})
		} else {
			c.shown(k, key, t)
		}
	}
	return t, err
}

// ReadMany looks keys up on node by get, and passes on its results. get returns the
// tenants that there are.
func (c *Checker) ReadMany(node int, keys []tenancy.Key, get func() ([]tenancy.Tenant, error)) ([]tenancy.Tenant, error) {
	k := c.begin(node)
	ts, err := get()
	c.reads.Add(int64(len(keys)))
	if err != nil {
		c.unread.Add(int64(len(keys)))
		return ts, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.judges(k) {
		return ts, nil
	}
	for _, key := range keys {
		if i := slices.IndexFunc(ts, key.Matches); i >= 0 {
			c.shown(k, key, ts[i])
		} else {
			c.saw(k, observation{key: key})
		}
	}
	return ts, nil
}

// shown notes that the read k has found t under key. The caller holds c.mu.
func (c *Checker) shown(k call, key tenancy.Key, t tenancy.Tenant) {
	if key.OfField() && !key.Matches(t) {
		c.violate("phantom: node %d answered %v with tenant %s, identifier %s", k.node, key, t.ID, t.Identifier)
	}
	if dead, ok := c.nodes[k.node].dead[t.ID]; ok && k.life == c.nodes[k.node].life && t.Revision <= dead.last && k.deleted >= dead.since {
		c.violate("stale: node %d showed %v in revision %d after it had deleted %s", k.node, key, t.Revision, t.ID)
	}
	c.show(t, false)
	c.raise(k, t.Revision)
	c.saw(k, observation{key, t.Revision})
}

// saw notes o, to be judged later. The caller holds c.mu.
func (c *Checker) saw(k call, o observation) {
	if old, ok := c.seen[o]; !ok || k.floor > old.floor {
		c.seen[o] = sighting{floor: k.floor, why: k.why, node: k.node, at: k.began}
	}
}

// Write makes a write on node, or Outside, that returns a tenant as stored, and
// passes on its results.
func (c *Checker) Write(node int, write func() (tenancy.Tenant, error)) (tenancy.Tenant, error) {
	k := c.begin(node)
	t, err := write()
	c.writes.Add(1)
	if err != nil {
		c.unwritten.Add(1)
		return t, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.judges(k) {
		c.show(t, true)
		c.acked = append(c.acked, ack{t.Revision, time.Now()})
		c.raise(k, t.Revision)
	}
	return t, nil
}

// Delete removes tenant id on node, or Outside, by remove, and passes on its error.
func (c *Checker) Delete(node int, id string, remove func() error) error {
	k := c.begin(node)
	c.mu.Lock()
	last := c.newest[id]
	c.mu.Unlock()
	err := remove()
	c.writes.Add(1)
	if err != nil {
		c.unwritten.Add(1)
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.judges(k) {
		c.deletions[id]++
		if node != Outside && k.life == c.nodes[node].life {
			c.deleted++
			c.nodes[node].dead[id] = tombstone{last, c.deleted}
		}
	}
	return nil
}

// show notes what a tenant looked like in its revision. The caller holds c.mu.
func (c *Checker) show(t tenancy.Tenant, acknowledged bool) {
	before, known := c.contents[t.Revision]
	switch {
	case !known:
		c.contents[t.Revision] = t
		c.unproven[t.Revision] = acknowledged
		c.newest[t.ID] = max(c.newest[t.ID], t.Revision)
	case before != t:
		c.violate("phantom: revision %d was shown as\n%+v and as\n%+v", t.Revision, before, t)
	case acknowledged:
		if _, waits := c.unproven[t.Revision]; waits {
			c.unproven[t.Revision] = true
		}
	}
}

// raise notes that the node of k has shown revision r, if it is still the same process. The
// caller holds c.mu.
func (c *Checker) raise(k call, r tenancy.Revision) {
	if k.node != Outside && k.life == c.nodes[k.node].life {
		c.nodes[k.node].shown = max(c.nodes[k.node].shown, r)
	}
}

// violate notes a violation. The caller holds c.mu.
func (c *Checker) violate(format string, args ...any) {
	const enough = 20
	c.violated.Add(1)
	if len(c.violations) < enough {
		c.violations = append(c.violations, fmt.Sprintf(format, args...))
	}
}
