package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// directory has tenants by their identifiers, and counts lookups.
type directory struct {
	tenants map[string]tenancy.Tenant
	failure error
	lookups int
}

func (d *directory) GetByIdentifier(_ context.Context, identifier string) (tenancy.Tenant, error) {
	d.lookups++
	if d.failure != nil {
		return tenancy.Tenant{}, d.failure
	}
	if t, ok := d.tenants[identifier]; ok {
		return t, nil
	}
	return tenancy.Tenant{}, tenancy.ErrNotFound
}

func (d *directory) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	return d.GetByIdentifier(ctx, strings.TrimPrefix(id, "id-"))
}

func newDirectory() *directory {
	d := &directory{tenants: map[string]tenancy.Tenant{}}
	for identifier, status := range map[string]tenancy.Status{
		"acme": tenancy.StatusActive, "globex": tenancy.StatusActive, "late": tenancy.StatusSuspended,
		"new": tenancy.StatusProvisioning, "gone": tenancy.StatusDeleted, "odd": "archived",
	} {
		d.tenants[identifier] = tenancy.Tenant{ID: "id-" + identifier, Identifier: identifier, Status: status}
	}
	return d
}

func named(identifier string, also ...tenancy.Key) resolve.Match {
	return resolve.Match{Key: tenancy.IdentifierKey(identifier), Also: also, Resolver: "test"}
}

// Every outcome, by what leads to it, and what the client may be told of it, also where
// existence is hidden.
func TestDecide(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	inAcme := tenancy.NewContext(t.Context(), newDirectory().tenants["acme"])
	inLate := tenancy.NewContext(t.Context(), newDirectory().tenants["late"])
	for name, c := range map[string]struct {
		ctx             context.Context
		policy          resolve.Policy
		match           resolve.Match
		err             error // of the resolver
		failure         error // of the store
		outcome, hidden resolve.Outcome
		resolver        string
		lookups         int
	}{
		"resolved":            {match: named("acme"), outcome: resolve.OutcomeResolved, lookups: 1},
		"both keys":           {match: named("acme", tenancy.IDKey("id-acme")), outcome: resolve.OutcomeResolved, lookups: 1},
		"no name of its own":  {match: resolve.Match{Key: tenancy.IDKey("id-acme")}, outcome: resolve.OutcomeResolved, resolver: "other", lookups: 1},
		"missing":             {err: resolve.ErrAbsent, outcome: resolve.OutcomeMissing, resolver: "none"},
		"no key":              {match: resolve.Match{Resolver: "test"}, outcome: resolve.OutcomeMissing, resolver: "none"},
		"optional":            {policy: resolve.Policy{Optional: true}, err: resolve.ErrAbsent, outcome: resolve.OutcomeSkipped, resolver: "none"},
		"optional, but wrong": {policy: resolve.Policy{Optional: true}, match: named("!"), outcome: resolve.OutcomeInvalid},
		"optional, but foreign": {
			policy: resolve.Policy{Optional: true}, match: resolve.Match{Resolver: "test"}, err: resolve.ErrMisdirected, outcome: resolve.OutcomeMisdirected,
		},
		"malformed":          {match: named("A"), outcome: resolve.OutcomeInvalid},
		"one is malformed":   {match: named("acme", tenancy.IDKey("")), outcome: resolve.OutcomeInvalid},
		"invalid":            {match: named(""), err: tenancy.ErrInvalid, outcome: resolve.OutcomeInvalid},
		"unauthenticated":    {match: named(""), err: resolve.ErrUnauthenticated, outcome: resolve.OutcomeUnauthenticated},
		"forbidden":          {match: named(""), err: resolve.ErrNoTenantClaim, outcome: resolve.OutcomeForbidden},
		"two of a kind":      {match: named("acme", tenancy.IdentifierKey("globex")), outcome: resolve.OutcomeConflict},
		"keys of two":        {match: named("acme", tenancy.IDKey("id-globex")), outcome: resolve.OutcomeConflict, lookups: 1},
		"keys of nobody":     {match: named("nobody", tenancy.IDKey("id-no")), outcome: resolve.OutcomeConflict, lookups: 1},
		"unknown":            {match: named("nobody"), outcome: resolve.OutcomeUnknown, lookups: 1},
		"unknown domain":     {match: named(""), err: fmt.Errorf("%w: %w", resolve.ErrAbsent, tenancy.ErrNotFound), outcome: resolve.OutcomeUnknown},
		"suspended":          {match: named("late"), outcome: resolve.OutcomeSuspended, hidden: resolve.OutcomeUnknown, lookups: 1},
		"a status of others": {match: named("odd"), outcome: resolve.OutcomeSuspended, hidden: resolve.OutcomeUnknown, lookups: 1},
		"provisioning":       {match: named("new"), outcome: resolve.OutcomeProvisioning, hidden: resolve.OutcomeUnknown, lookups: 1},
		"deleted":            {match: named("gone"), outcome: resolve.OutcomeDeleted, hidden: resolve.OutcomeUnknown, lookups: 1},
		"deleted, both keys": {
			match: named("gone", tenancy.IDKey("id-gone")), outcome: resolve.OutcomeDeleted, hidden: resolve.OutcomeConflict, lookups: 1,
		},
		"served by the policy": {
			policy: resolve.Policy{Served: []tenancy.Status{tenancy.StatusSuspended}}, match: named("late"), outcome: resolve.OutcomeResolved, lookups: 1,
		},
		"not served by the policy": {
			policy: resolve.Policy{Served: []tenancy.Status{tenancy.StatusSuspended}}, match: named("acme"),
			outcome: resolve.OutcomeSuspended, hidden: resolve.OutcomeUnknown, lookups: 1,
		},
		"outage":                  {match: named("acme"), failure: tenancy.ErrUnavailable, outcome: resolve.OutcomeUnavailable, lookups: 1},
		"outage of an unknown":    {match: named("acme"), failure: fmt.Errorf("%w: %w", tenancy.ErrUnavailable, tenancy.ErrNotFound), outcome: resolve.OutcomeUnavailable, lookups: 1},
		"outage with both keys":   {match: named("acme", tenancy.IDKey("id-acme")), failure: tenancy.ErrClosed, outcome: resolve.OutcomeUnavailable, lookups: 1},
		"no answer that is known": {match: named("acme"), failure: errors.New("canary"), outcome: resolve.OutcomeUnavailable, lookups: 1},
		"resolver is down":        {match: named(""), err: context.DeadlineExceeded, outcome: resolve.OutcomeUnavailable},
		"canceled":                {ctx: canceled, match: named("acme"), failure: context.Canceled, outcome: resolve.OutcomeCanceled, lookups: 1},

		"in the context":            {ctx: inAcme, err: resolve.ErrAbsent, outcome: resolve.OutcomeResolved, resolver: "context"},
		"the same as there":         {ctx: inAcme, match: named("acme"), outcome: resolve.OutcomeResolved, resolver: "context"},
		"another than there":        {ctx: inAcme, match: named("globex"), outcome: resolve.OutcomeConflict, resolver: "context"},
		"in the context, suspended": {ctx: inLate, match: named("late"), outcome: resolve.OutcomeSuspended, hidden: resolve.OutcomeUnknown, resolver: "context"},
		"in the context, foreign":   {ctx: inAcme, match: resolve.Match{Resolver: "test"}, err: resolve.ErrMisdirected, outcome: resolve.OutcomeMisdirected},
	} {
		t.Run(name, func(t *testing.T) {
			if c.ctx == nil {
				c.ctx = t.Context()
			}
			if c.hidden == "" {
				c.hidden = c.outcome
			}
			if c.resolver == "" {
				c.resolver = "test"
			}
			for _, shown := range []resolve.Outcome{c.outcome, c.hidden} {
				store := newDirectory()
				store.failure = c.failure
				d := c.policy.Decide(c.ctx, store, c.match, c.err)
				if d.Outcome != c.outcome || d.Shown != shown || d.Resolver != c.resolver || store.lookups != c.lookups {
					t.Errorf("got %+v after %d lookups, want %+v", d, store.lookups, c)
				}
				if (d.Tenant != tenancy.Tenant{}) != (c.outcome == resolve.OutcomeResolved) {
					t.Errorf("%s with tenant %v", d.Outcome, d.Tenant)
				}
				c.policy.Hidden = true
			}
		})
	}
}

// A store that answers with another tenant than it was asked for is broken.
func TestDecideWithAMixedUpStore(t *testing.T) {
	store := newDirectory()
	store.tenants["acme"] = store.tenants["globex"]
	if d := (resolve.Policy{}).Decide(t.Context(), store, named("acme"), nil); d.Outcome != resolve.OutcomeUnavailable {
		t.Errorf("got %+v", d)
	}
}

func TestPolicyValidate(t *testing.T) {
	if err := (resolve.Policy{Served: []tenancy.Status{tenancy.StatusActive, "archived"}}).Validate(); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	if err := (resolve.Policy{}).Validate(); err != nil {
		t.Error(err)
	}
}

// They are values of labels.
func TestOutcomesAndNames(t *testing.T) {
	seen := map[string]bool{}
	check := func(label string) {
		if seen[label] || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("%q", label)
		}
		seen[label] = true
	}
	for _, o := range resolve.Outcomes() {
		check(string(o))
	}
	if len(seen) != 15 {
		t.Errorf("%d outcomes", len(seen))
	}
	clear(seen)
	for _, name := range resolve.ResolverNames() {
		check(name)
	}
}
