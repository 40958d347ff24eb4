package resolvetest

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

const canary = "canary-qx7-not-to-be-repeated"

func answerRules() []Rule {
	return []Rule{
		{
			Name: "refusal-is-not-cached",
			Says: "Every refusal says Cache-Control: no-store, so that no cache hides a tenant that is created or resumed later.",
			check: func(p *probe) {
				p.refusals(func(what string, a answer) {
					if !slices.Contains(tokens(a.header["Cache-Control"]), "no-store") {
						p.Errorf("%s: status %d with Cache-Control %q", what, a.status, a.header["Cache-Control"])
					}
				})
			},
		},
		{
			Name: "refusal-repeats-nothing",
			Says: "No refusal repeats what the client sent, nor tells what failed inside or how the tenant is called.",
			check: func(p *probe) {
				p.refusals(func(what string, a answer) {
					if all := strings.ToLower(a.everything()); strings.Contains(all, "canary") {
						p.Errorf("%s: the answer is\n%s", what, all)
					}
				})
			},
		},
		{
			Name: "responses-vary",
			Says: "Every response, a refusal too, varies by the headers that the tenant depends on, and keeps what Vary said before.",
			needs: func(h Harness) string {
				if len(h.Vary) == 0 {
					return "Vary"
				}
				return ""
			},
			check: func(p *probe) {
				wants := func(what string, a answer) {
					got := tokens(a.header["Vary"])
					for _, name := range p.h.Vary {
						if !slices.Contains(got, strings.ToLower(name)) {
							p.Errorf("%s: status %d with Vary %q, which lacks %s", what, a.status, a.header["Vary"], name)
						}
					}
				}
				p.refusals(wants)
				h := p.handler(false)
				t := p.tenant("acme")
				wants("a request that is served", p.wantServed(h, p.request(p.name(t)), t))
				before := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Vary", "Accept-Encoding")
					h.ServeHTTP(w, r)
				})
				a := send(before, p.request(p.name(t)))
				wants("a request whose response varies already", a)
				if !slices.Contains(tokens(a.header["Vary"]), "accept-encoding") {
					p.Errorf("Vary: Accept-Encoding was lost: %q", a.header["Vary"])
				}
			},
		},
		{
			Name: "hidden-looks-unknown",
			Says: "With existence hidden, a tenant that is not served is answered as one that does not exist: status, headers and body.",
			needs: func(h Harness) string {
				if h.OpenHidden == nil {
					return "OpenHidden"
				}
				return ""
			},
			check: func(p *probe) {
				h := p.handler(true)
				unknown := p.wantRefused(h, p.request(p.unknown()), 4, "an unknown tenant").everything()
				for _, status := range []tenancy.Status{
					tenancy.StatusSuspended, tenancy.StatusDeleted, tenancy.StatusProvisioning, "archived",
				} {
					t := p.tenantIn("hidden-"+string(status), status)
					got := p.wantRefused(h, p.request(p.name(t)), 4, "a tenant in status "+string(status)).everything()
					if got != unknown {
						p.Errorf("a tenant in status %s is answered\n%s\nand an unknown one\n%s", status, got, unknown)
					}
				}
				t := p.tenant("acme")
				p.wantServed(h, p.request(p.name(t)), t)
			},
		},
	}
}

// refusals provokes a refusal of every kind.
func (p *probe) refusals(judge func(what string, a answer)) {
	p.Helper()
	refused := func(what string, r *http.Request) {
		p.Helper()
		if r == nil {
			return
		}
		a := send(p.handler(false), r)
		if a.served {
			p.Errorf("%s was passed on", what)
			return
		}
		judge(what, a)
	}
	unknown := canary
	if p.h.ByID {
		unknown = canary + tenancy.NewID()
	}
	refused("an unknown tenant", p.request(unknown))
	refused("a malformed name", p.h.Request(p.TB, "-"+canary+"!"))
	for _, status := range []tenancy.Status{tenancy.StatusSuspended, tenancy.StatusDeleted, tenancy.StatusProvisioning, "canary"} {
		t := tenancy.Tenant{ID: tenancy.NewID(), Identifier: "canary-" + string(status), Name: "canary", Status: status}
		p.store.put(t)
		refused("a tenant in status "+string(status), p.request(p.name(t)))
	}
	if p.h.Absent != nil {
		refused("a request without a tenant", p.h.Absent(p.TB))
	}
	if p.h.Both != nil {
		refused("a request for two tenants", p.h.Both(p.TB, unknown, p.unknown()))
	}
	p.store.fail(driver.ErrorIn("canary", tenancy.IdentifierKey(canary), tenancy.ErrUnavailable))
	refused("a request during an outage", p.request(unknown))
	p.store.fail(nil)
}

// tokens returns the comma-separated values of the lines, in lower case.
func tokens(lines []string) []string {
	var all []string
	for _, line := range lines {
		for t := range strings.SplitSeq(line, ",") {
			all = append(all, strings.ToLower(textproto.TrimString(t)))
		}
	}
	return all
}
