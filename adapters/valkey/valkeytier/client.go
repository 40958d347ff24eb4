package valkeytier

import (
	"time"

	"github.com/valkey-io/valkey-go"
)

// The settings of the client that keep its calls short, where the user left them
// open. valkey-go's own let a call on a hung server take 10 s.
const (
	dialTimeout  = 100 * time.Millisecond // connecting, and again for the handshake; the deadline of a call if that is longer, 5 s at most
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
	if option.SendToReplicas != nil || option.ReplicaOnly || len(option.Standalone.ReplicaAddress) > 0 {
		return option, invalid("leases and entries live on the primary: use no SendToReplicas, ReplicaOnly or ReplicaAddress")
	}
	if option.DialFn == nil && option.DialCtxFn == nil {
		var err error
		if option.InitAddress, err = addresses(option.InitAddress); err != nil {
			return option, err
		}
	}
	option.DisableCache = true     // client-side caching: the tier above is that
	option.DisableRetry = true     // retries know no deadline of ours
	option.AlwaysPipelining = true // a caller who leaves does not break a connection
	// Not all connections are made at the start: a call may have to wait for one. But
	// who waits for one that another call makes does so past the end of its context.
	connecting := min(max(dialTimeout, deadline), valkey.DefaultDialTimeout)
	setDefault(&option.Dialer.Timeout, connecting)
	setDefault(&option.Dialer.KeepAlive, keepAlive)
	setDefault(&option.ConnWriteTimeout, max(writeTimeout, deadline))
	setDefault(&option.MaxFlushDelay, flushDelay)
	if option.ClientSetInfo == nil { // what a ClientName would cost with a proxy that refuses it is the connection
		option.ClientSetInfo = []string{"valkey-go(tenantstore)", valkey.LibVer}
	}
	if option.Sentinel.MasterSet != "" {
		setDefault(&option.Sentinel.TopologyRefreshInterval, sentinelRefresh)
		setDefault(&option.Sentinel.Dialer.Timeout, connecting)
		setDefault(&option.Sentinel.Dialer.KeepAlive, keepAlive)
	}
	return option, nil
}

func setDefault[T comparable](setting *T, value T) {
	var zero T
	if *setting == zero {
		*setting = value
	}
}
