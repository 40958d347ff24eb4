package valkeytier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// Bus is a [tier.Bus] on Valkey's PUBLISH and SUBSCRIBE, on connections of its own,
// with the bounds of a Cache. The channel is the key prefix and "changes", and the
// number of the database if that is not 0; a message is the text of a
// [tenancy.Position]. On a cluster, every server passes on every message.
type Bus struct {
	channel  string
	deadline time.Duration
	link     *link

	subscribed  atomic.Int64    // subscriptions that get messages now
	ctx         context.Context // of the subscriptions
	stop        context.CancelFunc
	subscribers sync.WaitGroup
}

var _ tier.Bus = (*Bus)(nil)

// NewBus returns a bus on the servers of option, for [tier.WithBus]. It connects in
// the background. Of the options, those for the prefix, the deadline, the calls
// and the log matter.
func NewBus(option valkey.ClientOption, opts ...Option) (*Bus, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	channel := cfg.prefix + "changes"
	if option.SelectDB != 0 { // every database of a server has the same channels
		channel += ":" + strconv.Itoa(option.SelectDB)
	}
	l, err := newLink(cfg, busUse, channel, option)
	if err != nil {
		return nil, err
	}
	b := &Bus{channel: channel, deadline: cfg.deadline, link: l}
	b.ctx, b.stop = context.WithCancel(context.Background())
	return b, nil
}

// probeMessage is no news to anybody.
const probeMessage = "probe"

func publish(ctx context.Context, c valkey.Client, channel, message string) error {
	err := c.Do(ctx, c.B().Publish().Channel(channel).Message(message).Build()).Error()
	return cmdPublish.failed(err, channel)
}

// Publish implements [tier.Bus].
func (b *Bus) Publish(ctx context.Context, p tenancy.Position) error {
	call, err := b.link.begin(ctx, cmdPublish, b.deadline)
	if err != nil {
		return err
	}
	return call.end(publish(call.ctx, call.client, b.channel, p.String()))
}

// Subscribe implements [tier.Bus].
func (b *Bus) Subscribe(ctx context.Context, wake func(tenancy.Position)) {
	ctx, stop := context.WithCancel(ctx)
	stopWithBus := context.AfterFunc(b.ctx, stop)
	b.subscribers.Go(func() {
		defer stopWithBus()
		defer stop()
		b.receive(ctx, wake)
	})
}

// receive subscribes again and again until ctx ends.
func (b *Bus) receive(ctx context.Context, wake func(tenancy.Position)) {
	select {
	case <-b.link.connected:
	case <-ctx.Done():
		return
	}
	client := *b.link.client.Load()
	var here subscription
	defer here.outage.close()
	hooked := valkey.WithOnSubscriptionHook(ctx, func(s valkey.PubSubSubscription) {
		if s.Kind == "subscribe" { // what was sent before is lost
			b.begun(&here)
			wake(tenancy.Position{})
		}
	})
	for backoff := time.Duration(0); ctx.Err() == nil; {
		begun := time.Now()
		// It returns when the connection is lost.
		err := client.Receive(hooked, client.B().Subscribe().Channel(b.channel).Build(), func(m valkey.PubSubMessage) {
			if m.Message == probeMessage {
				return
			}
			var p tenancy.Position
			if p.UnmarshalText([]byte(m.Message)) != nil {
				p = tenancy.Position{} // of a newer release, perhaps: something happened
			}
			wake(p)
		})
		b.lost(ctx, &here, err)
		if backoff = nextBackoff(backoff); time.Since(begun) > recoveredAfter {
			backoff = minBackoff
		}
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(backoff)): // not all processes at once
		}
	}
}

// subscription is whether one subscription gets messages.
type subscription struct {
	mu        sync.Mutex
	connected bool
	outage    episode
}

func (b *Bus) begun(s *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connected { // valkey-go has subscribed again by itself
		return
	}
	s.connected = true
	b.subscribed.Add(1)
	s.outage.ends(func() { b.link.cfg.logger.Info("tenancy: messages of other processes arrive again") })
}

var errUnsubscribed = errors.New("the server has ended the subscription")

func (b *Bus) lost(ctx context.Context, s *subscription, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connected {
		s.connected = false
		b.subscribed.Add(-1)
	}
	err = fmt.Errorf("SUBSCRIBE: %w", cmp.Or(err, errUnsubscribed))
	if ctx.Err() == nil && s.outage.begins(kind(err)) {
		b.link.cfg.logger.LogAttrs(ctx, slog.LevelWarn, "tenancy: messages of other processes are lost until Valkey answers again; their changes arrive by polling",
			slog.String("error", explain(err)))
	}
}

// Connected reports whether the bus gets the messages of others.
func (b *Bus) Connected() bool { return b.subscribed.Load() > 0 }

// State says whether messages can be published.
func (b *Bus) State() observe.BreakerState { return b.link.breaker.current() }

// Close implements [tier.Bus]. It ends the subscriptions.
func (b *Bus) Close() error {
	b.stop()
	b.subscribers.Wait()
	b.link.close()
	return nil
}
