package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// finding is something that is wrong, or that could not be found out.
type finding struct {
	Check   string   `json:"check"`
	Problem string   `json:"problem"`
	Details []string `json:"details,omitempty"`
}

var findings = view[finding]{
	columns: []column[finding]{
		{head: "CHECK", cell: func(f finding) string { return f.Check }},
		{head: "PROBLEM", cell: func(f finding) string { return f.Problem }},
		{head: "DETAILS", cell: func(f finding) string { return strings.Join(f.Details, ", ") }},
	},
	name: func(f finding) string { return f.Check },
}

// examination is one run of doctor.
type examination struct {
	a        *app
	store    *bunstore.Store
	postgres string // its address; "" for another database
	valkey   string
}

// checks are what doctor looks at. A check that fails with an error is a finding, too.
var checks = []struct {
	name string
	run  func(*examination, context.Context) ([]finding, error)
}{
	{"schema", (*examination).schema},
	{"database", (*examination).database},
	{"log", (*examination).log},
	{"clock", (*examination).clock},
	{"tenants", (*examination).tenants},
	{"server", (*examination).server},
	{"valkey", (*examination).cache},
}

func newDoctor(a *app) *cobra.Command {
	e := &examination{a: a}
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look for what is wrong with a store, although it may seem to work", Args: cobra.NoArgs,
		Long: "Look for what is wrong with a store, although it may seem to work. It changes nothing, and reads all tenants and\n" +
			"the whole change log:\n\n" +
			"- schema: it is missing or old\n" +
			"- triggers, rules, statuses, roles, notify_queue, file: what bunstore.Store.Check finds\n" +
			"- log: it has gaps, or tenants have revisions that it does not know\n" +
			"- clock: changes or tenants are of the future, or the clock of the server differs from this one\n" +
			"- secrets, metadata: what is stored cannot be read, secrets with the keys of --keys\n" +
			"- notifications, pooler, sessions (PostgreSQL): a notification does not arrive; a pooler in transaction mode\n" +
			"  without --pgbouncer; sessions idle in a transaction\n" +
			"- valkey (with --valkey): version, memory limit and policy\n\n" +
			"Exit code 10 if something is wrong.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.options.Logger = nil // the findings say it
			return a.with(cmd.Context(), func(store tenancy.Source) (err error) {
				if e.store, err = sqlStore(store); err != nil {
					return err
				}
				if strings.HasPrefix(a.address, "postgres") {
					e.postgres = a.address
				}
				found, err := e.examine(cmd.Context())
				if err != nil {
					return err
				}
				if err := printAll(a, findings, sequence(found)); err != nil {
					return err
				}
				if len(found) > 0 {
					return fmt.Errorf("%d findings: %w", len(found), errFound)
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&e.valkey, "valkey", "", "`host:port` of the Valkey server that caches the tenants")
	return cmd
}

// examine runs all checks. What cannot be found out is a finding.
func (e *examination) examine(ctx context.Context) (all []finding, err error) {
	for _, check := range checks {
		found, err := check.run(e, ctx)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			found = append(found, finding{check.name, "could not be checked: " + err.Error(), nil})
		}
		all = append(all, found...)
		if check.name == "schema" && len(found) > 0 { // all others would say the same
			break
		}
	}
	return all, nil
}

// schema reads from all tables.
func (e *examination) schema(ctx context.Context) ([]finding, error) {
	_, tenants := e.store.List(ctx, tenancy.ListOptions{Limit: 1, OmitSecrets: true})
	_, log := e.store.Bounds(ctx)
	_, names := e.store.ListNames(ctx, tenancy.TenantName{}, 1)
	if err := cmp.Or(tenants, log, names); err != nil {
		return []finding{{"schema", "a table cannot be read; if it is missing or old, run tenantctl migrate: " + err.Error(), nil}}, nil //nolint:nilerr // it is what is wrong
	}
	return nil, nil
}

// database is what the store itself checks.
func (e *examination) database(ctx context.Context) (all []finding, err error) {
	found, err := e.store.Check(ctx)
	for _, f := range found {
		all = append(all, finding{string(f.Kind), f.Text, f.Details})
	}
	return all, err
}

// log reads the whole change log. Its rows follow each other, unless somebody has removed some.
func (e *examination) log(ctx context.Context) ([]finding, error) {
	bounds, err := e.store.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	limit := tenancy.MaxChangesLimit
	for after := bounds.Oldest; ; {
		page, err := e.store.Changes(ctx, after, limit)
		switch {
		case errors.Is(err, tenancy.ErrCompacted) && limit > 1: // somewhere in this page
			limit /= 2
			continue
		case errors.Is(err, tenancy.ErrCompacted):
			if now, err := e.store.Bounds(ctx); err == nil && now.Oldest.Revision > after.Revision {
				after = now.Oldest // it was trimmed meanwhile
				continue
			}
			return []finding{{"log", "the change log has a gap, over which no follower gets: caches and replicas start over whenever they meet it." +
				" Compact it up to there (bunstore.Store.Compact)", []string{"after revision " + fmt.Sprint(after.Revision)}}}, nil
		case err != nil:
			return nil, err
		case len(page) == 0:
			return nil, nil
		}
		after = page[len(page)-1].Position
	}
}

const (
	maxSkew    = time.Minute      // of a clock
	maxDetails = 10               // of one finding
	maxIdle    = 10 * time.Second // in a transaction, as bunpg has it
)

// several is a finding about tenants or the like, of which it names the first.
type several struct {
	check, problem string
	n              int
	details        []string
}

func (s *several) add(detail string) {
	if s.n++; len(s.details) < maxDetails {
		s.details = append(s.details, detail)
	}
}

// found returns a finding for each that has something.
func found(all ...several) (found []finding) {
	for _, s := range all {
		if s.n > 0 {
			found = append(found, finding{s.check, fmt.Sprintf("%d %s", s.n, s.problem), s.details})
		}
	}
	return found
}

// clock looks for changes of the future.
func (e *examination) clock(ctx context.Context) ([]finding, error) {
	future := several{check: "clock", problem: "changes are of the future: a clock was wrong, of this machine or of whoever made them"}
	limit := time.Now().Add(maxSkew)
	for c, err := range logged(ctx, e.store) {
		if errors.Is(err, tenancy.ErrCompacted) {
			break // log has found it
		}
		if err != nil {
			return nil, err
		}
		if c.At.After(limit) {
			future.add(fmt.Sprintf("revision %d: %s", c.Position.Revision, shortTime(c.At)))
		}
	}
	return found(future), nil
}

// tenants reads all tenants.
func (e *examination) tenants(ctx context.Context) ([]finding, error) {
	before, err := e.store.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	secrets := several{check: "secrets", problem: "database URLs cannot be read with these keys: their tenants cannot be updated"}
	metadata := several{check: "metadata", problem: "tenants have metadata that cannot be read"}
	created := several{check: "clock", problem: "tenants were created in the future: a clock was wrong"}
	unlogged := several{check: "log", problem: "tenants have a revision that the change log does not reach: were rows copied from another database?" +
		" Caches do not keep them: write each once, by UPDATE tenants SET name = name"}
	var suspects []tenancy.Tenant
	limit := time.Now().Add(maxSkew)
	for t, err := range tenancy.All(ctx, e.store, tenancy.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		if t.DatabaseURL.Err() != nil {
			secrets.add(t.Identifier)
		}
		if t.Metadata.Err() != nil {
			metadata.add(t.Identifier)
		}
		if t.CreatedAt.After(limit) {
			created.add(t.Identifier)
		}
		if t.Revision > before.Newest.Revision {
			suspects = append(suspects, t)
		}
	}
	after, err := e.store.Bounds(ctx) // those that were written meanwhile are known by now
	if err != nil {
		return nil, err
	}
	for _, t := range suspects {
		if t.Revision > after.Newest.Revision {
			unlogged.add(t.Identifier)
		}
	}
	return slices.Concat(found(secrets, metadata, created, unlogged)), nil
}
