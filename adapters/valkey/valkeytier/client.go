package valkeytier

import (
	"net"
	"slices"
	"strings"
	"time"

	"github.com/valkey-io/valkey-go"
)

// The settings of the client that keep its calls short, where the user left them
// open. valkey-go's own let a call on a hung server take 10 s.
const (
	dialTimeout  = 100 * time.Millisecond // connecting, and again for the handshake
	keepAlive    = 200 * time.Millisecond // an idle connection is pinged so often
	writeTimeout = 200 * time.Millisecond // a connection that does not answer for so long, or for the deadline of a call, is given up

	// flushDelay is how long commands wait for others to be sent with them, if
	// there are others. It is the value that valkey-go's documentation names. Sixteen
	// goroutines and more get a quarter more lookups done with it, two to eight a
	// tenth fewer (BenchmarkGet).
	flushDelay = 20 * time.Microsecond

	// sentinelRefresh is how often the master is asked for besides listening to
	// the sentinels: a missed message would bind the client to the old one.
	sentinelRefresh = 5 * time.Second
)

// bounded returns option with the settings that a cache needs whose calls have this
// deadline.
func bounded(option valkey.ClientOption, deadline time.Duration) (valkey.ClientOption, error) {
	switch {
	case len(option.InitAddress) == 0:
		return option, invalid("ClientOption.InitAddress is empty")
	case option.DialFn == nil && option.DialCtxFn == nil && slices.ContainsFunc(option.InitAddress, isNoAddress):
		return option, invalid("each of ClientOption.InitAddress must be host:port; valkey.ParseURL makes a ClientOption of a URL")
	case option.SendToReplicas != nil || option.ReplicaOnly || len(option.Standalone.ReplicaAddress) > 0:
		return option, invalid("leases and entries live on the primary: use no SendToReplicas, ReplicaOnly or ReplicaAddress")
	}
	option.DisableCache = true     // client-side caching: the tier above is that
	option.DisableRetry = true     // retries know no deadline of ours
	option.AlwaysPipelining = true // a caller who leaves does not break a connection
	setDefault(&option.ConnWriteTimeout, max(writeTimeout, deadline))
	setDefault(&option.MaxFlushDelay, flushDelay)
	setDefault(&option.Dialer.Timeout, dialTimeout)
	setDefault(&option.Dialer.KeepAlive, keepAlive)
	setDefault(&option.ClientName, "tenantstore")
	if option.Sentinel.MasterSet != "" {
		setDefault(&option.Sentinel.TopologyRefreshInterval, sentinelRefresh)
		setDefault(&option.Sentinel.Dialer.Timeout, dialTimeout)
		setDefault(&option.Sentinel.Dialer.KeepAlive, keepAlive)
	}
	return option, nil
}

// isNoAddress finds URLs above all: errors of the client that are logged would show
// what is in them, the password too.
func isNoAddress(address string) bool {
	_, _, err := net.SplitHostPort(address)
	return err != nil || strings.ContainsAny(address, "/@")
}

func setDefault[T comparable](setting *T, value T) {
	var zero T
	if *setting == zero {
		*setting = value
	}
}
