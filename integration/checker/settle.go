package checker

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Settle reads the log to its end and judges what was noted before. log must be the
// database itself. It fails if the log cannot be read; nothing is judged then, and
// the next call does.
func (c *Checker) Settle(ctx context.Context, log tenancy.Log) error {
	c.settling.Lock()
	defer c.settling.Unlock()
	return c.settle(ctx, log)
}

// Judged returns how far Settle has read the log. A log that is trimmed must keep
// this change and those after it.
func (c *Checker) Judged() tenancy.Position {
	c.settling.Lock()
	defer c.settling.Unlock()
	return c.history.end
}

func (c *Checker) settle(ctx context.Context, log tenancy.Log) error {
	c.mu.Lock()
	generation := c.generation
	if c.suspended {
		c.mu.Unlock()
		return nil
	}
	unproven := maps.Clone(c.unproven) // these are in the log by now, or never will be
	seen := c.seen
	c.seen = map[observation]sighting{}
	c.mu.Unlock()

	err := c.history.read(ctx, log)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation { // suspended meanwhile
		return nil
	}
	if err != nil {
		for o, s := range seen {
			if newer, ok := c.seen[o]; !ok || s.floor > newer.floor {
				c.seen[o] = s
			}
		}
		return err
	}
	for r, acknowledged := range unproven {
		delete(c.unproven, r)
		c.prove(r, acknowledged)
	}
	for o, s := range seen {
		c.judge(o, s)
	}
	return nil
}

// prove checks that the log knows what was shown in revision r.
func (c *Checker) prove(r tenancy.Revision, acknowledged bool) {
	if r <= c.history.start {
		return
	}
	t := c.contents[r]
	change, ok := c.history.changes[r]
	if ok && change.TenantID == t.ID && change.Kind != tenancy.ChangeDelete &&
		change.Touches(tenancy.IDKey(t.ID)) && change.Touches(tenancy.IdentifierKey(t.Identifier)) {
		return
	}
	kind := "phantom: a read has shown"
	if acknowledged {
		kind = "lost: acknowledged was"
	}
	c.violate("%s revision %d of %s, which the log has as %+v (it ends at %v)", kind, r, t.ID, change, c.history.end)
}

// judge checks one observation against the log.
func (c *Checker) judge(o observation, s sighting) {
	kind := "stale"
	if s.why != "the node has shown" {
		kind = "late"
	}
	where := fmt.Sprintf("%s: node %d at %s", kind, s.node, s.at.Format("15:04:05.000000"))
	if o.revision == 0 {
		if !c.history.absent(o.key, s.floor, c.contents) {
			c.violate("%s found nothing under %v, which exists since before revision %d, and %s revision %d",
				where, o.key, s.floor, s.why, s.floor)
		}
		return
	}
	if newer := c.history.overtaken(o.key, o.revision, s.floor); newer != 0 {
		c.violate("%s showed %v in revision %d, but revision %d has changed it, and %s revision %d",
			where, o.key, o.revision, newer, s.why, s.floor)
	}
}

// Finish settles and compares the rows with the log. Nobody may write meanwhile.
func (c *Checker) Finish(ctx context.Context, source tenancy.Source) error {
	c.settling.Lock()
	defer c.settling.Unlock()
	if err := c.settle(ctx, source); err != nil {
		return err
	}
	rows := map[string]tenancy.Tenant{}
	for t, err := range tenancy.All(ctx, source, tenancy.ListOptions{}) {
		if err != nil {
			return err
		}
		rows[t.ID] = t
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, last := range c.history.last {
		row, exists := rows[id]
		switch {
		case last.Kind == tenancy.ChangeReset:
		case exists == (last.Kind == tenancy.ChangeDelete):
			c.violate("lost: the last change of %s is %+v, but its row exists: %t", id, last, exists)
		case exists && row.Revision != last.Position.Revision:
			c.violate("lost: the row of %s has revision %d, but its last change is %+v", id, row.Revision, last)
		case exists:
			c.show(row, false)
		}
	}
	for id, n := range c.deletions {
		if logged := c.history.deleted[id]; logged < n {
			c.violate("lost: %d deletions of %s were acknowledged, %d are in the log", n, id, logged)
		}
	}
	return nil
}

// Report is what a Checker has counted.
type Report struct {
	Reads, FailedReads   int64
	Writes, FailedWrites int64
	Unjudged             int64 // calls while the checker was suspended
	Violations           int64
	Examples             []string // the first violations
}

// Report returns the counts so far.
func (c *Checker) Report() Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Report{
		Reads: c.reads.Load(), FailedReads: c.unread.Load(),
		Writes: c.writes.Load(), FailedWrites: c.unwritten.Load(),
		Unjudged: c.unjudged.Load(), Violations: c.violated.Load(),
		Examples: slices.Clone(c.violations),
	}
}
