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
	// The backoff between probes, each time twice the one before.
	minBackoff = 100 * time.Millisecond
	maxBackoff = 2 * time.Second
	// An outage is over when all has been well for so long; the next backoff is minBackoff.
	recoveredAfter = 10 * time.Second
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
	outage    episode                            // the breaker is open
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
	l.outage.close()
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
	backoff := time.Duration(0)
	for {
		healthy := time.Now()
		if l.breaker.current() == observe.BreakerClosed && l.denied.Load() == 0 {
			select {
			case <-l.ctx.Done():
				return
			case <-l.breaker.trips:
			}
			if time.Since(healthy) > recoveredAfter {
				backoff = 0
			}
			backoff = nextBackoff(backoff)
		}
		for !l.probe(backoff) {
			if l.ctx.Err() != nil {
				return
			}
			backoff = nextBackoff(backoff)
		}
	}
}

// nextBackoff returns how long to wait after a wait of backoff.
func nextBackoff(backoff time.Duration) time.Duration {
	return min(max(2*backoff, minBackoff), maxBackoff)
}

// probe makes one attempt after backoff, and reports whether all is well. It closes the
// breaker if every essential command is answered.
func (l *link) probe(backoff time.Duration) bool {
	select {
	case <-l.ctx.Done():
		return false
	case <-time.After(backoff + rand.N(backoff/4+1)): // not all processes at once
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
		l.outage.ends(func() { l.cfg.logger.Info("tenancy: circuit breaker closed: Valkey is used again", "use", l.name) })
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
	if !l.outage.begins(kind(err)) {
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
