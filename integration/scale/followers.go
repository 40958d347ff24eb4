package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// measureFollowers writes through a store, beside an UPDATE by hand of a table
// without a log, while others follow the database, each with a pool and a cache of its
// own. Each write waits until all have seen the one before.
func measureFollowers(ctx context.Context, s *site) (points []point, err error) {
	if err := s.createPlain(ctx); err != nil {
		return nil, err
	}
	if _, err := s.hand.ExecContext(ctx, "INSERT INTO plain SELECT * FROM tenants"); err != nil {
		return nil, err
	}
	f := fleet{site: s, seen: make(chan tenancy.Revision, 4*maxOf(s.effort.followers))}
	defer func() { err = errors.Join(err, f.close()) }()
	room, err := s.room(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range s.effort.followers {
		if n*followerConnections > room {
			s.tell("the server lets in only %d connections more: no %d followers", room, n)
			break
		}
		if err := f.grow(ctx, n); err != nil {
			return nil, err
		}
		took, seen, err := f.measure(ctx)
		if err != nil {
			return nil, fmt.Errorf("%d followers: %w", n, err)
		}
		points = append(points, timed("followers-write", "SetStatus", float64(n), took[1], took[0]))
		if n > 0 {
			points = append(points, point{Figure: "followers-seen", Series: "until the last has seen it", X: float64(n), Value: round(seen)})
		}
	}
	return points, nil
}

func maxOf(counts []int) (most int) {
	for _, n := range counts {
		most = max(most, n)
	}
	return most
}

// fleet are those that follow a database. It is their observer.
type fleet struct {
	*site
	followers []*tier.Store
	seen      chan tenancy.Revision // by one of them; has room for all, as writes wait
	written   int
}

// Obeyed never blocks: after an error, nobody receives.
func (f *fleet) Obeyed(c tenancy.Change) {
	select {
	case f.seen <- c.Position.Revision:
	default:
	}
}

func (*fleet) Begin(ctx context.Context, _ tier.Work, _ tenancy.KeyKind) context.Context { return ctx }

func (*fleet) End(context.Context, tier.Work, error) {}

// grow starts followers until there are n, and waits until all follow.
func (f *fleet) grow(ctx context.Context, n int) error {
	for len(f.followers) < n {
		store, err := f.follow(ctx, bunstore.WithPollInterval(f.effort.poll))
		if err != nil {
			return err
		}
		local, err := ristrettotier.New(store, ristrettotier.WithMaxEntries(1000), ristrettotier.WithTier(
			tier.WithLogger(slog.New(slog.DiscardHandler))))
		if err != nil {
			return errors.Join(err, store.Close())
		}
		f.followers = append(f.followers, local)
		if err := f.firstRead(ctx, local); err != nil {
			return err
		}
		local.Observe(f)
	}
	return nil
}

func (f *fleet) close() error {
	errs := make([]error, len(f.followers))
	var closing sync.WaitGroup
	for i, t := range f.followers { // all at once: each waits for the garbage collector
		closing.Go(func() { errs[i] = t.Close() })
	}
	closing.Wait()
	return errors.Join(errs...)
}

// measure returns the medians of what an UPDATE by hand and a write took, and of the
// time from the end of a write until all had seen it.
func (f *fleet) measure(ctx context.Context) (took [2]timing, seen float64, err error) {
	for range f.effort.unseen { // until everybody listens
		if _, _, err := f.write(ctx); err != nil {
			return took, 0, err
		}
	}
	var hand, own, ratios, waits []float64
	for began := time.Now(); len(own) < f.effort.writes || time.Since(began) < f.effort.budget; {
		by, err := f.handWrite(ctx)
		if err != nil {
			return took, 0, err
		}
		write, wait, err := f.write(ctx)
		if err != nil {
			return took, 0, err
		}
		hand, own, waits = append(hand, by.Seconds()), append(own, write.Seconds()), append(waits, wait.Seconds())
		ratios = append(ratios, write.Seconds()/by.Seconds())
	}
	return [2]timing{{median(hand), 1}, {median(own), median(ratios)}}, median(waits), nil
}

func (f *fleet) handWrite(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	_, err := f.hand.ExecContext(ctx, "UPDATE plain SET status = $1 WHERE id = $2", string(f.status()), f.sample.id(f.pick(f.written)))
	return time.Since(began), err
}

// status is another one for the same tenant next time, whatever the number of tenants.
func (f *fleet) status() tenancy.Status {
	return [...]tenancy.Status{tenancy.StatusProvisioning, tenancy.StatusActive}[f.written/f.rows%2]
}

// write returns what a write took, and how long after it the last one saw it.
func (f *fleet) write(ctx context.Context) (took, wait time.Duration, err error) {
	began := time.Now()
	t, err := f.store.SetStatus(ctx, f.sample.id(f.pick(f.written)), f.status())
	took = time.Since(began)
	f.written++
	if err != nil {
		return took, 0, err
	}
	began = time.Now()
	patience := time.NewTimer(time.Minute)
	defer patience.Stop()
	for missing := len(f.followers); missing > 0; {
		select {
		case r := <-f.seen:
			if r == t.Revision { // not one of before the follower was observed
				missing--
			}
		case <-patience.C:
			return took, 0, fmt.Errorf("%d followers have not seen a write after a minute", missing)
		case <-ctx.Done():
			return took, 0, ctx.Err()
		}
	}
	return took, time.Since(began), nil
}
