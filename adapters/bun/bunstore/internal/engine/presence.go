package engine

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// presenceInterval is for how long the table of tenants is believed to be in its place.
const presenceInterval = time.Second

// presence knows when the table of tenants was last seen in its place. Something else of
// its name (an empty copy, half a restored backup) would answer that nobody exists.
type presence struct{ seen atomic.Pointer[time.Time] }

// Look runs f, a read, as retry does. Before it believes that f has found nothing, it
// sees whether the table of tenants is there, if it has not done so lately.
func (b *Base) Look(ctx context.Context, f func() (found bool, err error)) error {
	return b.Retry(ctx, func() error {
		found, err := f()
		if found || err != nil && !errors.Is(err, tenancy.ErrNotFound) {
			return err
		}
		if gone := b.SeePresence(ctx); gone != nil {
			return gone
		}
		return err
	})
}

// SeePresence fails if the table of tenants is not in its place, as far as that was not
// seen lately.
func (b *Base) SeePresence(ctx context.Context) error {
	text, now := b.Texts.presence, time.Now()
	if last := b.present.seen.Load(); text == "" || last != nil && now.Sub(*last) < presenceInterval {
		return nil
	}
	var there bool
	if _, err := b.Read.One(ctx, text, nil, &there); err != nil {
		return err
	}
	if !there {
		return b.TableGone()
	}
	b.present.seen.Store(&now)
	return nil
}
