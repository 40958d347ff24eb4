package valkeytier_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "16") // those that are parallel wait for most of their time
	// After an attempt to connect that failed, valkey-go thinks about the topology
	// of a cluster once more, a second later, and then ends.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valkey-io/valkey-go.(*call).DelayDo.func1"))
}
