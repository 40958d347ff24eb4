package carry

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// The keys in a Carrier.
const (
	KeyID       = "tenant-id"
	KeyRevision = "tenant-revision"
)

// Carrier is what carries texts under keys, such as the headers of a message: [http.Header],
// nats.Header, and every propagation.TextMapCarrier of OpenTelemetry. Get returns "" for a key
// that is not there.
type Carrier interface {
	Get(key string) string
	Set(key, value string)
}

// Inject puts the tenant of ctx into c, in ASCII. Without a tenant it fails with
// [resolve.ErrAbsent], and changes nothing.
func Inject(ctx context.Context, c Carrier) error {
	t, ok := tenancy.FromContext(ctx)
	if !ok {
		return &tenancy.Error{Op: "Inject", Err: resolve.ErrAbsent}
	}
	c.Set(KeyID, url.QueryEscape(t.ID))
	c.Set(KeyRevision, strconv.FormatInt(int64(t.Revision), 10))
	return nil
}

// Extract returns a copy of ctx with the tenant in c, as the store has it now; policy says
// which statuses are served. If the getter is a [tenancy.Source], the tenant is not older than it
// was at Inject.
//
// The error wraps [resolve.ErrNotServed] if the tenant is not served, [resolve.ErrAbsent] if c
// has none, and [tenancy.ErrInvalid] if c has what Inject does not write. [resolve.IsOutage]
// reports it if the store cannot answer, or ctx has ended: only then may the same work succeed
// later, apart from a tenant that is activated again. A tenant in ctx must be the same.
func Extract(ctx context.Context, getter tenancy.Getter, policy resolve.Policy, c Carrier) (context.Context, error) {
	m, err := Parse(c.Get(KeyID), c.Get(KeyRevision))
	if err != nil {
		return nil, &tenancy.Error{Op: "Extract", Err: err}
	}
	policy.Optional = false // what was carried is a tenant, or an error
	d := policy.Decide(ctx, getter, m, nil)
	if err := d.Refusal(); err != nil {
		return nil, &tenancy.Error{Op: "Extract", ID: m.Key.Value, Err: err}
	}
	return tenancy.NewContext(ctx, d.Tenant), nil
}

// Parse returns what Inject has put under [KeyID] and [KeyRevision], for a resolver: it is
// looked up as it was at Inject or later. The error wraps [resolve.ErrAbsent] if there is no ID,
// and [tenancy.ErrInvalid] if it is none that Inject writes.
func Parse(id, revision string) (resolve.Match, error) {
	m := resolve.Match{Resolver: resolve.NameCarried}
	if id == "" {
		return m, resolve.ErrAbsent
	}
	id, err := url.QueryUnescape(id)
	if err != nil {
		return m, fmt.Errorf("%w: %s is not escaped as Inject does", tenancy.ErrInvalid, KeyID)
	}
	m.Key = tenancy.IDKey(id)
	if revision != "" {
		n, err := strconv.ParseInt(revision, 10, 64)
		if err != nil {
			return m, fmt.Errorf("%w: %s is no number", tenancy.ErrInvalid, KeyRevision)
		}
		m.Min = tenancy.Revision(n)
	}
	return m, nil
}
