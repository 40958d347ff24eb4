package resolvetest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/internal/mutation"
	"github.com/go-tenancy/tenantstore/conformance/internal/recorder"
	"github.com/go-tenancy/tenantstore/conformance/resolvetest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// mutant is a middleware that breaks one rule.
type mutant struct {
	rule  string // that must reject it
	how   string // what it does wrong
	spoil func(m *middleware) http.Handler
}

// part makes a mutant of one that changes a part in place.
func part(spoil func(m *middleware)) func(*middleware) http.Handler {
	return func(m *middleware) http.Handler {
		spoil(m)
		return m
	}
}

func mutants() []mutant {
	return []mutant{
		{"tenant-in-context", "passes on without a tenant", part(func(m *middleware) {
			m.pass = func(w http.ResponseWriter, r *http.Request, _ tenancy.Tenant) { m.next.ServeHTTP(w, r) }
		})},
		{"tenant-in-context", "passes on half a tenant", part(func(m *middleware) {
			pass := m.pass
			m.pass = func(w http.ResponseWriter, r *http.Request, t tenancy.Tenant) { pass(w, r, tenancy.Tenant{ID: t.ID}) }
		})},
		{"tenant-in-context", "refuses everybody", part(func(m *middleware) {
			m.serves = func(tenancy.Tenant) bool { return false }
		})},
		{"requests-do-not-mix", "keeps the tenant of the last request", part(func(m *middleware) {
			var mu sync.Mutex
			var last tenancy.Tenant
			get, pass := m.get, m.pass
			m.get = func(ctx context.Context, name string) (tenancy.Tenant, error) {
				t, err := get(ctx, name)
				mu.Lock()
				defer mu.Unlock()
				last = t
				return t, err
			}
			m.pass = func(w http.ResponseWriter, r *http.Request, _ tenancy.Tenant) {
				runtime.Gosched() // whatever else it does before
				mu.Lock()
				t := last
				mu.Unlock()
				pass(w, r, t)
			}
		})},
		{"one-lookup", "looks twice", part(func(m *middleware) {
			get := m.get
			m.get = func(ctx context.Context, name string) (tenancy.Tenant, error) {
				if _, err := get(ctx, name); err != nil {
					return tenancy.Tenant{}, err
				}
				return get(ctx, name)
			}
		})},
		{"one-lookup", "tries the ID too", part(func(m *middleware) {
			get := m.get
			m.get = func(ctx context.Context, name string) (tenancy.Tenant, error) {
				t, err := get(ctx, name)
				if errors.Is(err, tenancy.ErrNotFound) {
					return m.getter.GetByID(ctx, name)
				}
				return t, err
			}
		})},
		{"change-is-seen", "caches tenants", part(func(m *middleware) {
			get, known := m.get, sync.Map{}
			m.get = func(ctx context.Context, name string) (tenancy.Tenant, error) {
				if t, ok := known.Load(name); ok {
					return t.(tenancy.Tenant), nil
				}
				t, err := get(ctx, name)
				if err == nil {
					known.Store(name, t)
				}
				return t, err
			}
		})},
		{"change-is-seen", "goes on serving who was removed", part(func(m *middleware) {
			get, known := m.get, sync.Map{}
			m.get = func(ctx context.Context, name string) (tenancy.Tenant, error) {
				t, err := get(ctx, name)
				if err == nil {
					known.Store(name, t)
				} else if old, ok := known.Load(name); ok {
					t, err = old.(tenancy.Tenant), nil
				}
				return t, err
			}
		})},
		{"lookup-has-the-request-context", "looks up without a context", part(func(m *middleware) {
			get := m.get
			m.get = func(_ context.Context, name string) (tenancy.Tenant, error) { return get(context.Background(), name) }
		})},
		{"lookup-has-the-request-context", "ignores cancellation", part(func(m *middleware) {
			get := m.get
			m.get = func(ctx context.Context, name string) (tenancy.Tenant, error) {
				return get(context.WithoutCancel(ctx), name)
			}
		})},
		{"answer-passes", "hides the ResponseWriter", part(func(m *middleware) {
			pass := m.pass
			m.pass = func(w http.ResponseWriter, r *http.Request, t tenancy.Tenant) {
				pass(struct{ http.ResponseWriter }{w}, r, t)
			}
		})},
		{"answer-passes", "answers itself", part(func(m *middleware) {
			pass := m.pass
			m.pass = func(w http.ResponseWriter, r *http.Request, t tenancy.Tenant) {
				w.WriteHeader(http.StatusOK)
				pass(w, r, t)
			}
		})},
		{"request-is-left-alone", "changes the request in place", part(func(m *middleware) {
			m.pass = func(w http.ResponseWriter, r *http.Request, t tenancy.Tenant) {
				*r = *r.WithContext(tenancy.NewContext(r.Context(), t))
				m.next.ServeHTTP(w, r)
			}
		})},
		{"request-is-left-alone", "strips the header of the caller", part(func(m *middleware) {
			pass := m.pass
			m.pass = func(w http.ResponseWriter, r *http.Request, t tenancy.Tenant) {
				r.Header.Del("X-Tenant")
				pass(w, r, t)
			}
		})},
		{"request-is-left-alone", "rewrites the path of the caller", part(func(m *middleware) {
			pass := m.pass
			m.pass = func(w http.ResponseWriter, r *http.Request, t tenancy.Tenant) {
				r.URL.Path = "/"
				pass(w, r, t)
			}
		})},
		{"context-tenant-is-kept", "replaces the tenant of the context", part(func(m *middleware) {
			m.inOuter = func(tenancy.Tenant, string) bool { return true }
		})},
		{"absent-is-refused", "has a default tenant", part(func(m *middleware) {
			names := m.names
			m.names = func(r *http.Request) []string {
				if found := names(r); len(found) > 0 {
					return found
				}
				return []string{"acme"}
			}
		})},
		{"absent-is-refused", "passes on without a tenant", func(m *middleware) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if len(m.names(r)) == 0 {
					m.next.ServeHTTP(w, r)
					return
				}
				m.ServeHTTP(w, r)
			})
		}},
		{"absent-is-refused", "remembers the last tenant", part(func(m *middleware) {
			names, last := m.names, []string(nil)
			m.names = func(r *http.Request) []string {
				if found := names(r); len(found) > 0 {
					last = found
				}
				return last
			}
		})},
		{"unknown-is-refused", "makes up unknown tenants", part(func(m *middleware) {
			get := m.get
			m.get = func(ctx context.Context, name string) (tenancy.Tenant, error) {
				t, err := get(ctx, name)
				if errors.Is(err, tenancy.ErrNotFound) {
					return tenancy.Tenant{Identifier: name, Status: tenancy.StatusActive}, nil
				}
				return t, err
			}
		})},
		{"unknown-is-refused", "calls it a fault of its own", part(func(m *middleware) {
			m.status = func(error) int { return http.StatusInternalServerError }
		})},
		{"only-active-is-served", "serves everybody", part(func(m *middleware) {
			m.serves = func(tenancy.Tenant) bool { return true }
		})},
		{"only-active-is-served", "serves all but the suspended and the deleted", part(func(m *middleware) {
			m.serves = func(t tenancy.Tenant) bool {
				return t.Status != tenancy.StatusSuspended && t.Status != tenancy.StatusDeleted
			}
		})},
		{"only-active-is-served", "serves statuses that it does not know", part(func(m *middleware) {
			m.serves = func(t tenancy.Tenant) bool { return t.Status == tenancy.StatusActive || !t.Status.Known() }
		})},
		{"only-active-is-served", "answers 200", part(func(m *middleware) {
			status := m.status
			m.status = func(err error) int {
				if errors.Is(err, errNotServed) {
					return http.StatusOK
				}
				return status(err)
			}
		})},
		{"malformed-is-refused", "folds case", part(func(m *middleware) {
			names := m.names
			m.names = func(r *http.Request) []string {
				var folded []string
				for _, name := range names(r) {
					folded = append(folded, strings.ToLower(name))
				}
				return folded
			}
		})},
		{"malformed-is-refused", "trims", part(func(m *middleware) {
			names := m.names
			m.names = func(r *http.Request) []string {
				var trimmed []string
				for _, name := range names(r) {
					trimmed = append(trimmed, strings.TrimSpace(name))
				}
				return trimmed
			}
		})},
		{"malformed-is-refused", "takes what is before the first odd character", part(func(m *middleware) {
			names := m.names
			m.names = func(r *http.Request) []string {
				var cut []string
				for _, name := range names(r) {
					if i := strings.IndexAny(name, ".:/,"); i > 0 {
						name = name[:i]
					}
					cut = append(cut, name)
				}
				return cut
			}
		})},
		{"malformed-is-refused", "leaves the check to the store", func(m *middleware) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if names := m.names(r); len(names) == 1 {
					if _, err := m.get(r.Context(), names[0]); err != nil {
						m.refuse(w, r, m.status(err), err)
						return
					}
				}
				m.ServeHTTP(w, r)
			})
		}},
		{"unclean-path-is-refused", "does not look at the path", part(func(m *middleware) {
			m.clean = func(*http.Request) bool { return true }
		})},
		{"unclean-path-is-refused", "looks at the path as it was sent", part(func(m *middleware) {
			m.clean = func(r *http.Request) bool { return allNamed(r.URL.EscapedPath()) }
		})},
		{"unclean-path-is-refused", "looks at the path as it was decoded", part(func(m *middleware) {
			m.clean = func(r *http.Request) bool { return allNamed(r.URL.Path) }
		})},
		{"unclean-path-is-refused", "lets through what is encoded twice", part(func(m *middleware) {
			m.clean = func(r *http.Request) bool { return allNamed(strings.ReplaceAll(r.URL.Path, `\`, "/")) }
		})},
		{"unclean-path-is-refused", "lets empty segments through", part(func(m *middleware) {
			m.clean = func(r *http.Request) bool {
				r = r.Clone(r.Context())
				for r.URL.RawPath = ""; strings.Contains(r.URL.Path, "//"); {
					r.URL.Path = strings.ReplaceAll(r.URL.Path, "//", "/")
				}
				return isClean(r)
			}
		})},
		{"unclean-path-is-refused", "cleans the path", func(m *middleware) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				clean := r.Clone(r.Context())
				clean.URL.Path, clean.URL.RawPath = path.Clean(r.URL.Path), ""
				m.ServeHTTP(w, clean)
			})
		}},
		{"unclean-path-is-refused", "lets only the name through", part(func(m *middleware) {
			m.clean = func(r *http.Request) bool { return strings.Count(r.URL.EscapedPath(), "/") <= 2 }
		})},
		{"two-tenants-are-refused", "takes the first", part(func(m *middleware) {
			names := m.names
			m.names = func(r *http.Request) []string { return names(r)[:1] }
		})},
		{"two-tenants-are-refused", "takes the one that exists", part(func(m *middleware) {
			names := m.names
			m.names = func(r *http.Request) []string {
				var exist []string
				for _, name := range names(r) {
					if _, err := m.get(r.Context(), name); err == nil {
						exist = append(exist, name)
					}
				}
				return exist
			}
		})},
		{"outage-is-503", "answers 404", part(func(m *middleware) {
			m.status = func(error) int { return http.StatusNotFound }
		})},
		{"outage-is-503", "answers 500 to what it does not know", part(func(m *middleware) {
			status := m.status
			m.status = func(err error) int {
				if e := (*tenancy.Error)(nil); status(err) == http.StatusServiceUnavailable && !errors.As(err, &e) {
					return http.StatusInternalServerError
				}
				return status(err)
			}
		})},
		{"outage-is-503", "believes that what is not there was deleted", part(func(m *middleware) {
			status := m.status
			m.status = func(err error) int {
				if errors.Is(err, tenancy.ErrNotFound) {
					return http.StatusNotFound
				}
				return status(err)
			}
		})},
		{"outage-is-503", "has a tenant for bad times", part(func(m *middleware) {
			get := m.get
			m.get = func(ctx context.Context, name string) (tenancy.Tenant, error) {
				t, err := get(ctx, name)
				if errors.Is(err, tenancy.ErrUnavailable) {
					return tenancy.Tenant{ID: "default", Status: tenancy.StatusActive}, nil
				}
				return t, err
			}
		})},
		{"outage-is-503", "does not say when to retry", part(func(m *middleware) {
			refuse := m.refuse
			m.refuse = func(w http.ResponseWriter, r *http.Request, status int, err error) {
				refuse(withoutHeader{w, "Retry-After"}, r, status, err)
			}
		})},
		{"outage-is-503", "hides outages too", part(func(m *middleware) {
			status := m.status
			m.status = func(err error) int {
				if m.hidden {
					return http.StatusNotFound
				}
				return status(err)
			}
		})},
		{"refusal-is-not-cached", "lets caches decide", part(func(m *middleware) {
			refuse := m.refuse
			m.refuse = func(w http.ResponseWriter, r *http.Request, status int, err error) {
				refuse(withoutHeader{w, "Cache-Control"}, r, status, err)
			}
		})},
		{"refusal-is-not-cached", "forbids it for errors of its own", part(func(m *middleware) {
			refuse := m.refuse
			m.refuse = func(w http.ResponseWriter, r *http.Request, status int, err error) {
				if status < 500 {
					w = withoutHeader{w, "Cache-Control"}
				}
				refuse(w, r, status, err)
			}
		})},
		{"refusal-repeats-nothing", "says which tenant it did not find", part(func(m *middleware) {
			refuse := m.refuse
			m.refuse = func(w http.ResponseWriter, r *http.Request, status int, err error) {
				refuse(w, r, status, err)
				_, _ = fmt.Fprintf(w, "%v: %s", m.names(r), http.StatusText(status))
			}
		})},
		{"refusal-repeats-nothing", "sends the error", part(func(m *middleware) {
			refuse := m.refuse
			m.refuse = func(w http.ResponseWriter, r *http.Request, status int, err error) {
				refuse(w, r, status, err)
				_, _ = io.WriteString(w, err.Error())
			}
		})},
		{"refusal-repeats-nothing", "has the tenant in a header", part(func(m *middleware) {
			refuse := m.refuse
			m.refuse = func(w http.ResponseWriter, r *http.Request, status int, err error) {
				w.Header().Set("X-Tenant", strings.Join(m.names(r), ""))
				refuse(w, r, status, err)
			}
		})},
		{"responses-vary", "does not vary", func(m *middleware) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.ServeHTTP(withoutHeader{w, "Vary"}, r) })
		}},
		{"responses-vary", "varies what it serves", part(func(m *middleware) {
			refuse := m.refuse
			m.refuse = func(w http.ResponseWriter, r *http.Request, status int, err error) {
				w.Header().Del("Vary")
				refuse(w, r, status, err)
			}
		})},
		{"responses-vary", "forgets what varied before", func(m *middleware) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Del("Vary")
				m.ServeHTTP(w, r)
			})
		}},
		{"hidden-looks-unknown", "tells the suspended", part(func(m *middleware) {
			m.hidden = false
		})},
		{"hidden-looks-unknown", "asks to retry", part(func(m *middleware) {
			refuse := m.refuse
			m.refuse = func(w http.ResponseWriter, r *http.Request, status int, err error) {
				if errors.Is(err, errNotServed) {
					w.Header().Set("Retry-After", "60")
				}
				refuse(w, r, status, err)
			}
		})},
		{"hidden-looks-unknown", "has a body of its own", part(func(m *middleware) {
			refuse := m.refuse
			m.refuse = func(w http.ResponseWriter, r *http.Request, status int, err error) {
				refuse(w, r, status, err)
				if errors.Is(err, errNotServed) {
					_, _ = io.WriteString(w, "not now")
				}
			}
		})},
	}
}

// withoutHeader drops a header when the status is written.
type withoutHeader struct {
	http.ResponseWriter
	name string
}

func (w withoutHeader) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w withoutHeader) WriteHeader(status int) {
	w.Header().Del(w.name)
	w.ResponseWriter.WriteHeader(status)
}

func TestEveryMutantIsRejectedByItsRule(t *testing.T) {
	suite := mutation.Suite[resolvetest.Rule, resolvetest.Harness]{Rules: resolvetest.Rules(), Text: text, Check: resolvetest.Rule.Check}
	for _, m := range mutants() {
		suite.Mutants = append(suite.Mutants, mutation.Mutant[resolvetest.Harness]{Rule: m.rule, How: m.how, Sound: harness(nil), Broken: harness(m.spoil)})
	}
	suite.Test(t)
}

func TestHarnessFieldsAreNamed(t *testing.T) {
	got := recorder.Record(t, func(tb testing.TB) { resolvetest.Rules()[0].Check(tb, resolvetest.Harness{}) })
	if !strings.Contains(got.Text(), "Harness.Open") {
		t.Errorf("a harness without Open: got %q", got.Text())
	}
	least := resolvetest.Harness{Open: harness(nil).Open, Request: harness(nil).Request}
	for _, r := range resolvetest.Rules() {
		got := recorder.Record(t, func(tb testing.TB) { r.Check(tb, least) })
		if got.Failed() || got.Skipped != "" && !strings.Contains(got.Skipped, "Harness.") {
			t.Errorf("rule %s: %s%s", r.Name, got.Text(), got.Skipped)
		}
	}
}

// A middleware that hides the ResponseWriter is not told that it refuses requests.
func TestHiddenResponseWriterIsNamed(t *testing.T) {
	h := harness(func(m *middleware) http.Handler {
		m.pass = func(w http.ResponseWriter, r *http.Request, t tenancy.Tenant) {
			m.next.ServeHTTP(struct{ http.ResponseWriter }{w}, r.WithContext(tenancy.NewContext(r.Context(), t)))
		}
		return m
	})
	got := recorder.Record(t, func(tb testing.TB) { resolvetest.Rules()[0].Check(tb, h) })
	if !got.Failed() || !strings.Contains(got.Text(), "Unwrap") {
		t.Errorf("got %q", got.Text())
	}
}
