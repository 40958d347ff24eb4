package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// outsiders names those who may read the table of tenants, database URLs included, or
// write to any table of the store, though perhaps nobody meant them to: everybody, and
// roles that get new tables by default privileges and that nobody logs in as, such as
// those by which a web API of the database (PostgREST, Supabase) acts for its visitors.
const outsiders = `SELECT string_agg(g.name, ', ' ORDER BY g.name) FROM (
	SELECT DISTINCT coalesce(r.rolname, 'PUBLIC')::text AS name FROM pg_catalog.pg_class AS c
	JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
	CROSS JOIN pg_catalog.aclexplode(c.relacl) AS a LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = a.grantee
	WHERE n.nspname = $1::text AND (c.relname = $2::text AND a.privilege_type = 'SELECT'
		OR c.relname IN ($2::text, $2::text || '_names', $2::text || '_changes', $2::text || '_lock', $2::text || '_schema')
		AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'))
	AND a.grantee <> c.relowner
	AND (a.grantee = 0 OR NOT r.rolcanlogin AND EXISTS (
		SELECT FROM pg_catalog.pg_default_acl AS d CROSS JOIN pg_catalog.aclexplode(d.defaclacl) AS e
		WHERE d.defaclobjtype = 'r' AND d.defaclnamespace IN (0, n.oid) AND e.grantee = a.grantee))) AS g`

// rules names those of the tables into which the store writes.
const rules = `SELECT string_agg(format('%s of %s', r.rulename, c.relname), ', ' ORDER BY c.relname, r.rulename) FROM pg_catalog.pg_rewrite AS r
	JOIN pg_catalog.pg_class AS c ON c.oid = r.ev_class JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
	WHERE n.nspname = $1::text AND c.relname IN ($2::text, $2::text || '_names', $2::text || '_changes') AND c.relkind = 'r'`

// Inspect is what Check does in PostgreSQL alone.
func (p *store) Inspect(ctx context.Context) (found []engine.Finding, err error) {
	wrong, err := p.wrongTriggers(ctx, p.Read)
	if err != nil {
		return nil, err
	}
	found = engine.TriggerFinding(wrong)
	var ruled *string
	if _, err := p.Read.One(ctx, rules, []any{p.Names.Schema, p.Names.Table}, &ruled); err != nil {
		return nil, err
	}
	if ruled != nil {
		found = append(found, engine.Finding{
			Kind: engine.FindingRules, Text: "rules (CREATE RULE) rewrite what is written to the tables of the store, which fails or does nothing: DROP RULE", Details: strings.Split(*ruled, ", "),
		})
	}
	var roles *string
	if _, err := p.Read.One(ctx, outsiders, []any{p.Names.Schema, p.Names.Table}, &roles); err != nil {
		return nil, err
	}
	if roles != nil {
		found = append(found, engine.Finding{
			Kind: engine.FindingRoles, Text: "roles other than those of applications may read tenants and their database URLs, or change what the store keeps, by default privileges" +
				" or a grant to PUBLIC; revoke it, or use a schema of its own", Details: strings.Split(*roles, ", "),
		})
	}
	var usage float64
	if _, err := p.Read.One(ctx, "SELECT pg_notification_queue_usage()", nil, &usage); err != nil {
		return nil, err
	}
	if usage >= p.QueueAlert {
		found = append(found, engine.Finding{
			Kind: engine.FindingNotifyQueue, Text: "the queue of NOTIFY fills up; when it is full, all writes fail: end the session that listens" +
				" in a transaction, see pg_stat_activity", Details: []string{fmt.Sprintf("%d0 %%", int(10*usage))},
		})
	}
	return found, nil
}
