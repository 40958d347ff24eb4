package checker

import (
	"context"
	"errors"
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// history is the change log as far as it was read.
type history struct {
	start   tenancy.Revision // nothing is known up to here: the log was trimmed before it was read
	end     tenancy.Position
	changes map[tenancy.Revision]tenancy.Change
	touched map[tenancy.Key][]tenancy.Revision // ascending
	last    map[string]tenancy.Change          // of each tenant
	deleted map[string]int                     // how often each tenant was
}

func newHistory() history {
	return history{
		changes: map[tenancy.Revision]tenancy.Change{},
		touched: map[tenancy.Key][]tenancy.Revision{},
		last:    map[string]tenancy.Change{},
		deleted: map[string]int{},
	}
}

// read goes on to the end of the log. It begins with the oldest change that the log
// retains.
func (h *history) read(ctx context.Context, log tenancy.Log) error {
	for {
		changes, err := log.Changes(ctx, h.end, 0)
		if h.end.IsZero() && errors.Is(err, tenancy.ErrCompacted) {
			head, err := log.Bounds(ctx)
			if err != nil {
				return err
			}
			h.start, h.end = head.Oldest.Revision, head.Oldest
			continue
		}
		if err != nil || len(changes) == 0 {
			return err
		}
		for _, c := range changes {
			h.end = c.Position
			h.changes[c.Position.Revision] = c
			for _, k := range c.Keys {
				h.touched[k] = append(h.touched[k], c.Position.Revision)
			}
			h.last[c.TenantID] = c
			if c.Kind == tenancy.ChangeDelete {
				h.deleted[c.TenantID]++
			}
		}
	}
}

// since returns the changes of key: the last one that is not after r, if there is
// any, and all that are.
func (h *history) since(key tenancy.Key, r tenancy.Revision) []tenancy.Revision {
	all := h.touched[key]
	i, exact := slices.BinarySearch(all, r)
	if !exact && i > 0 {
		i--
	}
	return all[i:]
}

// overtaken returns the newest change of key that is after r and not after floor, or
// 0.
func (h *history) overtaken(key tenancy.Key, r, floor tenancy.Revision) tenancy.Revision {
	var newest tenancy.Revision
	for _, touched := range h.since(key, r) {
		if touched > r && touched <= floor {
			newest = touched
		}
	}
	return newest
}

// absent reports whether key may have had no tenant at floor or later: a change touches a
// name that the tenant has before it or after it, and says whether names have changed. contents
// tells which identifier a tenant has in a revision; where it does not know, an old
// and a new one look alike.
func (h *history) absent(key tenancy.Key, floor tenancy.Revision, contents map[tenancy.Revision]tenancy.Tenant) bool {
	touched := h.since(key, floor)
	if len(touched) == 0 || touched[0] > floor {
		return true // never before
	}
	return slices.ContainsFunc(touched, func(r tenancy.Revision) bool {
		c := h.changes[r]
		if !key.OfField() {
			return c.Kind == tenancy.ChangeDelete || slices.Contains(c.Fields, "names")
		}
		if t, known := contents[r]; known {
			return !key.Matches(t)
		}
		return c.Kind == tenancy.ChangeDelete || key.Kind == tenancy.KindIdentifier && len(c.Keys) > 2
	})
}
