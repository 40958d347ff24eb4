// Package bustest decides whether a bus keeps the contract of [tier.Bus]. An
// adapter runs it:
//
//	func TestBus(t *testing.T) {
//		bustest.Run(t, bustest.Harness{
//			Open: func(tb testing.TB) tier.Bus { return open(tb) }, // the suite closes it
//		})
//	}
//
// Each [Rule] is a parallel subtest on a new bus, and every failure names its rule
// and says what the rule is. The suite is itself tested by broken buses, which the
// rules must reject.
package bustest
