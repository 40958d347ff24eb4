package resolvetest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func servingRules() []Rule {
	return []Rule{
		{
			Name: "tenant-in-context",
			Says: "The next handler finds the tenant that the request names in its context, as the store has it.",
			check: func(p *probe) {
				h := p.handler(false)
				for _, identifier := range []string{"acme", "globex", "a-1", "xn--bcher-kva"} {
					t := p.tenant(identifier)
					p.wantServed(h, p.request(p.name(t)), t)
				}
			},
		},
		{
			Name: "requests-do-not-mix",
			Says: "Requests at the same time get each its own tenant.",
			check: func(p *probe) {
				h := p.handler(false)
				var all sync.WaitGroup
				for i := range 8 {
					t := p.tenant(fmt.Sprintf("tenant-%d", i))
					r := p.request(p.name(t))
					all.Go(func() {
						for range 200 {
							if a := send(h, r.Clone(r.Context())); a.tenant.ID != t.ID {
								p.Errorf("a request for %s got %q and status %d", t.Identifier, a.tenant.Identifier, a.status)
								return
							}
						}
					})
				}
				all.Wait()
			},
		},
		{
			Name: "one-lookup",
			Says: "A request costs one lookup in the store, under the key that it names.",
			check: func(p *probe) {
				h := p.handler(false)
				for _, name := range []string{p.name(p.tenant("acme")), p.unknown()} {
					send(h, p.request(name))
					if asked := p.store.lookups(); len(asked) != 1 || asked[0].Value != name {
						p.Errorf("a request for %q asked for %v", name, asked)
					}
				}
			},
		},
		{
			Name: "change-is-seen",
			Says: "A tenant that is suspended or removed is not served by the next request: whether to cache is the store's business.",
			check: func(p *probe) {
				h := p.handler(false)
				t := p.tenant("acme")
				p.wantServed(h, p.request(p.name(t)), t)
				t.Status = tenancy.StatusSuspended
				p.store.put(t)
				p.wantRefused(h, p.request(p.name(t)), 4, "a tenant that was suspended meanwhile")
				t.Status, t.Name = tenancy.StatusActive, "Acme again"
				p.store.put(t)
				p.wantServed(h, p.request(p.name(t)), t)
				p.store.remove(t.ID)
				p.wantRefused(h, p.request(p.name(t)), 4, "a tenant that was removed meanwhile")
			},
		},
		{
			Name: "lookup-has-the-request-context",
			Says: "The lookup gets the context of the request: its values, its deadline and its end.",
			check: func(p *probe) {
				type key struct{}
				h := p.handler(false)
				r := p.request(p.name(p.tenant("acme")))
				ctx, cancel := context.WithCancel(context.WithValue(r.Context(), key{}, "here"))
				defer cancel()
				send(h, r.WithContext(ctx))
				got := p.store.context()
				if got == nil {
					p.Fatalf("there was no lookup")
				}
				if got.Value(key{}) != "here" {
					p.Errorf("a value of the request's context is missing")
				}
				cancel()
				if got.Err() == nil {
					p.Errorf("the context of the lookup does not end with that of the request")
				}
			},
		},
		{
			Name: "answer-passes",
			Says: "What the handler answers is sent as it is, and flushing works through http.ResponseController.",
			check: func(p *probe) {
				h := p.h.Open(p.TB, p.store, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("X-Answer", "yes")
					w.WriteHeader(http.StatusTeapot)
					_, _ = io.WriteString(w, "short and stout")
					if err := http.NewResponseController(w).Flush(); err != nil {
						p.Errorf("Flush: %v", err)
					}
				}))
				w := httptest.NewRecorder()
				h.ServeHTTP(w, p.request(p.name(p.tenant("acme"))))
				if w.Code != http.StatusTeapot || w.Body.String() != "short and stout" || w.Header().Get("X-Answer") != "yes" || !w.Flushed {
					p.Errorf("got %d %v %q, flushed %v", w.Code, w.Header(), w.Body, w.Flushed)
				}
			},
		},
		{
			Name: "request-is-left-alone",
			Says: "The caller's request is not changed: the tenant is in a copy.",
			check: func(p *probe) {
				h := p.handler(false)
				r := p.request(p.name(p.tenant("acme")))
				before, url, header := r.Clone(r.Context()), *r.URL, fmt.Sprint(r.Header)
				send(h, r)
				if _, has := tenancy.FromContext(r.Context()); has {
					p.Errorf("the tenant is in the context of the caller's request")
				}
				if *r.URL != url || r.Host != before.Host || fmt.Sprint(r.Header) != header {
					p.Errorf("the request was %s %s %s, and is now %s %s %v", before.Host, &url, header, r.Host, r.URL, r.Header)
				}
			},
		},
		{
			Name: "context-tenant-is-kept",
			Says: "A request that has a tenant in its context already is not served as another.",
			check: func(p *probe) {
				h := p.handler(false)
				outer, other := p.tenant("acme"), p.tenant("globex")
				with := func(name string) *http.Request {
					r := p.request(name)
					return r.WithContext(tenancy.NewContext(r.Context(), outer))
				}
				p.wantServed(h, with(p.name(outer)), outer)
				p.wantRefused(h, with(p.name(other)), 4, "a request for another tenant than that of its context")
			},
		},
	}
}
