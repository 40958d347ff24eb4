package tenancyhttp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// location is where a request is redirected: a reference without a scheme, so that it is
// the client's. "" is nowhere.
type location string

// redirect answers with 308. No cache or browser may keep it: the name may change its
// owner, and two kept redirects can form a loop.
func (l location) redirect(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Location", string(l))
	w.WriteHeader(http.StatusPermanentRedirect)
}

// at returns the path and the query of r on another host, which is valid.
func at(host string, r *http.Request) location {
	path := r.URL.EscapedPath()
	if path != "" && path[0] != '/' { // *
		return ""
	}
	return location("//" + host + escaped(path) + query(r))
}

func query(r *http.Request) string {
	if r.URL.RawQuery == "" && !r.URL.ForceQuery {
		return ""
	}
	return "?" + escaped(r.URL.RawQuery)
}

// escaped encodes everything but printable ASCII, for a header.
func escaped(s string) string {
	plain := func(c byte) bool { return ' ' < c && c < 0x7f }
	var b strings.Builder
	for i := range len(s) {
		if plain(s[i]) {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
}

// renamedHost is for a host that begins with the identifier.
func renamedHost(r *http.Request, m Match, identifier string) location {
	return at(identifier+r.Host[len(m.Key.Value):], r)
}

// renamedPath is for a path of which m.Strip, which ends with the identifier, is the beginning.
func renamedPath(r *http.Request, m Match, identifier string) location {
	parent := strings.TrimSuffix(m.Strip, m.Key.Value)
	rest := r.URL.EscapedPath()[len(m.Strip):]
	return location(PrefixFromContext(r.Context()) + parent + identifier + escaped(rest) + query(r))
}

// moved returns where a request leads that names a former identifier, and makes that its
// outcome.
func (h *handler) moved(r *http.Request, m Match, d *resolve.Decision) location {
	if h.former == nil || m.renamed == nil || d.Outcome != resolve.OutcomeUnknown {
		return ""
	}
	ctx := r.Context()
	t, err := h.former.FormerOwner(ctx, m.Key.Value)
	if err != nil {
		if !isNotFound(err) {
			*d = h.policy.Decide(ctx, h.getter, m.Match, resolve.AsOutage(err))
		}
		return ""
	}
	if !serves(ctx, h.policy, t) || t.Identifier == m.Key.Value || tenancy.ValidateIdentifier(t.Identifier) != nil {
		return ""
	}
	to := m.renamed(r, m, t.Identifier)
	if to != "" {
		d.Outcome, d.Shown, d.Err = resolve.OutcomeMoved, resolve.OutcomeMoved, nil
	}
	return to
}

// serves reports whether a tenant that was found is served.
func serves(ctx context.Context, policy resolve.Policy, t tenancy.Tenant) bool {
	d := policy.Decide(tenancy.NewContext(ctx, t), nil, resolve.Match{Key: tenancy.IDKey(t.ID)}, nil)
	return d.Outcome == resolve.OutcomeResolved
}

// RedirectToPrimary returns a middleware that redirects requests to the primary domain of
// their tenant, with 308, so that method, path and query are kept. It goes inside that of
// [NewMiddleware], around pages for people. It does not redirect a request that is at the
// primary domain already, whose tenant has no primary domain, or that has no tenant or no
// host.
//
// names is a store with [tenancy.Names]. It is asked when a tenant is first seen, and again
// after each write of the tenant. If it cannot answer, the request is not redirected, and
// the failure is logged.
//
// Of the options, it uses [WithSkip], [WithSkipPaths] and [WithLogger]; skip the paths of
// health checks, and of challenges under /.well-known/. If an argument or an option is wrong,
// the error wraps [tenancy.ErrInvalid].
func RedirectToPrimary(names tenancy.Names, opts ...Option) (func(next http.Handler) http.Handler, error) {
	c := newConfig(opts)
	if err := checkNames("RedirectToPrimary", names); err != nil {
		return nil, errors.Join(c.err, err)
	}
	if c.err != nil {
		return nil, c.err
	}
	p := &primaries{names: names, byID: map[string]primary{}, logger: c.logger}
	return func(next http.Handler) http.Handler {
		next = required(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			to := location("")
			if !c.skip(r) {
				to = p.location(r)
			}
			if to != "" {
				to.redirect(w)
				return
			}
			next.ServeHTTP(w, r)
		})
	}, nil
}

// maxPrimaries is how many primary domains are remembered.
const maxPrimaries = 8192

// primaries remembers the primary domains of tenants, each for as long as the tenant's
// position is what it was: a write of its names is a write of the tenant.
type primaries struct {
	names  tenancy.Names
	logger *slog.Logger

	mu      sync.RWMutex
	byID    map[string]primary
	nextLog atomic.Int64 // Unix time in nanoseconds
}

type primary struct {
	of     tenancy.Position
	domain string // "" for none
}

func (p *primaries) location(r *http.Request) location {
	t, found := tenancy.FromContext(r.Context())
	host, err := hostOf(r)
	if !found || err != nil || host == "" {
		return ""
	}
	domain := p.find(r, t)
	if domain == "" || domain == host {
		return ""
	}
	if _, port, has := strings.Cut(r.Host, ":"); has {
		domain += ":" + port
	}
	return at(domain, r)
}

func (p *primaries) find(r *http.Request, t tenancy.Tenant) string {
	p.mu.RLock()
	known, found := p.byID[t.ID]
	p.mu.RUnlock()
	if found && known.of == t.Position() {
		return known.domain
	}
	names, err := p.names.NamesOf(r.Context(), t.ID)
	if err != nil {
		now := time.Now().UnixNano()
		if next := p.nextLog.Load(); now >= next && p.nextLog.CompareAndSwap(next, now+int64(time.Second)) {
			p.logger.WarnContext(r.Context(), "primary domain not known", "err", err)
		}
		return ""
	}
	known = primary{of: t.Position()}
	for _, n := range names {
		if n.Primary && tenancy.ValidateDomain(n.Value) == nil {
			known.domain = n.Value
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, found := p.byID[t.ID]; !found && len(p.byID) >= maxPrimaries {
		for id := range p.byID { // any
			delete(p.byID, id)
			break
		}
	}
	p.byID[t.ID] = known
	return known.domain
}
