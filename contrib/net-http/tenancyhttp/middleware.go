package tenancyhttp

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// NewMiddleware returns a middleware that resolves the tenant of each request, puts it
// into the request's context for [tenancy.FromContext], and refuses requests that name
// none, or one that is not served. The resolver says which tenant a request names;
// getter is asked for it, once.
//
// If an argument or an option is wrong, the error wraps [tenancy.ErrInvalid] and says
// everything that is wrong. The middleware panics if it is given a nil handler, as
// [http.ServeMux.Handle] does.
//
// Behind another such middleware, the tenant in the context is used again, without a
// lookup. The inner resolver must then name the same tenant, or none: else the
// request is refused as a conflict.
func NewMiddleware(getter tenancy.Getter, resolver Resolver, opts ...Option) (func(next http.Handler) http.Handler, error) {
	c := newConfig(opts)
	vary := varyOf(resolver)
	err := errors.Join(c.err, checkAll(resolver), checkVary(vary))
	if driver.IsNil(getter) {
		err = errors.Join(err, misconfigured("the getter is nil"))
	}
	if err != nil {
		return nil, err
	}
	m := handler{config: c, answers: newAnswers(c), getter: getter, resolver: resolver, vary: vary}
	return func(next http.Handler) http.Handler {
		h := m
		h.next = required(next)
		return &h
	}, nil
}

// required returns next, which a middleware needs when it is made: a handler that is
// missing must not show at the first request.
func required(next http.Handler) http.Handler {
	if driver.IsNil(next) {
		panic("tenancyhttp: the next handler is nil") //nolint:forbidigo // as http.ServeMux.Handle does
	}
	return next
}

type handler struct {
	*config
	answers  *answers
	getter   tenancy.Getter
	resolver Resolver
	next     http.Handler
	vary     []string // canonical
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var began time.Time
	if h.observer != nil {
		began = time.Now()
	}
	for _, name := range h.vary {
		addVary(w.Header(), name)
	}
	d, m := h.decide(r)
	to := h.moved(r, m, &d)
	if h.observer != nil {
		h.observer.ObserveRequest(r.Context(), resolve.Event{
			Outcome: d.Outcome, Resolver: d.Resolver, Duration: time.Since(began), Err: d.Err,
		})
	}
	switch d.Outcome {
	case resolve.OutcomeResolved:
		h.next.ServeHTTP(w, pass(r, &d, m.Strip))
	case resolve.OutcomeMoved:
		to.redirect(w)
	case resolve.OutcomeSkipped:
		if h.skipPreflight && isPreflight(r) {
			w = bodiless{w}
		}
		h.next.ServeHTTP(w, r)
	default:
		h.answers.refuse(w, r, &d)
	}
}

var errOtherSNI = fmt.Errorf("%w: it is not the one of the TLS handshake", resolve.ErrMisdirected)

// decide finds out what to do with r, and what is found in it.
func (h *handler) decide(r *http.Request) (d resolve.Decision, m Match) {
	switch {
	case h.skip(r):
		return resolve.Skip(), m
	case h.strictSNI && !sniMatches(r):
		return h.policy.Decide(r.Context(), h.getter, resolve.Match{Resolver: resolve.NameNone}, errOtherSNI), m
	}
	m, err := ask(h.resolver, r)
	switch {
	case err != nil:
		m.Strip = ""
	case m.Strip != "" && !strips(r.URL, m.Strip):
		err = refuse("path", "does not begin with what was to be stripped")
	}
	return h.policy.Decide(r.Context(), h.getter, m.Match, err), m
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
