package bunstore

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// FindingKind says what a [Finding] is about.
type FindingKind string

// The kinds of findings.
const (
	// FindingTriggers: what keeps the change log is missing, disabled or changed, or
	// does not fire for all that is written. Caches may serve old answers. Migrate
	// repairs it.
	FindingTriggers FindingKind = engine.FindingTriggers
	// FindingRules: rules (CREATE RULE) of PostgreSQL rewrite what is written to the tables
	// of the store. Such writes fail, or do nothing.
	FindingRules FindingKind = engine.FindingRules
	// FindingStatuses: tenants have a status that this version does not know, perhaps
	// by a typo in a statement by hand. They are not served.
	FindingStatuses FindingKind = engine.FindingStatuses
	// FindingRoles: more roles of PostgreSQL may read database URLs, or change what the
	// store keeps, than was perhaps meant.
	FindingRoles FindingKind = engine.FindingRoles
	// FindingNotifyQueue: PostgreSQL's queue of notifications fills up. When it is
	// full, all writes fail.
	FindingNotifyQueue FindingKind = engine.FindingNotifyQueue
	// FindingFile: the file of SQLite was moved, removed or replaced while it was open.
	// What is written is lost when the process ends.
	FindingFile FindingKind = engine.FindingFile
)

// Finding is something that is wrong with the database of a store.
type Finding struct {
	Kind FindingKind
	// Text says what is wrong, and what to do about it.
	Text string
	// Details are the triggers, functions or tables, the rules, the statuses (quoted, at most 40
	// runes of each of the first ten), or the roles; for the queue, how full it is; for a file, its name.
	Details []string
}

// Check looks for what is wrong with the database although calls may succeed, and
// returns at most one finding of each kind. It changes nothing and reads a few rows,
// and the index entries of tenants with unknown statuses. The store calls it when it has
// migrated, and about once a minute once it has written something or somebody follows
// its change log; it logs each finding once, and when it is gone.
//
// In PostgreSQL it needs SELECT on the tables of the store.
func (s *Store) Check(ctx context.Context) ([]Finding, error) {
	err := s.common().Closed()
	if err != nil {
		return nil, driver.ErrorIn("Check", tenancy.Key{}, err)
	}
	found, err := s.common().Check(ctx)
	var findings []Finding
	for _, f := range found {
		findings = append(findings, Finding{FindingKind(f.Kind), f.Text, f.Details})
	}
	return findings, driver.ErrorIn("Check", tenancy.Key{}, err)
}
