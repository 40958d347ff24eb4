package valkeytier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const (
	// The pauses between probes, each twice the one before.
	minPause = 100 * time.Millisecond
	maxPause = 2 * time.Second
	// A breaker that stayed closed for so long begins with minPause again.
	steady = 10 * time.Second
	// probeDeadline is longer than that of a call: it may have to connect, and
	// nobody waits for it.
	probeDeadline = 2 * (dialTimeout + writeTimeout)
)

// Why a call was not made. Each is tenancy.ErrUnavailable.
var (
	errOpen = fmt.Errorf("%w: Valkey is not used until it answers again", tenancy.ErrUnavailable)
	errBusy = fmt.Errorf("%w: too many calls of Valkey are under way", tenancy.ErrUnavailable)
)

// link is a client with bounds: it connects in the background, and every call of
// it has a deadline, a place among a bounded number, and the breaker's consent.
// valkey-go alone bounds none of that: callers who wait for a connection, or for
// a place in its ring of requests, do not look at their context.
type link struct {
	cfg     config
	what    string // for the log
	connect func() (valkey.Client, error)
	probe   probeFunc

	client    atomic.Pointer[valkey.Client]
	connected chan struct{} // closed when client is set
	attempted chan struct{} // closed when the first attempt to connect is over
	underway  atomic.Int64  // calls, cfg.maxCalls at most
	lookups   deadlines
	breaker   *breaker
	suspect   atomic.Pointer[string] // the key of the last failed call
	refused   atomic.Int64           // calls that were not made
	failures  atomic.Int64           // calls that failed

	ctx  context.Context
	stop context.CancelFunc
	done sync.WaitGroup
}

// probeFunc asks for key, of which a call failed, in the way of that call.
type probeFunc func(ctx context.Context, c valkey.Client, key string) error

// newLink returns a link to the servers of option.
func newLink(cfg config, what string, option valkey.ClientOption, probe probeFunc) (*link, error) {
	option, err := bounded(option, cfg.deadline)
	if err != nil {
		return nil, err
	}
	l := makeLink(cfg, what, probe, Open)
	l.connect = func() (valkey.Client, error) { return valkey.NewClient(option) }
	l.done.Go(l.run)
	return l, nil
}

// newClientLink returns a link that uses client and does not close it.
func newClientLink(cfg config, what string, client valkey.Client, probe probeFunc) *link {
	l := makeLink(cfg, what, probe, Closed)
	l.client.Store(&client)
	close(l.connected)
	close(l.attempted)
	l.done.Go(l.run)
	return l
}

func makeLink(cfg config, what string, probe probeFunc, s State) *link {
	l := &link{
		cfg: cfg, what: what, probe: probe, breaker: newBreaker(s), lookups: deadlines{after: cfg.deadline},
		connected: make(chan struct{}), attempted: make(chan struct{}),
	}
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l
}

// close stops the probes, and closes the client if the link made it. No call is
// under way.
func (l *link) close() {
	l.stop()
	l.done.Wait()
	if l.connect == nil {
		return
	}
	if c := l.client.Load(); c != nil {
		(*c).Close()
	}
}

// run connects, and from then on probes whenever the breaker opens.
func (l *link) run() {
	pause := time.Duration(0)
	for {
		closed := time.Now()
		if l.breaker.current() == Closed {
			select {
			case <-l.ctx.Done():
				return
			case <-l.breaker.trips:
			}
			if time.Since(closed) > steady {
				pause = 0
			}
			pause = longer(pause)
		}
		for !l.mend(pause) {
			if l.ctx.Err() != nil {
				return
			}
			pause = longer(pause)
		}
	}
}

func longer(pause time.Duration) time.Duration { return min(max(2*pause, minPause), maxPause) }

// mend makes one attempt after pause, and closes the breaker if it succeeds.
func (l *link) mend(pause time.Duration) bool {
	select {
	case <-l.ctx.Done():
		return false
	case <-time.After(pause + rand.N(pause/4+1)): // not all processes at once
	}
	l.breaker.probing()
	err := l.attempt()
	first := !isClosed(l.attempted)
	if err == nil {
		l.breaker.close()
	} else {
		l.breaker.failedProbe()
	}
	switch {
	case first:
		close(l.attempted)
		if err != nil && l.ctx.Err() == nil {
			l.logOpen(err)
		}
	case err == nil:
		l.cfg.logger.Info("tenancy: Valkey answers again", "use", l.what)
	}
	return err == nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (l *link) attempt() error {
	if l.client.Load() == nil {
		c, err := l.connect()
		if err != nil {
			return err
		}
		l.client.Store(&c)
		close(l.connected)
	}
	ctx, cancel := context.WithTimeout(l.ctx, max(probeDeadline, l.cfg.deadline))
	defer cancel()
	key := l.cfg.prefix + "probe"
	if s := l.suspect.Load(); s != nil {
		key = *s
	}
	return l.probe(ctx, *l.client.Load(), key)
}

func (l *link) logOpen(err error) {
	l.cfg.logger.LogAttrs(l.ctx, slog.LevelWarn, "tenancy: Valkey is not used until it answers again; SQL does its work",
		slog.String("use", l.what), slog.String("error", explain(err)))
}

// explain says what to do about the errors that an operator must mend.
func explain(err error) string {
	text := err.Error()
	var advice string
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		advice = "it did not answer in time"
	case errors.Is(err, io.EOF):
		advice = "the connection was closed: was the server stopped, or is it another than Valkey?"
	case strings.HasPrefix(text, "WRONGPASS"), strings.HasPrefix(text, "NOAUTH"):
		advice = "check ClientOption.Username and Password"
	case strings.HasPrefix(text, "NOPERM"):
		advice = "give the user the permissions of README.md"
	case strings.Contains(text, "syntax error"):
		advice = "the server is too old: use Valkey, or Redis 7.0 or newer"
	case strings.HasPrefix(text, "OOM"):
		advice = "set maxmemory-policy to allkeys-lru"
	case strings.HasPrefix(text, "READONLY"):
		advice = "the address is that of a replica"
	default:
		return text
	}
	return text + " (" + advice + ")"
}

// call is one use of the client, from begin to end.
type call struct {
	link   *link
	client valkey.Client
	parent context.Context
	ctx    context.Context    // with the deadline
	cancel context.CancelFunc // nil if begun by beginLookup
	begun  time.Time
}

// begin takes a place, and starts the deadline. Without an error, the caller
// calls end.
func (l *link) begin(ctx context.Context, d time.Duration) (call, error) {
	c := call{link: l, parent: ctx, begun: time.Now()}
	if err := l.takePlace(); err != nil {
		return call{}, err
	}
	c.ctx, c.cancel = context.WithTimeout(ctx, d)
	return c, c.connect()
}

// beginLookup is begin at a tenth of the cost, with the deadline of the
// configuration; but a call that is under way does not notice that ctx ends.
func (l *link) beginLookup(ctx context.Context) (call, error) {
	if err := ctx.Err(); err != nil {
		return call{}, err
	}
	c := call{link: l, parent: ctx, begun: time.Now()}
	if err := l.takePlace(); err != nil {
		return call{}, err
	}
	c.ctx = l.lookups.begin(ctx, c.begun)
	return c, c.connect()
}

func (l *link) takePlace() error {
	if l.breaker.current() != Closed && isClosed(l.attempted) {
		return l.refuse()
	}
	if l.underway.Add(1) > int64(l.cfg.maxCalls) {
		l.underway.Add(-1)
		l.refused.Add(1)
		return errBusy
	}
	return nil
}

// connect gets the client. In the first moments it waits for the first attempt.
func (c *call) connect() error {
	l := c.link
	if !isClosed(l.attempted) {
		select {
		case <-l.attempted:
		case <-l.ctx.Done():
		case <-c.ctx.Done():
		}
	}
	if l.breaker.current() != Closed {
		c.leave()
		return l.refuse()
	}
	c.client = *l.client.Load()
	return nil
}

func (l *link) refuse() error {
	if l.ctx.Err() != nil {
		return tenancy.ErrClosed
	}
	l.refused.Add(1)
	return errOpen
}

func (c *call) leave() {
	if c.cancel != nil {
		c.cancel()
	}
	c.link.underway.Add(-1)
}

// end gives the place back and tells the breaker how the call went; key is one
// that it used. It returns err.
func (c *call) end(key string, err error) error {
	defer c.leave()
	l := c.link
	switch {
	case err == nil:
		l.breaker.succeeded()
	case errors.Is(err, context.Canceled), c.leftEarly():
		// The caller went away: that says nothing of Valkey.
	default:
		l.failures.Add(1)
		suspect := key // a copy, so that only a failure allocates
		l.suspect.Store(&suspect)
		if l.breaker.failed() {
			l.logOpen(err)
		}
	}
	return err
}

// leftEarly reports whether the caller's own deadline ended the call before
// Valkey had had half of ours.
func (c *call) leftEarly() bool {
	return c.parent.Err() != nil && time.Since(c.begun) < c.link.cfg.deadline/2
}
