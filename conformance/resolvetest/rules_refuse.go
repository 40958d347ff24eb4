package resolvetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func refusingRules() []Rule {
	return []Rule{
		{
			Name: "absent-is-refused",
			Says: "A request that names no tenant is refused with a status of 4xx: there is no default tenant.",
			needs: func(h Harness) string {
				if h.Absent == nil {
					return "Absent"
				}
				return ""
			},
			check: func(p *probe) {
				for _, identifier := range []string{"acme", "default", "public"} {
					p.tenant(identifier)
				}
				h := p.handler(false)
				p.wantRefused(h, p.h.Absent(p.TB), 4, "a request without a tenant")
				t := p.tenant("globex")
				p.wantServed(h, p.request(p.name(t)), t)
				p.wantRefused(h, p.h.Absent(p.TB), 4, "a request without a tenant, after one with a tenant,")
			},
		},
		{
			Name: "unknown-is-refused",
			Says: "A request that names a tenant which does not exist is refused with a status of 4xx.",
			check: func(p *probe) {
				p.tenant("acme")
				p.wantRefused(p.handler(false), p.request(p.unknown()), 4, "an unknown tenant")
			},
		},
		{
			Name: "only-active-is-served",
			Says: "A tenant that is suspended, deleted, being provisioned or in a status that nobody knows is not served.",
			check: func(p *probe) {
				h := p.handler(false)
				for _, status := range []tenancy.Status{
					tenancy.StatusSuspended, tenancy.StatusDeleted, tenancy.StatusProvisioning, "archived", "Active", "",
				} {
					t := p.tenantIn("acme-"+strconv.Itoa(len(p.store.tenants)), status)
					if a := send(h, p.request(p.name(t))); a.served || a.status < 400 {
						p.Errorf("a tenant in status %q: passed on %v, status %d", status, a.served, a.status)
					}
				}
			},
		},
		{
			Name: "malformed-is-refused",
			Says: "A name that no tenant can have is refused with a status of 4xx and never reaches the store.",
			check: func(p *probe) {
				h := p.handler(false)
				p.tenant("acme")
				for _, name := range malformed(p.h.ByID) {
					r := p.h.Request(p.TB, name)
					if r == nil {
						continue
					}
					p.store.lookups()
					p.wantRefused(h, r, 4, fmt.Sprintf("the name %.40q", name))
					for _, key := range p.store.lookups() {
						if key.Validate() != nil {
							p.Errorf("the store was asked for %.40q", key.Value)
						}
					}
				}
			},
		},
		{
			Name: "unclean-path-is-refused",
			Says: "A path that servers read in different ways, because a segment is empty or made of dots, in whatever encoding, is refused with a status of 4xx.",
			needs: func(h Harness) string {
				if h.Path == nil {
					return "Path"
				}
				return ""
			},
			check: func(p *probe) {
				h := p.handler(false)
				t := p.tenant("acme")
				p.tenant("globex")
				for _, rest := range uncleanPaths {
					p.wantRefused(h, p.h.Path(p.TB, p.name(t), rest), 4, fmt.Sprintf("a path with %q behind the name", rest))
				}
				for _, rest := range []string{"", "/", "/orders/7", "/v1..v2/.../file.txt"} {
					p.wantServed(h, p.h.Path(p.TB, p.name(t), rest), t)
				}
			},
		},
		{
			Name: "two-tenants-are-refused",
			Says: "A request that names two tenants is refused with a status of 4xx, whichever of them exist.",
			needs: func(h Harness) string {
				if h.Both == nil {
					return "Both"
				}
				return ""
			},
			check: func(p *probe) {
				h := p.handler(false)
				one, other, unknown := p.name(p.tenant("acme")), p.name(p.tenant("globex")), p.unknown()
				for _, pair := range [][2]string{{one, other}, {other, one}, {one, unknown}, {unknown, one}} {
					p.wantRefused(h, p.h.Both(p.TB, pair[0], pair[1]), 4, fmt.Sprintf("a request for both %s and %s", pair[0], pair[1]))
				}
			},
		},
		{
			Name: "outage-is-503",
			Says: "If the store cannot answer, the answer is 503 with Retry-After, whatever the failure is, and with existence hidden too.",
			check: func(p *probe) {
				p.outages(p.handler(false))
				if p.h.OpenHidden != nil {
					p.outages(p.handler(true))
				}
			},
		},
	}
}

// outages has the store fail in every way that is not an answer.
func (p *probe) outages(h http.Handler) {
	defer p.store.fail(nil)
	name := p.name(p.tenant("acme"))
	for _, failure := range []error{
		tenancy.ErrUnavailable,
		&tenancy.Error{Op: "GetByIdentifier", Err: fmt.Errorf("%w: circuit breaker is open", tenancy.ErrUnavailable)},
		&tenancy.Error{Op: "GetByIdentifier", Err: context.DeadlineExceeded},
		context.DeadlineExceeded,
		tenancy.ErrClosed,
		fmt.Errorf("%w, last seen: %w", tenancy.ErrUnavailable, tenancy.ErrNotFound),
		errors.New("driver: bad connection"),
	} {
		p.store.fail(failure)
		a := send(h, p.request(name))
		if a.served || a.status != http.StatusServiceUnavailable {
			p.Errorf("the store fails with %q: passed on %v, status %d", failure, a.served, a.status)
			continue
		}
		if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || seconds < 1 {
			p.Errorf("the store fails with %q: Retry-After is %q, want seconds", failure, a.header.Get("Retry-After"))
		}
		p.store.fail(nil)
		if a := send(h, p.request(name)); !a.served {
			p.Errorf("after the store failed with %q, a request is not served: status %d", failure, a.status)
		}
	}
}

// uncleanPaths follow the name of acme, and are of globex to one server or another, or
// lead to another site.
var uncleanPaths = []string{
	"/../globex", "/..", "/.", "/./orders", "/orders/../../globex", // as they are sent
	"/%2e%2e/globex", "/%2E%2E/globex", "/.%2e/globex", "/%2e", "/orders/%2e%2e/%2e%2e/globex", // decoded
	"/..%2fglobex", "/..%2Fglobex", "/orders/..%2f..%2fglobex", // with a slash that routers do not see
	"//", "//globex", "//evil.example/", "/orders//7", "/%2fglobex", // empty segments
	"/..%5cglobex", "/%5c%5cevil.example", `/..\globex`, // where a backslash is a slash
	"/..;/globex", "/..;x=1/globex", // where parameters are cut off
	"/%252e%252e/globex", "/..%252fglobex", // where it is decoded twice
}

func malformed(id bool) []string {
	if id {
		return []string{"\x00", "a\x00b", "\xff", strings.Repeat("a", tenancy.MaxIDRunes+1), strings.Repeat("é", 4096)}
	}
	return []string{
		"a", "ab", "-acme", "acme-", "1acme", "ACME", "Acme", "ac me", " acme", "acme ", "acme\n", "acme\x00",
		"acme.globex", "acme/globex", "acme/../globex", "../acme", "..", "acme,globex", "acme;globex", "acme'--",
		"acme_x", "acme%20", "%61cme", "äcme", "аcme", "ａｃｍｅ", "acme\xff", "*", "a*e", "acme:80", "acme@x",
		strings.Repeat("a", tenancy.MaxIdentifierBytes+1), strings.Repeat("a", 100_000),
	}
}
