// Package tiertest decides whether a cache keeps the contract of [tier.LocalCache] or
// [tier.SharedCache], and whether a stack of them is coherent. An adapter runs both:
//
//	func TestCache(t *testing.T) {
//		tiertest.RunShared(t, tiertest.SharedHarness{
//			Open: func(tb testing.TB) tier.SharedCache { return open(tb) }, // the suite closes it
//		})
//	}
//
// [RunLocal] and [RunShared] check one cache against each [Rule] in a
// parallel subtest. Every failure names its rule and says what the rule is; a
// rule that needs more of the harness shows as skipped, with the reason.
//
// [RunStack] lets several nodes read and write at random while everything fails
// that a test can make fail, and judges every read: no node goes back, each node
// reads what it wrote, and all agree with the database in the end. The doubles of
// package faults are made for it.
//
// Both are themselves tested by broken caches and broken stacks, which they must
// reject.
package tiertest
