package engine

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
)

// Finding is something that is wrong with a database; package bunstore has its
// contract.
type Finding struct {
	Kind    string
	Text    string
	Details []string
}

// The kinds of findings.
const (
	FindingTriggers    = "triggers"
	FindingRules       = "rules"
	FindingStatuses    = "statuses"
	FindingRoles       = "roles"
	FindingNotifyQueue = "notify_queue"
	FindingFile        = "file"
)

// Check looks for what is wrong with the database.
func (b *Base) Check(ctx context.Context) (found []Finding, err error) {
	err = b.Retry(ctx, func() error {
		statuses, err := b.unknownStatuses(ctx)
		if err != nil {
			return err
		}
		found, err = b.Inspect(ctx)
		found = append(found, statuses...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// TriggerFinding has what is wrong with the triggers.
func TriggerFinding(wrong []string) []Finding {
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
func unknownStatusText(d Dialect) string {
	var known []string
	for _, s := range tenancy.Statuses() {
		known = append(known, "'"+string(s)+"'")
	}
	first := "(SELECT t.status FROM " + d.Source("", "t") + "%s ORDER BY t.status LIMIT 1)"
	return "WITH RECURSIVE s (status) AS (SELECT " + fmt.Sprintf(first, "") +
		" UNION ALL SELECT " + fmt.Sprintf(first, " WHERE t.status > s.status") + " FROM s WHERE s.status IS NOT NULL)" +
		fmt.Sprintf(" SELECT substr(s.status, 1, %d), (SELECT count(*) FROM %s WHERE t.status = s.status) FROM s", maxShownStatus+1, d.Source("", "t")) +
		fmt.Sprintf(" WHERE s.status IS NOT NULL AND s.status NOT IN (%s) LIMIT %d", strings.Join(known, ", "), maxUnknownStatuses+1)
}

func (b *Base) unknownStatuses(ctx context.Context) ([]Finding, error) {
	var details []string
	tenants, more := Integer(0), ""
	err := b.Read.Each(ctx, b.Texts.unknownStatuses, nil, func(rows *sql.Rows) error {
		var status Text
		var n Integer
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
	known map[string]Finding
	blind bool
}

// keepChecked looks at the database from time to time until ctx ends.
func (b *Base) keepChecked(ctx context.Context) {
	for pause(ctx, b.UpkeepInterval) {
		b.LogFindings(ctx)
	}
}

// LogFindings logs each finding when it is new, and when it is gone.
func (b *Base) LogFindings(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	found, err := b.Check(ctx)
	w := &b.watchman
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		if !w.blind && ctx.Err() == nil {
			w.blind = true
			b.Logger.WarnContext(ctx, "tenancy: the database could not be checked for missing triggers, unknown statuses and the like", slog.Any("error", err))
		}
		return
	}
	w.blind = false
	table := slog.String("table", b.Table(""))
	now := map[string]Finding{}
	for _, f := range found {
		now[f.Kind] = f
		if old, was := w.known[f.Kind]; !was || !slices.Equal(old.Details, f.Details) {
			b.Logger.WarnContext(ctx, "tenancy: "+f.Text, slog.String(f.Kind, strings.Join(f.Details, ", ")), table)
		}
	}
	for kind := range w.known {
		if _, still := now[kind]; !still {
			b.Logger.InfoContext(ctx, "tenancy: a finding is gone", slog.String("finding", kind), table)
		}
	}
	w.known = now
}
