// Package storetest decides whether a store keeps the contract of package
// tenancy. An adapter, a decorator or a stack of caches runs it unchanged:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Harness{
//			Open: func(tb testing.TB) tenancy.Store {
//				s, err := mystore.Open(tb.Context(), tb.TempDir())
//				if err != nil {
//					tb.Fatal(err)
//				}
//				return s // the suite closes it
//			},
//			Source: true, // it has a change log
//		})
//	}
//
// Each [Rule] is a parallel subtest on a new store, and every failure names its
// rule and says what the rule is; [Rules] lists them. A [Harness] says what else
// the store can do, and how the test can trim its log, cut its connections,
// restore a backup, or edit its rows by hand. What is declared must work; what
// is not declared must fail with [errors.ErrUnsupported]; a rule that needs a
// knob which the harness lacks shows as skipped, with the field's name.
//
// The suite is itself tested by broken stores, at least one for each rule, which
// the rule of that name must reject. [Bench] measures what Run checks.
package storetest
