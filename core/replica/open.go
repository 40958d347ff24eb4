package replica

import (
	"context"
	"errors"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const (
	// openPatience is how long Open waits for the source, to return what is wrong with it.
	openPatience = 500 * time.Millisecond
	// openPause is how long it pauses after a failure, and how long a Wait waits.
	openPause = time.Second
)

// Open is [New] for a source that may not be available yet: a store over a database fails
// to open while the database is down, which is when the snapshot file is needed. Open calls
// open until it succeeds. Until then, calls that the replica cannot answer itself fail with
// [tenancy.ErrUnavailable].
//
// Open waits for half a second. If open returns an error that is not an outage by then, so
// does Open. Later, any error is logged and open is called again.
func Open(open func(context.Context) (tenancy.Source, error), opts ...Option) (*Store, error) {
	if open == nil {
		return nil, invalid("the function that opens the source is nil")
	}
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	s := openLate(open, cfg.logger)
	select {
	case err = <-s.first:
	case <-time.After(openPatience):
	}
	if err != nil && !errors.Is(err, tenancy.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
		return nil, errors.Join(err, s.Close())
	}
	r, err := New(s, opts...)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return r, nil
}
