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

// Open is [New] for a source that may not be there yet: stores over a database fail to
// open while that is down, and the snapshot file is for just then. open is called until
// it succeeds. Meanwhile, what the replica cannot answer itself fails with
// [tenancy.ErrUnavailable].
//
// Open waits for half a second, and returns what open returned if that is no outage.
// Later, such an error is logged and tried again, as an outage is.
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
