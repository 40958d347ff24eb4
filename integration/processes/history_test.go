//go:build unix

package processes

import (
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// history is the log and the rows of a store that nobody writes.
type history struct {
	changes []tenancy.Change
	last    map[string]tenancy.Change // of each tenant
	rows    map[string]tenancy.Tenant // by ID
}

// readHistory reads s, and checks that the log has no gap and that rows and log
// agree.
func readHistory(t *testing.T, s tenancy.Source) history {
	t.Helper()
	h := history{last: make(map[string]tenancy.Change), rows: make(map[string]tenancy.Tenant)}
	for after := (tenancy.Position{}); ; after = h.changes[len(h.changes)-1].Position {
		batch, err := s.Changes(t.Context(), after, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(batch) == 0 {
			break
		}
		h.changes = append(h.changes, batch...)
	}
	checkGapFree(t, h.changes)
	for _, c := range h.changes {
		if c.Kind != tenancy.ChangeReset {
			h.last[c.TenantID] = c
		}
	}
	for row, err := range tenancy.All(t.Context(), s, tenancy.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		h.rows[row.ID] = row
	}
	h.checkRows(t)
	return h
}

// checkGapFree checks that revisions count from 1.
func checkGapFree(t *testing.T, changes []tenancy.Change) {
	t.Helper()
	for i, c := range changes {
		if c.Position.Revision != tenancy.Revision(i+1) {
			t.Fatalf("change %d of the log has revision %d", i+1, c.Position.Revision)
		}
	}
}

// checkRows checks that each row is as its last change left it, and that no row
// is missing.
func (h history) checkRows(t *testing.T) {
	t.Helper()
	for id, row := range h.rows {
		c, ok := h.last[id]
		if !ok || c.Kind == tenancy.ChangeDelete || c.Position.Revision != row.Revision {
			t.Errorf("row %s has revision %d, but its last change is %+v", id, row.Revision, c)
		}
		if !c.Touches(tenancy.IDKey(id)) || !c.Touches(tenancy.IdentifierKey(row.Identifier)) {
			t.Errorf("the last change of row %s with identifier %s touches only %v", id, row.Identifier, c.Keys)
		}
	}
	for id, c := range h.last {
		if _, ok := h.rows[id]; ok == (c.Kind == tenancy.ChangeDelete) {
			t.Errorf("the last change of %s is %s, but its row exists: %v", id, c.Kind, ok)
		}
	}
}

// acknowledged counts the writes that were.
func acknowledged(reports []report) int {
	n := 0
	for _, r := range reports {
		if !r.Unknown && r.Failed == "" {
			n++
		}
	}
	return n
}

// checkReports checks that every acknowledged write is in the log, and that
// each tenant, if it was written by one process at a time, is as the last
// acknowledged write left it. Where a later write is in the log, nobody may have
// been told of it: at most inFlight tenants may be so.
func (h history) checkReports(t *testing.T, reports []report, inFlight int) {
	t.Helper()
	h.checkLogged(t, reports)
	final := make(map[string]report)
	for _, r := range reports {
		if r.Unknown {
			inFlight++
		} else {
			final[r.ID] = r
		}
	}
	for id, r := range final {
		row, exists := h.rows[id]
		switch {
		case r.Tenant == nil && exists:
			t.Errorf("%s was deleted, and is there again", id)
		case r.Tenant == nil:
		case h.last[id].Position.Revision > r.Tenant.Revision:
			inFlight--
		case !exists:
			t.Errorf("%s is gone; it was acknowledged as %+v", id, *r.Tenant)
		case row != *r.Tenant:
			t.Errorf("%s is\n%+v, but was acknowledged as\n%+v", id, row, *r.Tenant)
		}
	}
	for id := range h.last {
		if _, ok := final[id]; !ok {
			inFlight-- // created, and nobody was told
		}
	}
	if inFlight < 0 {
		t.Errorf("%d more tenants were changed by unacknowledged writes than can have been under way", -inFlight)
	}
}

// checkLogged checks that each acknowledged write is in the log under the
// revision that it was told, and under no other's.
func (h history) checkLogged(t *testing.T, reports []report) {
	t.Helper()
	told := make(map[tenancy.Revision]bool)
	for _, r := range reports {
		if r.Unknown || r.Failed != "" {
			continue
		}
		if r.Tenant == nil {
			if h.last[r.ID].Kind != tenancy.ChangeDelete {
				t.Errorf("the deletion of %s is not in the log", r.ID)
			}
			continue
		}
		revision := r.Tenant.Revision
		if revision < 1 || int(revision) > len(h.changes) {
			t.Errorf("%s of %s was acknowledged at revision %d, which the log lacks", r.Op, r.ID, revision)
			continue
		}
		if c := h.changes[revision-1]; c.TenantID != r.ID {
			t.Errorf("%s of %s was acknowledged at revision %d, which the log has as %+v", r.Op, r.ID, revision, c)
		}
		if told[revision] {
			t.Errorf("revision %d was acknowledged twice", revision)
		}
		told[revision] = true
	}
}
