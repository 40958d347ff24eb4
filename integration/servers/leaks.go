//go:build unix

package servers

import (
	"testing"

	"go.uber.org/goleak"
)

// VerifyTestMain is [goleak.VerifyTestMain] for tests and benchmarks that may use
// valkey-go. Each goroutine that it leaves behind ends by itself.
func VerifyTestMain(m *testing.M, options ...goleak.Option) {
	goleak.VerifyTestMain(m, append(options,
		// After a connection that failed, it looks at the topology of a cluster once
		// more, up to a second later.
		goleak.IgnoreAnyFunction("github.com/valkey-io/valkey-go.(*call).DelayDo.func1"),
		// It closes the connections of a shard that is gone five seconds later.
		goleak.IgnoreAnyFunction("github.com/valkey-io/valkey-go.(*clusterClient)._refresh.func2"),
		// It closes a connection that the server told it to replace five seconds later.
		goleak.IgnoreAnyFunction("github.com/valkey-io/valkey-go.(*clusterClient).redirectOrNew.func1"))...)
}
