package bunstore

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// FindingKind says what a [Finding] is about.
type FindingKind string

// The kinds of findings.
const (
	// FindingTriggers: what keeps the change log is missing, disabled or changed, or
	// does not fire for all that is written. Caches may serve old answers. Migrate
	// repairs it.
	FindingTriggers FindingKind = "triggers"
	// FindingRules: rules (CREATE RULE) of PostgreSQL rewrite what is written to the tables
	// of the store. Such writes fail, or do nothing.
	FindingRules FindingKind = "rules"
	// FindingStatuses: tenants have a status that this version does not know, perhaps
	// by a typo in a statement by hand. They are not served.
	FindingStatuses FindingKind = "statuses"
	// FindingRoles: more roles of PostgreSQL may read database URLs, or change what the
	// store keeps, than was perhaps meant.
	FindingRoles FindingKind = "roles"
	// FindingNotifyQueue: PostgreSQL's queue of notifications fills up. When it is
	// full, all writes fail.
	FindingNotifyQueue FindingKind = "notify_queue"
	// FindingFile: the file of SQLite was moved, removed or replaced while it was open.
	// What is written is lost when the process ends.
	FindingFile FindingKind = "file"
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
	b := s.b.common()
	err := b.open()
	var found []Finding
	if err == nil {
		found, err = b.check(ctx)
	}
	return found, driver.ErrorIn("Check", tenancy.Key{}, err)
}

func (b *base) check(ctx context.Context) (found []Finding, err error) {
	err = b.retry(ctx, func() error {
		statuses, err := b.unknownStatuses(ctx)
		if err != nil {
			return err
		}
		found, err = b.inspectDatabase(ctx)
		found = append(found, statuses...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// triggerFinding has what is wrong with the triggers.
func triggerFinding(wrong []string) []Finding {
	if len(wrong) == 0 {
		return nil
	}
	return []Finding{{
		FindingTriggers, "triggers of the change log, or what they need, are missing, disabled or changed, so that caches may serve old answers:" +
			" run Migrate as the owner of the tables", wrong,
	}}
}

const (
	maxUnknownStatuses = 10
	maxShownStatus     = 40 // runes
)

// unknownStatusText selects unknown statuses and how many tenants have each. It goes
// from status to status in the index, and so does not read all tenants.
func unknownStatusText(d dialect, n names) string {
	var known []string
	for _, s := range tenancy.Statuses() {
		known = append(known, "'"+string(s)+"'")
	}
	first := "(SELECT t.status FROM " + d.source(n, "", "t") + "%s ORDER BY t.status LIMIT 1)"
	return "WITH RECURSIVE s (status) AS (SELECT " + fmt.Sprintf(first, "") +
		" UNION ALL SELECT " + fmt.Sprintf(first, " WHERE t.status > s.status") + " FROM s WHERE s.status IS NOT NULL)" +
		fmt.Sprintf(" SELECT substr(s.status, 1, %d), (SELECT count(*) FROM %s WHERE t.status = s.status) FROM s", maxShownStatus+1, d.source(n, "", "t")) +
		fmt.Sprintf(" WHERE s.status IS NOT NULL AND s.status NOT IN (%s) LIMIT %d", strings.Join(known, ", "), maxUnknownStatuses+1)
}

func (b *base) unknownStatuses(ctx context.Context) ([]Finding, error) {
	var details []string
	tenants, more := integer(0), ""
	err := b.read.each(ctx, b.texts.unknownStatuses, nil, func(rows *sql.Rows) error {
		var status text
		var n integer
		err := rows.Scan(&status, &n)
		if len(details) == maxUnknownStatuses {
			more = "more than "
			return err
		}
		shown := []rune(string(status))
		if len(shown) > maxShownStatus {
			shown = append(shown[:maxShownStatus], '…')
		}
		details = append(details, strconv.Quote(string(shown)))
		tenants += n
		return err
	})
	if err != nil || len(details) == 0 {
		return nil, err
	}
	return []Finding{{
		FindingStatuses, fmt.Sprintf("tenants have a status that this version does not know, and are not served (%s%d): correct it, unless a newer version has set it", more, tenants), details,
	}}, nil
}

// checkTimeout bounds a look at the database, over a connection that has perhaps hung.
const checkTimeout = time.Minute

// watchman remembers what it has logged.
type watchman struct {
	mu    sync.Mutex
	known map[FindingKind]Finding
	blind bool
}

// keepChecked looks at the database from time to time until ctx ends.
func (b *base) keepChecked(ctx context.Context) {
	for pause(ctx, b.upkeepInterval) {
		b.logFindings(ctx)
	}
}

// logFindings logs each finding when it is new, and when it is gone.
func (b *base) logFindings(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	found, err := b.check(ctx)
	w := &b.watchman
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		if !w.blind && ctx.Err() == nil {
			w.blind = true
			b.logger.WarnContext(ctx, "tenancy: the database could not be checked for missing triggers, unknown statuses and the like", slog.Any("error", err))
		}
		return
	}
	w.blind = false
	table := slog.String("table", b.dialect.table(b.names, ""))
	now := map[FindingKind]Finding{}
	for _, f := range found {
		now[f.Kind] = f
		if old, was := w.known[f.Kind]; !was || !slices.Equal(old.Details, f.Details) {
			b.logger.WarnContext(ctx, "tenancy: "+f.Text, slog.String(string(f.Kind), strings.Join(f.Details, ", ")), table)
		}
	}
	for kind := range w.known {
		if _, still := now[kind]; !still {
			b.logger.InfoContext(ctx, "tenancy: a finding is gone", slog.String("finding", string(kind)), table)
		}
	}
	w.known = now
}
