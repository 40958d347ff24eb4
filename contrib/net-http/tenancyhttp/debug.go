package tenancyhttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// MaxDebugTenants is how many tenants a request for [Debug] may ask for.
const MaxDebugTenants = 100

// DebugState is the JSON that [Debug] answers with.
type DebugState struct {
	// Position is how far the node has followed the change log; without a cache or replica,
	// the newest position of the log.
	Position tenancy.Position `json:"position"`
	// Serving says that a cache or replica answers. LastContact is when it has last read the
	// log to its end, and Lag the seconds since then: the node may miss newer changes.
	Serving     bool      `json:"serving"`
	LastContact time.Time `json:"last_contact,omitzero"`
	Lag         float64   `json:"lag_seconds,omitzero"`
	// Caches counts the work of a stack of caches; nil if there is none.
	Caches *tier.Stats `json:"caches,omitempty"`
	// Replicas are those of the node, outermost first.
	Replicas []DebugReplica `json:"replicas,omitempty"`
	// Metrics are those of an exporter such as promtenancy, in the names of Prometheus.
	Metrics map[string]float64 `json:"metrics,omitempty"`
	// Tenants has, for each ID that the request asks for by tenant=ID, the position of the
	// state that the node serves; nil if the node says that there is no such tenant.
	Tenants map[string]*tenancy.Position `json:"tenants,omitempty"`
}

// DebugReplica describes a replica.
type DebugReplica struct {
	Phase   replica.Phase `json:"phase"`
	Since   time.Time     `json:"since"`
	Serving bool          `json:"serving"`
	Tenants int           `json:"tenants"`
	Scans   int64         `json:"scans"`
}

// Debug returns a handler that answers GET with the [DebugState] of a node: how far it has
// followed the change log, its caches, its replica and its metrics. store is the outermost one,
// which the middleware asks. It tells nothing of any tenant but, by tenant=ID in the query, at
// most [MaxDebugTenants] times, which version of it the node serves; so "tenantctl coherence"
// compares nodes with the database.
//
// It is for operators: serve it on an address that nobody else can reach. If store is nil, the
// error wraps [tenancy.ErrInvalid].
func Debug(store tenancy.Store) (http.Handler, error) {
	if store == nil {
		return nil, fmt.Errorf("tenancyhttp: Debug: %w: the store is nil", tenancy.ErrInvalid)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			newProblem(http.StatusMethodNotAllowed, "method-not-allowed", "Ask by GET.").ServeHTTP(w, r)
			return
		}
		ids := r.URL.Query()["tenant"]
		if len(ids) > MaxDebugTenants {
			newProblem(http.StatusBadRequest, "invalid", fmt.Sprintf("Ask for at most %d tenants.", MaxDebugTenants)).ServeHTTP(w, r)
			return
		}
		state, err := debugState(r.Context(), store, ids)
		if err != nil {
			Error(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(state) // the client has gone
	}), nil
}

func debugState(ctx context.Context, store tenancy.Store, ids []string) (DebugState, error) {
	var s DebugState
	followed := false
	if stack, ok := tier.Of(store); ok {
		stats := stack.Stats()
		s.Caches, followed = &stats, true
		s.Position, s.Serving, s.LastContact = stats.Position, stats.Serving, stats.LastContact
	}
	for one := range replica.Walk(store) {
		at := one.State()
		if s.Replicas = append(s.Replicas, DebugReplica{at.Phase, at.Since, at.Serving, at.Tenants, at.Scans}); !followed {
			followed = true
			s.Position, s.Serving, s.LastContact = at.Position, at.Serving, at.LastContact
		}
	}
	if !followed {
		source, ok := tenancy.SourceOf(store)
		if !ok {
			return s, errors.ErrUnsupported
		}
		bounds, err := source.Bounds(ctx)
		if err != nil {
			return s, err
		}
		s.Position = bounds.Newest
	}
	if !s.LastContact.IsZero() {
		s.Lag = max(0, time.Since(s.LastContact).Seconds())
	}
	s.Metrics = debugMetrics(store)
	for _, id := range ids {
		t, err := store.GetByID(ctx, id)
		switch {
		case err == nil:
			at := t.Position()
			s.set(id, &at)
		case errors.Is(err, tenancy.ErrNotFound):
			s.set(id, nil)
		default:
			return s, err
		}
	}
	return s, nil
}

func (s *DebugState) set(id string, at *tenancy.Position) {
	if s.Tenants == nil {
		s.Tenants = map[string]*tenancy.Position{}
	}
	s.Tenants[id] = at
}

// debugMetrics returns what the exporters in store export, but for histograms.
func debugMetrics(store tenancy.Store) map[string]float64 {
	metrics := map[string]float64{}
	for store != nil {
		if s, ok := store.(interface {
			Refresh()
			Series() []observe.Series
		}); ok {
			s.Refresh()
			for _, one := range s.Series() {
				if value := one.Read(); !math.IsNaN(value) && !math.IsInf(value, 0) { // JSON has neither
					metrics[seriesName(one)] = value
				}
			}
		}
		decorator, ok := store.(interface{ Below() tenancy.Store })
		if !ok {
			break
		}
		store = decorator.Below()
	}
	return metrics
}

// seriesName is name{label="value",…}.
func seriesName(s observe.Series) string {
	name := s.PrometheusName()
	var labels []string
	for i, value := range s.Values {
		labels = append(labels, fmt.Sprintf("%s=%q", s.Labels[i], value))
	}
	slices.Sort(labels)
	if labels == nil {
		return name
	}
	return name + "{" + strings.Join(labels, ",") + "}"
}
