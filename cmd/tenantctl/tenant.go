package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// tenants is how tenants are printed. Secrets are masked unless they are asked for.
func (a *app) tenants() view[tenancy.Tenant] {
	return view[tenancy.Tenant]{
		columns: []column[tenancy.Tenant]{
			{head: "IDENTIFIER", cell: func(t tenancy.Tenant) string { return t.Identifier }},
			{head: "NAME", cell: func(t tenancy.Tenant) string { return t.Name }},
			{head: "STATUS", cell: func(t tenancy.Tenant) string { return string(t.Status) }},
			{head: "ID", cell: func(t tenancy.Tenant) string { return t.ID }},
			{head: "ISOLATION", cell: func(t tenancy.Tenant) string { return string(t.Isolation) }, wide: true},
			{head: "SCHEMA", cell: func(t tenancy.Tenant) string { return t.SchemaName }, wide: true},
			{head: "DATABASE URL", cell: a.databaseURL, wide: true},
			{head: "METADATA", cell: func(t tenancy.Tenant) string { return t.Metadata.String() }, wide: true},
			{head: "CREATED", cell: func(t tenancy.Tenant) string { return shortTime(t.CreatedAt) }},
			{head: "UPDATED", cell: func(t tenancy.Tenant) string { return shortTime(t.UpdatedAt) }, wide: true},
			{head: "REVISION", cell: func(t tenancy.Tenant) string { return strconv.FormatInt(int64(t.Revision), 10) }, wide: true},
		},
		name: func(t tenancy.Tenant) string { return t.Identifier },
		json: func(t tenancy.Tenant) any {
			if a.secrets && t.DatabaseURL.Err() == nil {
				return tenancy.Revealed(t)
			}
			return t
		},
	}
}

func (a *app) databaseURL(t tenancy.Tenant) string {
	if err := t.DatabaseURL.Err(); err != nil {
		return "(" + err.Error() + ")"
	}
	if a.secrets {
		return t.DatabaseURL.Reveal()
	}
	return t.DatabaseURL.String()
}

// keyOf returns what an argument TENANT names.
func keyOf(arg string) tenancy.Key {
	if id, ok := strings.CutPrefix(arg, "id:"); ok {
		return tenancy.IDKey(id)
	}
	if domain, ok := strings.CutPrefix(arg, "domain:"); ok {
		return tenancy.Key{Kind: tenancy.KindDomain, Value: domain}
	}
	return tenancy.IdentifierKey(arg)
}

// find returns the tenant that an argument names, past every cache.
func find(ctx context.Context, store tenancy.Store, arg string) (tenancy.Tenant, error) {
	store = tenancy.Fresh(store)
	switch key := keyOf(arg); key.Kind {
	case tenancy.KindID:
		return store.GetByID(ctx, key.Value)
	case tenancy.KindDomain:
		return store.GetByDomain(ctx, key.Value)
	default:
		return store.GetByIdentifier(ctx, key.Value)
	}
}

// findAll returns the tenants that the arguments name, or the errors of all that there are not.
func findAll(ctx context.Context, store tenancy.Store, args []string) (found []tenancy.Tenant, err error) {
	for _, arg := range args {
		t, one := find(ctx, store, arg)
		found, err = append(found, t), errors.Join(err, one)
	}
	return found, err
}

// completeTenants completes identifiers.
func (a *app) completeTenants(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	var found []string
	err := a.begin(cmd)
	if err == nil {
		err = a.with(cmd.Context(), func(store tenancy.Source) error {
			tenants, err := store.Search(cmd.Context(), begun, tenancy.SearchOptions{Limit: completions})
			for _, t := range tenants {
				if strings.HasPrefix(t.Identifier, begun) && !slices.Contains(args, t.Identifier) {
					found = append(found, t.Identifier+"\t"+printable(t.Name))
				}
			}
			return err
		})
	}
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// completions is how many identifiers are offered at most.
const completions = 50

// completeOne completes the first argument alone.
func (a *app) completeOne(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeTenants(cmd, args, begun)
}
