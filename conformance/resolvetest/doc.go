// Package resolvetest decides whether a middleware finds the tenant of a request
// safely: a resolver of tenancyhttp inside its middleware, or anything else of
// net/http that puts a tenant into the context. Who writes one runs it:
//
//	func TestResolver(t *testing.T) {
//		resolvetest.Run(t, resolvetest.Harness{
//			Open: func(tb testing.TB, getter tenancy.Getter, next http.Handler) http.Handler {
//				tenant, err := tenancyhttp.NewMiddleware(getter, myResolver{})
//				if err != nil {
//					tb.Fatal(err)
//				}
//				return tenant(next)
//			},
//			Request: func(tb testing.TB, name string) *http.Request {
//				r := httptest.NewRequest("GET", "/", nil)
//				r.Header.Set("X-Tenant", name)
//				return r
//			},
//		})
//	}
//
// Each [Rule] is a parallel subtest with a store of its own, and every failure
// names its rule and says what the rule is. The suite is itself tested by broken
// middlewares, which the rules must reject.
package resolvetest
