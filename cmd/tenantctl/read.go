package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// filterFlags adds the flags that select tenants.
func filterFlags(cmd *cobra.Command, statuses *[]string) {
	cmd.Flags().StringSliceVar(statuses, "status", nil, "only tenants with this `status`; may be repeated")
	_ = cmd.RegisterFlagCompletionFunc("status", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var all []string
		for _, s := range tenancy.Statuses() {
			all = append(all, string(s))
		}
		return all, cobra.ShellCompDirectiveNoFileComp
	})
}

func filterOf(statuses []string) (f tenancy.Filter) {
	for _, s := range statuses {
		f.Statuses = append(f.Statuses, tenancy.Status(s))
	}
	return f
}

func (a *app) secretFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.secrets, "secrets", false, "show database URLs in plain text")
}

func newList(a *app) *cobra.Command {
	var statuses []string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List tenants, the newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(store tenancy.Source) error {
				all := tenancy.All(cmd.Context(), store, tenancy.ListOptions{Filter: filterOf(statuses), OmitSecrets: !a.secrets})
				return printAll(a, a.tenants(), first(all, limit))
			})
		},
	}
	filterFlags(cmd, &statuses)
	a.secretFlag(cmd)
	cmd.Flags().IntVar(&limit, "limit", 0, "at most `n` tenants; 0 for all")
	return cmd
}

// first returns the first n records, or all if n is 0.
func first[T any](records iter.Seq2[T, error], n int) iter.Seq2[T, error] {
	if n <= 0 {
		return records
	}
	return func(yield func(T, error) bool) {
		left := n
		for one, err := range records {
			if left--; !yield(one, err) || left == 0 {
				return
			}
		}
	}
}

func newGet(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "get TENANT…", Short: "Show tenants", Args: cobra.MinimumNArgs(1), ValidArgsFunction: a.completeTenants,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(store tenancy.Source) error {
				found, err := findAll(cmd.Context(), store, args)
				if err != nil {
					return err
				}
				return printSome(a, a.tenants(), found)
			})
		},
	}
	a.secretFlag(cmd)
	return cmd
}

func newSearch(a *app) *cobra.Command {
	var statuses []string
	var limit int
	cmd := &cobra.Command{
		Use: "search TEXT", Short: "Find tenants by a part of their identifier or name, the best first", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(store tenancy.Source) error {
				found, err := store.Search(cmd.Context(), args[0], tenancy.SearchOptions{Filter: filterOf(statuses), Limit: limit})
				if err != nil {
					return err
				}
				return printAll(a, a.tenants(), sequence(found))
			})
		},
	}
	filterFlags(cmd, &statuses)
	cmd.Flags().IntVar(&limit, "limit", tenancy.DefaultSearchLimit, "at most `n` tenants")
	return cmd
}

// change is one of the log, as it is printed.
type change struct {
	Position tenancy.Position `json:"position"`
	Kind     string           `json:"kind"`
	TenantID string           `json:"tenant_id,omitempty"`
	At       time.Time        `json:"at"`
	Actor    string           `json:"actor,omitempty"`
	Fields   []string         `json:"fields,omitempty"`
	Tenant   *tenancy.Tenant  `json:"tenant,omitempty"` // as it is now, with --values
}

func changeOf(c tenancy.Change) change {
	return change{c.Position, string(c.Kind), c.TenantID, c.At.UTC(), c.Actor, c.Fields, nil}
}

var changes = view[change]{
	columns: []column[change]{
		{head: "REVISION", cell: func(c change) string { return strconv.FormatInt(int64(c.Position.Revision), 10) }, width: 8},
		{head: "AT", cell: func(c change) string { return shortTime(c.At) }, width: 20},
		{head: "CHANGE", cell: func(c change) string { return c.Kind }, width: 6},
		{head: "TENANT", cell: func(c change) string { return c.TenantID }, width: 36},
		{head: "BY", cell: func(c change) string { return c.Actor }, width: 10},
		{head: "FIELDS", cell: func(c change) string { return strings.Join(c.Fields, " ") }},
	},
	name: func(c change) string { return c.TenantID },
}

func newHistory(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "history TENANT", Short: "Show what the change log has of a tenant, the oldest change first", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeOne,
		Long: "Show what the change log has of a tenant, the oldest change first. The log says which fields were changed,\n" +
			"not their values, and keeps what the store's retention says. A tenant that was removed is found by the\n" +
			"identifier or domain that it had, or by id:ID.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(store tenancy.Source) error {
				key := keyOf(args[0])
				if t, err := find(cmd.Context(), store, args[0]); err == nil {
					key = tenancy.IDKey(t.ID)
				} else if !errors.Is(err, tenancy.ErrNotFound) {
					return err
				}
				found := false
				err := printAll(a, changes, func(yield func(change, error) bool) {
					for c, err := range logged(cmd.Context(), store) {
						if err == nil && (c.Kind == tenancy.ChangeReset || !c.Touches(key)) {
							continue
						}
						found = found || err == nil
						if !yield(changeOf(c), err) {
							return
						}
					}
				})
				if err == nil && !found {
					err = fmt.Errorf("%w in the change log: %q", tenancy.ErrNotFound, args[0])
				}
				return err
			})
		},
	}
}

// logged yields the changes that the log holds now, but for the oldest row, which is the
// position before the others.
func logged(ctx context.Context, log tenancy.Log) iter.Seq2[tenancy.Change, error] {
	return func(yield func(tenancy.Change, error) bool) {
		bounds, err := log.Bounds(ctx)
		if err != nil {
			yield(tenancy.Change{}, err)
			return
		}
		after := bounds.Oldest
		if after.Revision == 1 {
			after = tenancy.Position{} // it holds all
		}
		for after.Revision < bounds.Newest.Revision {
			page, err := log.Changes(ctx, after, tenancy.MaxChangesLimit)
			if err == nil && len(page) == 0 {
				return
			}
			if err != nil {
				yield(tenancy.Change{}, err)
				return
			}
			for _, c := range page {
				if after = c.Position; !yield(c, nil) {
					return
				}
			}
		}
	}
}

func newWatch(a *app) *cobra.Command {
	var after string
	var values bool
	cmd := &cobra.Command{
		Use: "watch", Short: "Print changes as they are committed, until interrupted", Args: cobra.NoArgs,
		Long: "Print changes as they are committed, until interrupted. Outages are waited out. It ends with exit code 8 if the\n" +
			"log does not hold the position after which it was to go on.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(store tenancy.Source) error {
				at, err := startOf(cmd.Context(), store, after)
				if err != nil {
					return err
				}
				return printEach(a, changes, a.watched(cmd.Context(), store, at, values))
			})
		},
	}
	cmd.Flags().StringVar(&after, "after", "", "begin after this `position`, such as one that watch has printed; 0 for all that the log holds (now)")
	cmd.Flags().BoolVar(&values, "values", false, "with each change, the tenant as it is now, in the forms json and jsonl")
	return cmd
}

// startOf returns the position that --after says.
func startOf(ctx context.Context, store tenancy.Log, after string) (at tenancy.Position, err error) {
	switch after {
	case "":
		bounds, err := store.Bounds(ctx)
		return bounds.Newest, err
	case "0":
		bounds, err := store.Bounds(ctx)
		if bounds.Oldest.Revision == 1 {
			return tenancy.Position{}, err
		}
		return bounds.Oldest, err
	}
	err = at.UnmarshalText([]byte(after))
	return at, err
}

// watchPause is between two attempts to reach a store that is down.
const watchPause = time.Second

// watched yields changes, and waits out outages.
func (a *app) watched(ctx context.Context, store tenancy.Source, at tenancy.Position, values bool) iter.Seq2[change, error] {
	return func(yield func(change, error) bool) {
		for {
			for c, err := range tenancy.Watch(ctx, store, at) {
				shown := changeOf(c)
				if err == nil && values && c.TenantID != "" {
					shown.Tenant, err = current(ctx, store, c.TenantID)
				}
				if errors.Is(err, tenancy.ErrUnavailable) && ctx.Err() == nil {
					fmt.Fprintln(a.errs, "tenantctl: going on when the store is back:", err)
					break
				}
				if err == nil {
					at = c.Position
				}
				if !yield(shown, err) || err != nil {
					return
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(watchPause):
			}
		}
	}
}

// current returns a tenant as it is now, or nil if it is gone.
func current(ctx context.Context, store tenancy.Store, id string) (*tenancy.Tenant, error) {
	t, err := tenancy.Fresh(store).GetByID(ctx, id)
	if errors.Is(err, tenancy.ErrNotFound) {
		return nil, nil
	}
	return &t, err
}
