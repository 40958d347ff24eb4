package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

var names = view[tenancy.Name]{
	columns: []column[tenancy.Name]{
		{head: "KIND", cell: func(n tenancy.Name) string { return string(n.Kind) }},
		{head: "NAME", cell: func(n tenancy.Name) string { return n.Value }},
		{head: "STATE", cell: nameState},
		{head: "CREATED", cell: func(n tenancy.Name) string { return shortTime(n.CreatedAt) }},
		{head: "VERIFIED", cell: func(n tenancy.Name) string { return shortTime(n.VerifiedAt) }, wide: true},
		{head: "ENDS", cell: func(n tenancy.Name) string { return shortTime(n.ExpiresAt) }},
		{head: "TOKEN", cell: func(n tenancy.Name) string { return n.Token }},
	},
	name: func(n tenancy.Name) string { return n.Value },
}

func nameState(n tenancy.Name) string {
	switch {
	case n.Primary:
		return "primary"
	case n.Kind == tenancy.KindDomain && n.VerifiedAt.IsZero():
		return "claim"
	case n.Kind == tenancy.KindDomain:
		return "verified"
	}
	return ""
}

func newDomains(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "domains", Short: "Custom domains, and identifiers that tenants had"}
	list := &cobra.Command{
		Use: "list TENANT", Short: "List the domains and former identifiers of a tenant", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(store tenancy.Source) error {
				t, err := find(cmd.Context(), store, args[0])
				if err != nil {
					return err
				}
				all, err := store.NamesOf(cmd.Context(), t.ID)
				if err != nil {
					return err
				}
				return printAll(a, names, sequence(all))
			})
		},
	}
	add := &cobra.Command{
		Use: "add TENANT DOMAIN", Short: "Claim a domain, and print the token for its proof", Args: cobra.ExactArgs(2), ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.write(cmd.Context(), func(ctx context.Context, store tenancy.Store) error {
				t, err := find(ctx, store, args[0])
				if err != nil {
					return err
				}
				n, err := store.AddDomain(ctx, t.ID, args[1])
				if err != nil {
					return err
				}
				return printOne(a, names, n)
			})
		},
	}
	a.dryRunFlag(add)
	cmd.AddCommand(list, add,
		newDomainWrite(a, "verify TENANT DOMAIN", "Let a claimed domain lead to its tenant; the proof is your concern", 2, tenancy.Names.VerifyDomain),
		newDomainWrite(a, "primary TENANT [DOMAIN]", "Make a verified domain the primary one; without DOMAIN, none", 1, tenancy.Names.SetPrimaryDomain),
		newDomainWrite(a, "remove TENANT DOMAIN", "Remove a domain or claim", 2, tenancy.Names.RemoveDomain),
	)
	return cmd
}

// newDomainWrite returns the command for a write that takes a tenant and a domain.
func newDomainWrite(a *app, use, short string, least int, write func(tenancy.Names, context.Context, string, string) (tenancy.Tenant, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.RangeArgs(least, 2), ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			domain := ""
			if len(args) == 2 {
				domain = args[1]
			}
			return a.write(cmd.Context(), func(ctx context.Context, store tenancy.Store) error {
				t, err := find(ctx, store, args[0])
				if err != nil {
					return err
				}
				if t, err = write(store, ctx, t.ID, domain); err != nil {
					return err
				}
				return printOne(a, a.tenants(), t)
			})
		},
	}
	a.dryRunFlag(cmd)
	return cmd
}
