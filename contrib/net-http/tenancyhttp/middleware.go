package tenancyhttp

import (
	"context"
	"errors"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

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

// decision is what was found out about a request.
type decision struct {
	outcome  Outcome
	resolver string
	verified bool
	strip    string
	nested   bool // the tenant is in the context already
	err      error
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var began time.Time
	if h.observer != nil {
		began = time.Now()
	}
	for _, name := range h.vary {
		addVary(w.Header(), name)
	}
	tenant, d := h.decide(r)
	if h.observer != nil {
		h.observer.ObserveRequest(r.Context(), Event{
			Outcome: d.outcome, Resolver: d.resolver, Duration: time.Since(began), Err: d.err,
		})
	}
	switch d.outcome {
	case OutcomeResolved:
		h.next.ServeHTTP(w, pass(r, &tenant, d))
	case OutcomeSkipped:
		h.next.ServeHTTP(w, r)
	default:
		h.answers.refuse(w, r, d)
	}
}

// decide finds out what to do with r. The tenant is set if it is to be served.
func (h *handler) decide(r *http.Request) (tenancy.Tenant, decision) {
	switch {
	case h.err != nil:
		return tenancy.Tenant{}, decision{outcome: OutcomeMisconfigured, resolver: nameNone, err: h.err}
	case h.skip(r):
		return tenancy.Tenant{}, decision{outcome: OutcomeSkipped, resolver: nameNone}
	case h.strictSNI && !sniMatches(r):
		return tenancy.Tenant{}, decision{outcome: OutcomeMisdirected, resolver: nameNone, err: errOtherSNI}
	}
	m, err := h.resolver.Resolve(r)
	d := decision{resolver: m.Resolver, verified: m.Verified, strip: m.Strip, err: err}
	if d.resolver == "" {
		d.resolver = nameOther
	}
	outer, nested := tenancy.FromContext(r.Context())
	d.nested = nested
	if err != nil {
		absent := plainlyAbsent(err)
		switch {
		case absent && nested:
			d.resolver, d.err = nameContext, nil
			d.outcome = h.status(outer)
			return outer, d
		case absent && h.optional:
			return tenancy.Tenant{}, decision{outcome: OutcomeSkipped, resolver: nameNone}
		case absent:
			d.resolver = nameNone
		}
		d.outcome = outcomeOf(r.Context(), err)
		return tenancy.Tenant{}, d
	}
	var tenant tenancy.Tenant
	if nested {
		d.resolver = nameContext
		tenant, err = outer, agrees(outer, m)
	} else {
		tenant, err = h.lookUp(r.Context(), m)
	}
	if d.err = err; err != nil {
		d.outcome = outcomeOf(r.Context(), err)
		return tenancy.Tenant{}, d
	}
	if d.strip != "" && !strips(r.URL, d.strip) {
		d.outcome, d.err = OutcomeInvalid, refuse("path", "does not begin with what was to be stripped")
		return tenancy.Tenant{}, d
	}
	d.outcome = h.status(tenant)
	return tenant, d
}

var (
	errConflict = errors.New("tenancyhttp: the request names more than one tenant")
	errOtherSNI = errors.New("tenancyhttp: the host is not the one of the TLS handshake")
	errMixedUp  = errors.New("tenancyhttp: the store answered with another tenant than the one that was asked for")
)

// lookUp asks the getter for the tenant that m names, once.
func (h *handler) lookUp(ctx context.Context, m Match) (tenancy.Tenant, error) {
	if m.Key == (tenancy.Key{}) {
		return tenancy.Tenant{}, ErrAbsent // of a resolver that said neither
	}
	if err := validate(m.Key); err != nil {
		return tenancy.Tenant{}, err
	}
	// Each tenant has one ID and one identifier. So two of a kind that differ
	// need no lookup, and the answer does not tell whether either exists.
	mixed := false
	for _, k := range m.Also {
		if err := validate(k); err != nil {
			return tenancy.Tenant{}, err
		}
		if k.Kind == m.Key.Kind && k != m.Key {
			return tenancy.Tenant{}, errConflict
		}
		mixed = mixed || k.Kind != m.Key.Kind
	}
	var t tenancy.Tenant
	var err error
	if m.Key.Kind == tenancy.KindID {
		t, err = h.getter.GetByID(ctx, m.Key.Value)
	} else {
		t, err = h.getter.GetByIdentifier(ctx, m.Key.Value)
	}
	switch {
	case mixed && errors.Is(err, tenancy.ErrNotFound) && !outage(err):
		return tenancy.Tenant{}, errConflict // as if it existed
	case err != nil:
		return tenancy.Tenant{}, err
	case !m.Key.Matches(t):
		return tenancy.Tenant{}, errMixedUp
	}
	return t, agrees(t, m)
}

// agrees reports whether every key of m is one of t.
func agrees(t tenancy.Tenant, m Match) error {
	if !m.Key.Matches(t) {
		return errConflict
	}
	for _, k := range m.Also {
		if !k.Matches(t) {
			return errConflict
		}
	}
	return nil
}

// status is the outcome for a tenant that was found.
func (c *config) status(t tenancy.Tenant) Outcome {
	if slices.Contains(c.served, t.Status) {
		return OutcomeResolved
	}
	switch t.Status {
	case tenancy.StatusProvisioning:
		return OutcomeProvisioning
	case tenancy.StatusDeleted:
		return OutcomeDeleted
	}
	return OutcomeSuspended
}

// plainlyAbsent reports whether err says that a request names no tenant, and
// nothing worse.
func plainlyAbsent(err error) bool {
	return errors.Is(err, ErrAbsent) && !errors.Is(err, ErrForeignHost) && !errors.Is(err, tenancy.ErrNotFound) && !outage(err)
}

// outage reports whether err says that something could not answer, whatever else
// it says: an outage must not look like a deletion.
func outage(err error) bool {
	return errors.Is(err, tenancy.ErrUnavailable) || errors.Is(err, tenancy.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

func outcomeOf(ctx context.Context, err error) Outcome {
	switch {
	case outage(err) && errors.Is(ctx.Err(), context.Canceled):
		return OutcomeCanceled
	case outage(err):
		return OutcomeUnavailable
	case errors.Is(err, errConflict):
		return OutcomeConflict
	case errors.Is(err, ErrUnauthenticated):
		return OutcomeUnauthenticated
	case errors.Is(err, ErrNoTenantClaim):
		return OutcomeForbidden
	case errors.Is(err, tenancy.ErrNotFound):
		return OutcomeUnknown
	case errors.Is(err, ErrForeignHost):
		return OutcomeMisdirected
	case errors.Is(err, ErrAbsent):
		return OutcomeMissing
	case errors.Is(err, tenancy.ErrInvalid):
		return OutcomeInvalid
	}
	return OutcomeUnavailable
}

// pass returns r as the next handler sees it.
func pass(r *http.Request, t *tenancy.Tenant, d decision) *http.Request {
	if d.nested && d.strip == "" {
		return r
	}
	ctx := r.Context()
	if d.strip != "" {
		ctx = &prefixContext{ctx, PrefixFromContext(ctx) + d.strip}
	}
	if !d.nested {
		ctx = tenancy.NewContext(ctx, *t)
	}
	r = r.WithContext(ctx)
	if d.strip != "" {
		r.URL = stripped(r.URL, d.strip)
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

// strips reports whether prefix is what u's path begins with, as whole segments
// and in both of its forms.
func strips(u *url.URL, prefix string) bool {
	return beginsWith(u.Path, prefix) && (u.RawPath == "" || beginsWith(u.RawPath, prefix))
}

func beginsWith(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// stripped returns u without the prefix that strips has seen.
func stripped(u *url.URL, prefix string) *url.URL {
	short := *u
	short.Path = rooted(u.Path[len(prefix):])
	if u.RawPath != "" {
		short.RawPath = rooted(u.RawPath[len(prefix):])
	}
	return &short
}

func rooted(path string) string {
	if path == "" {
		return "/"
	}
	return path
}
