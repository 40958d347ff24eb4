package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// node is where a node is, beside the database.
type node struct {
	URL      string           `json:"url"`
	Position tenancy.Position `json:"position"`
	Behind   tenancy.Revision `json:"behind"` // changes that it lacks of those that there were at first
	Lag      float64          `json:"lag_seconds"`
	Samples  int              `json:"samples"` // tenants that were compared
	Stale    []string         `json:"stale,omitempty"`
	Problem  string           `json:"problem,omitempty"`
}

var nodes = view[node]{
	columns: []column[node]{
		{head: "NODE", cell: func(n node) string { return n.URL }},
		{head: "REVISION", cell: func(n node) string { return strconv.FormatInt(int64(n.Position.Revision), 10) }},
		{head: "BEHIND", cell: func(n node) string { return strconv.FormatInt(int64(n.Behind), 10) }},
		{head: "LAG", cell: func(n node) string { return strconv.FormatFloat(n.Lag, 'f', 3, 64) + " s" }},
		{head: "SAMPLES", cell: func(n node) string { return strconv.Itoa(n.Samples) }},
		{head: "PROBLEM", cell: func(n node) string { return n.Problem }},
	},
	name: func(n node) string { return n.URL },
}

// comparison is one run of coherence.
type comparison struct {
	store  tenancy.Source
	newest tenancy.Position            // when it began
	stored map[string]tenancy.Position // of the samples, no older than newest; zero if there is no such tenant
	client *http.Client
	wait   time.Duration
}

func newCoherence(a *app) *cobra.Command {
	var samples int
	c := comparison{client: &http.Client{Timeout: nodeTimeout}}
	cmd := &cobra.Command{
		Use: "coherence URL…", Short: "Ask nodes where they are, and compare what they serve with the store", Args: cobra.MinimumNArgs(1),
		Long: "Ask nodes, by the URLs of their tenancyhttp.Debug handlers, how far they have followed the change log, and compare\n" +
			"samples of what they serve with the store: tenants that were changed last, then the newest. A URL without a path\n" +
			"gets " + debugPath + ". Exit code 10 if a node cannot be asked, does not come up to where the store was when the\n" +
			"command began, follows another history, or serves a tenant in an older state.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if samples < 0 || samples > tenancyhttp.MaxDebugTenants {
				return usageError{fmt.Errorf("--samples must be 0 to %d", tenancyhttp.MaxDebugTenants)}
			}
			return a.with(cmd.Context(), func(store tenancy.Source) error {
				c.store = store
				if err := c.sample(cmd.Context(), samples); err != nil {
					return err
				}
				all := c.askAll(cmd.Context(), args)
				if err := cmd.Context().Err(); err != nil {
					return err
				}
				wrong := 0
				for _, n := range all {
					if n.Problem != "" {
						wrong++
					}
				}
				if err := printAll(a, nodes, sequence(all)); err != nil || wrong == 0 {
					return err
				}
				return fmt.Errorf("%d of %d nodes: %w", wrong, len(all), errFound)
			})
		},
	}
	cmd.Flags().IntVar(&samples, "samples", 20, "how many tenants are compared")
	cmd.Flags().DurationVar(&c.wait, "wait", 10*time.Second, "how long a node may take to come up to the store")
	return cmd
}

const (
	debugPath   = "/debug/tenancy"
	nodeTimeout = 30 * time.Second // of one request
	nodePause   = 50 * time.Millisecond
	maxAnswer   = 4 << 20
)

// sample chooses tenants, and reads them from the store.
func (c *comparison) sample(ctx context.Context, n int) error {
	var ids []string
	for change, err := range logged(ctx, c.store) {
		if err != nil && !errors.Is(err, tenancy.ErrCompacted) {
			return err
		}
		if err == nil {
			ids = append(ids, change.TenantIDs()...)
		}
	}
	slices.Reverse(ids)
	page, err := c.store.List(ctx, tenancy.ListOptions{Limit: max(n, 1), OmitSecrets: true})
	if err != nil {
		return err
	}
	for _, t := range page.Tenants {
		ids = append(ids, t.ID)
	}
	bounds, err := c.store.Bounds(ctx)
	if err != nil {
		return err
	}
	c.newest = bounds.Newest
	c.stored = map[string]tenancy.Position{}
	for _, id := range ids {
		if _, seen := c.stored[id]; !seen && len(c.stored) < n {
			if c.stored[id], err = c.positionOf(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// positionOf returns the position of a tenant in the store, zero if there is none.
func (c *comparison) positionOf(ctx context.Context, id string) (tenancy.Position, error) {
	t, err := tenancy.Fresh(c.store).GetByID(ctx, id)
	if errors.Is(err, tenancy.ErrNotFound) {
		return tenancy.Position{}, nil
	}
	return t.Position(), err
}

// askAll asks all nodes at once.
func (c *comparison) askAll(ctx context.Context, urls []string) []node {
	all := make([]node, len(urls))
	var group sync.WaitGroup
	for i, u := range urls {
		group.Go(func() {
			all[i] = node{URL: u, Samples: len(c.stored)}
			if err := c.judge(ctx, &all[i]); err != nil {
				all[i].Problem = err.Error()
			}
		})
	}
	group.Wait()
	return all
}

// judge fills in n, and returns what is wrong with it.
func (c *comparison) judge(ctx context.Context, n *node) error {
	var state tenancyhttp.DebugState
	for deadline := time.Now().Add(c.wait); ; {
		var err error
		if state, err = c.ask(ctx, n.URL); err != nil {
			n.Samples = 0
			return err
		}
		n.Position, n.Lag = state.Position, state.Lag
		n.Behind = max(0, c.newest.Revision-state.Position.Revision)
		if n.Behind == 0 || time.Now().After(deadline) || ctx.Err() != nil {
			break
		}
		time.Sleep(nodePause)
	}
	if _, err := c.store.Changes(ctx, state.Position, 1); errors.Is(err, tenancy.ErrCompacted) {
		return errors.New("it follows another history, or is older than the change log")
	} else if err != nil {
		return err
	}
	if n.Behind > 0 {
		return fmt.Errorf("it is behind, and does not come up within %s", c.wait)
	}
	for _, id := range slices.Sorted(maps.Keys(c.stored)) {
		var served tenancy.Position
		if at := state.Tenants[id]; at != nil {
			served = *at
		}
		if served == c.stored[id] {
			continue
		}
		now, err := c.positionOf(ctx, id) // it may have been changed meanwhile
		if err != nil {
			return err
		}
		if served != now && !between(c.stored[id], served, now) {
			n.Stale = append(n.Stale, id)
		}
	}
	if len(n.Stale) > 0 {
		return fmt.Errorf("it serves %d of %d tenants in another state than the store: %s", len(n.Stale), n.Samples, strings.Join(n.Stale[:min(len(n.Stale), maxDetails)], ", "))
	}
	return nil
}

// between reports whether at may have been the position of a tenant at a time between two others.
func between(before, at, after tenancy.Position) bool {
	return at.Revision > before.Revision && (after.IsZero() || at.Revision < after.Revision)
}

// ask asks a node.
func (c *comparison) ask(ctx context.Context, address string) (state tenancyhttp.DebugState, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return state, errors.New("it has no URL of http or https")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = debugPath
	}
	query := u.Query()
	for id := range c.stored {
		query.Add("tenant", id)
	}
	u.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return state, err
	}
	answer, err := c.client.Do(request)
	if err != nil {
		return state, errors.New("it cannot be reached: " + reason(err))
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return state, fmt.Errorf("it answers %s", answer.Status)
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(&state); err != nil {
		return state, errors.New("it answers no JSON of tenancyhttp.Debug")
	}
	return state, nil
}

// reason is the cause of an error of net/http, without the URL.
func reason(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return err.Error()
}
