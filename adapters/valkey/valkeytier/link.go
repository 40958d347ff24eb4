package valkeytier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/core/observe"
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
	// maxUnnoticed is how long a lookup may go on after its context has ended.
	maxUnnoticed = 200 * time.Millisecond
)

// Why a call was not made. Each is tenancy.ErrUnavailable.
var (
	errOpen    = fmt.Errorf("%w: the circuit breaker is open: Valkey is not used until it answers again", tenancy.ErrUnavailable)
	errBusy    = fmt.Errorf("%w: too many calls of Valkey are under way", tenancy.ErrUnavailable)
	errRefused = fmt.Errorf("%w: Valkey refuses a command that this needs", tenancy.ErrUnavailable)
)

// use is what a link is for.
type use struct {
	name      string  // for the log
	commands  command // that it sends
	essential command // without which it is not used at all
	without   string  // what happens when it is not used
}

var (
	cacheUse = use{"cache", caching, filling, "SQL does its work"}
	busUse   = use{"bus", cmdPublish, cmdPublish, "other processes learn of changes by polling"}
)

// link is a client with bounds: it connects in the background, and every call of
// it has a deadline, a place among a bounded number, and the breaker's consent.
// valkey-go alone bounds none of that: callers who wait for a connection, or for
// a place in its ring of requests, do not look at their context.
type link struct {
	use
	cfg     config
	key     string // or channel, for probes
	scripts scripts
	connect func() (valkey.Client, error)

	connections
	client    atomic.Pointer[valkey.Client]
	connected chan struct{} // closed when client is set
	attempted chan struct{} // closed when the first attempt to connect is over
	underway  atomic.Int64  // calls, cfg.maxCalls at most
	lookups   deadlines
	breaker   *breaker
	denied    atomic.Uint32                      // the commands that the server refuses
	suspects  [commands]atomic.Pointer[[]string] // the keys of each command's last failure
	refused   atomic.Int64                       // calls that were not made
	failures  atomic.Int64                       // calls that failed
	trouble   episode                            // the breaker is open
	denial    episode                            // commands are refused that it goes on without

	ctx  context.Context
	stop context.CancelFunc
	done sync.WaitGroup
}

// newLink returns a link to the servers of option, which probes under key.
func newLink(cfg config, u use, key string, option valkey.ClientOption) (*link, error) {
	option, err := bounded(option, cfg.deadline)
	if err != nil {
		return nil, err
	}
	l := makeLink(cfg, u, key, observe.BreakerOpen)
	option.DialCtxFn, option.DialFn = l.connections.dialer(option), nil
	l.connect = func() (valkey.Client, error) { return valkey.NewClient(option) }
	l.done.Go(l.run)
	return l, nil
}

// newClientLink returns a link that uses client and does not close it.
func newClientLink(cfg config, u use, key string, client valkey.Client) *link {
	l := makeLink(cfg, u, key, observe.BreakerClosed)
	l.client.Store(&client)
	close(l.connected)
	close(l.attempted)
	l.breaker.wake() // to see which commands the server refuses
	l.done.Go(l.run)
	return l
}

func makeLink(cfg config, u use, key string, s observe.BreakerState) *link {
	l := &link{
		use: u, cfg: cfg, key: key, scripts: newScripts(), breaker: newBreaker(s), lookups: deadlines{after: cfg.deadline},
		connected: make(chan struct{}), attempted: make(chan struct{}),
	}
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.renew(l.ctx)
	return l
}

// close stops the probes, and closes the client if the link made it. No call is
// under way.
func (l *link) close() {
	l.stop()
	l.done.Wait()
	l.trouble.close()
	l.denial.close()
	if l.connect == nil {
		return
	}
	if c := l.client.Load(); c != nil {
		(*c).Close()
	}
}

// run connects, and from then on probes whenever the breaker opens or a command is
// refused.
func (l *link) run() {
	pause := time.Duration(0)
	for {
		healthy := time.Now()
		if l.breaker.current() == observe.BreakerClosed && l.denied.Load() == 0 {
			select {
			case <-l.ctx.Done():
				return
			case <-l.breaker.trips:
			}
			if time.Since(healthy) > steady {
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

// mend makes one attempt after pause, and reports whether all is well. It closes the
// breaker if every essential command is answered.
func (l *link) mend(pause time.Duration) bool {
	select {
	case <-l.ctx.Done():
		return false
	case <-time.After(pause + rand.N(pause/4+1)): // not all processes at once
	}
	open := l.breaker.current() != observe.BreakerClosed
	if open {
		l.breaker.probing()
	}
	denied, refusal, err := l.attempt()
	if l.ctx.Err() != nil {
		return false
	}
	if k := kind(err); k == "READONLY" || k == "MASTERDOWN" {
		l.renew(l.ctx) // after a failover, the address may lead elsewhere
	}
	if err == nil {
		l.denied.Store(uint32(denied))
		if denied&l.essential != 0 {
			err = refusal
		}
	}
	switch {
	case err == nil && open:
		l.breaker.close()
	case err != nil && open:
		l.breaker.failedProbe()
	case err != nil && denied&l.essential != 0:
		l.breaker.trip()
	}
	switch {
	case err == nil && denied != 0:
		l.logDenied(denied, refusal)
	case err == nil:
		for i := range l.suspects {
			l.suspects[i].Store(nil)
		}
		l.denial.ends(func() { l.cfg.logger.Info("tenancy: Valkey accepts every command", "use", l.name) })
	case l.breaker.current() != observe.BreakerClosed:
		l.logOpen(denied, err)
	}
	if err == nil {
		l.trouble.ends(func() { l.cfg.logger.Info("tenancy: circuit breaker closed: Valkey is used again", "use", l.name) })
	}
	if !isClosed(l.attempted) {
		close(l.attempted)
	}
	return err == nil && denied == 0
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// attempt connects if need be, and tries every command under the keys of its last
// failure. It returns the commands that the server refuses and the first refusal, or
// the first failure of another kind.
func (l *link) attempt() (denied command, refusal, err error) {
	if l.client.Load() == nil {
		c, err := l.connect()
		if err != nil {
			return 0, nil, err
		}
		l.client.Store(&c)
		close(l.connected)
	}
	ctx, cancel := context.WithTimeout(l.ctx, max(probeDeadline, l.cfg.deadline))
	defer cancel()
	client := *l.client.Load()
	for _, one := range l.commands.each() {
		if one == cmdMGet && client.Mode() == valkey.ClientModeCluster { // it sends none
			continue
		}
		err := l.try(ctx, client, one)
		if failed := (*commandError)(nil); errors.As(err, &failed) && failed.refused() {
			denied |= one
			refusal = cmp.Or(refusal, err)
		} else if err != nil {
			return 0, nil, err
		}
	}
	return denied, refusal, nil
}

// try tries a command under the keys of its last failure, which may be those of one
// server of many. What is there may hide that scripts must not delete, so that is
// tried where nothing is, too.
func (l *link) try(ctx context.Context, client valkey.Client, one command) error {
	suspects := l.suspects[one.index()].Load()
	if suspects != nil {
		if err := l.scripts.probe(ctx, client, one, *suspects); err != nil || one != cmdDel {
			return err
		}
	}
	return l.scripts.probe(ctx, client, one, []string{l.key})
}

// accepts reports whether the server has refused none of these commands.
func (l *link) accepts(c command) bool { return command(l.denied.Load())&c == 0 }

// deny notes that the server has refused a command.
func (l *link) deny(failed *commandError) {
	l.denied.Or(uint32(failed.command))
	if failed.command&l.essential != 0 {
		if l.breaker.trip() {
			l.logOpen(failed.command, failed)
		}
		return
	}
	l.breaker.wake()
	l.logDenied(failed.command, failed)
}

// logOpen logs that the breaker is open, because of commands that are denied, if these
// are any.
func (l *link) logOpen(denied command, err error) {
	if !l.trouble.begins(kind(err)) {
		return
	}
	attrs := []slog.Attr{slog.String("use", l.name), slog.String("error", explain(err))}
	if denied != 0 {
		attrs = append(attrs, slog.String("refused", denied.String()))
	}
	l.cfg.logger.LogAttrs(l.ctx, slog.LevelWarn, "tenancy: circuit breaker open: Valkey is not used until it answers again; "+l.without, attrs...)
}

func (l *link) logDenied(denied command, err error) {
	var names, without []string
	for _, one := range denied.each() {
		names, without = append(names, one.String()), append(without, effects[one])
	}
	if !l.denial.begins(names...) {
		return
	}
	l.cfg.logger.LogAttrs(l.ctx, slog.LevelWarn, "tenancy: Valkey refuses a command, and is used without it: "+strings.Join(without, "; "),
		slog.String("use", l.name), slog.String("error", explain(err)), slog.String("refused", denied.String()))
}

// call is one use of the client, from begin to end.
type call struct {
	link   *link
	client valkey.Client
	needs  command
	parent context.Context
	ctx    context.Context    // with the deadline
	cancel context.CancelFunc // nil if begun by beginLookup
	begun  time.Time
}

// begin takes a place for a call that needs these commands, and starts the deadline.
// Without an error, the caller calls end.
func (l *link) begin(ctx context.Context, needs command, d time.Duration) (call, error) {
	c := call{link: l, needs: needs, parent: ctx, begun: time.Now()}
	if err := l.takePlace(needs); err != nil {
		return call{}, err
	}
	c.ctx, c.cancel = context.WithTimeout(ctx, d)
	return c, c.connect()
}

// beginLookup is begin at a tenth of the cost, with the deadline of the
// configuration, if that is short: a call that is under way does not notice then that
// ctx ends.
func (l *link) beginLookup(ctx context.Context, needs command) (call, error) {
	if l.cfg.deadline > maxUnnoticed {
		return l.begin(ctx, needs, l.cfg.deadline)
	}
	if err := ctx.Err(); err != nil {
		return call{}, err
	}
	c := call{link: l, needs: needs, parent: ctx, begun: time.Now()}
	if err := l.takePlace(needs); err != nil {
		return call{}, err
	}
	c.ctx = l.lookups.begin(ctx, c.begun)
	return c, c.connect()
}

func (l *link) takePlace(needs command) error {
	if isClosed(l.attempted) {
		if err := l.refuses(needs); err != nil {
			return err
		}
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
		case <-c.parent.Done():
		}
	}
	if err := l.refuses(c.needs); err != nil {
		c.leave()
		return err
	}
	c.client = *l.client.Load()
	return nil
}

// refuses returns why a call that needs these commands is not made, or nil.
func (l *link) refuses(needs command) error {
	open := l.breaker.current() != observe.BreakerClosed
	if !open && l.accepts(needs) {
		return nil
	}
	if l.ctx.Err() != nil {
		return tenancy.ErrClosed
	}
	l.refused.Add(1)
	if open {
		return errOpen
	}
	return errRefused
}

func (c *call) leave() {
	if c.cancel != nil {
		c.cancel()
	}
	c.link.underway.Add(-1)
}

// end gives the place back and tells the breaker how the call went. It returns err.
func (c *call) end(err error) error {
	defer c.leave()
	l := c.link
	var failed *commandError
	switch {
	case err == nil:
		l.breaker.succeeded()
	case errors.Is(err, context.Canceled), c.leftEarly():
		// The caller went away: that says nothing of Valkey.
	case !errors.As(err, &failed): // nothing was sent
	default:
		l.failures.Add(1)
		if len(failed.keys) > 0 {
			l.suspects[failed.command.index()].Store(&failed.keys)
		}
		if failed.refused() {
			l.deny(failed)
		} else if l.breaker.failed() {
			l.logOpen(0, err)
		}
	}
	return err
}

// leftEarly reports whether the caller's own deadline ended the call before
// Valkey had had half of ours.
func (c *call) leftEarly() bool {
	return c.parent.Err() != nil && time.Since(c.begun) < c.link.cfg.deadline/2
}
