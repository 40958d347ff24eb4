package tenancyhttp

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Middleware returns what puts the tenant of each request into its context, from
// which [tenancy.FromContext] gets it, and answers requests without a tenant that
// may be served. The resolver says which tenant a request names, getter is asked
// once for it.
//
// An error in the arguments is logged, and then every request is answered 500;
// [NewHandler] returns it instead.
//
// Behind another Middleware, the tenant in the context is used again, without a
// lookup. The inner resolver must then name the same tenant, or none: else the
// request is refused as a conflict.
func Middleware(getter tenancy.Getter, resolver Resolver, opts ...Option) func(http.Handler) http.Handler {
	c := newConfig(opts)
	return func(next http.Handler) http.Handler {
		h := newHandler(c, getter, resolver, next)
		if h.err != nil {
			c.logger.Error("tenancyhttp: every request will be answered 500", "err", h.err)
		}
		return h
	}
}

// NewHandler is Middleware around next, with an error that wraps
// [tenancy.ErrInvalid] if something is wrong with the arguments.
func NewHandler(getter tenancy.Getter, resolver Resolver, next http.Handler, opts ...Option) (http.Handler, error) {
	h := newHandler(newConfig(opts), getter, resolver, next)
	if h.err != nil {
		return nil, h.err
	}
	return h, nil
}

type handler struct {
	*config
	answers  *answers
	getter   tenancy.Getter
	resolver Resolver
	next     http.Handler
	vary     []string
	err      error // in the configuration
}

func newHandler(c *config, getter tenancy.Getter, resolver Resolver, next http.Handler) *handler {
	h := &handler{config: c, answers: newAnswers(c), getter: getter, resolver: resolver, next: next}
	h.err = errors.Join(c.err, checkAll(resolver))
	if getter == nil {
		h.err = errors.Join(h.err, misconfigured("the getter is nil"))
	}
	if next == nil {
		h.err = errors.Join(h.err, misconfigured("the next handler is nil"))
	}
	for _, name := range varyOf(resolver) {
		if name = textproto.CanonicalMIMEHeaderKey(name); !slices.Contains(h.vary, name) {
			h.vary = append(h.vary, name)
		}
	}
	return h
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var began time.Time
	if h.observer != nil {
		began = time.Now()
	}
	for _, name := range h.vary {
		addVary(w.Header(), name)
	}
	d, strip := h.decide(r)
	if h.observer != nil {
		h.observer.ObserveRequest(r.Context(), resolve.Event{
			Outcome: d.Outcome, Resolver: d.Resolver, Duration: time.Since(began), Err: d.Err,
		})
	}
	switch d.Outcome {
	case resolve.OutcomeResolved:
		h.next.ServeHTTP(w, pass(r, &d, strip))
	case resolve.OutcomeSkipped:
		h.next.ServeHTTP(w, r)
	default:
		h.answers.refuse(w, r, &d)
	}
}

var errOtherSNI = fmt.Errorf("%w: it is not the one of the TLS handshake", resolve.ErrMisdirected)

// decide finds out what to do with r, and what to strip from its path.
func (h *handler) decide(r *http.Request) (d resolve.Decision, strip string) {
	switch {
	case h.err != nil:
		return misconfiguredDecision(h.err), ""
	case h.skip(r):
		return resolve.Skip(), ""
	case h.strictSNI && !sniMatches(r):
		return h.policy.Decide(r.Context(), h.getter, resolve.Match{Resolver: resolve.NameNone}, errOtherSNI), ""
	}
	m, err := ask(h.resolver, r)
	switch {
	case err != nil:
		m.Strip = ""
	case m.Strip != "" && !strips(r.URL, m.Strip):
		err = refuse("path", "does not begin with what was to be stripped")
	}
	return h.policy.Decide(r.Context(), h.getter, m.Match, err), m.Strip
}

// pass returns r as the next handler sees it.
func pass(r *http.Request, d *resolve.Decision, strip string) *http.Request {
	if d.FromContext && strip == "" {
		return r
	}
	ctx := r.Context()
	if strip != "" {
		ctx = &prefixContext{ctx, PrefixFromContext(ctx) + strip}
	}
	if !d.FromContext {
		ctx = tenancy.NewContext(ctx, d.Tenant)
	}
	r = r.WithContext(ctx)
	if strip != "" {
		r.URL = stripped(r.URL, strip)
	}
	return r
}

func addVary(header http.Header, name string) {
	for _, line := range header["Vary"] {
		for v := range strings.SplitSeq(line, ",") {
			if v = textproto.TrimString(v); v == "*" || strings.EqualFold(v, name) {
				return
			}
		}
	}
	header.Add("Vary", name)
}
