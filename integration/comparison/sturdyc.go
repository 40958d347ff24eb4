//go:build unix

package comparison

import (
	"context"
	"errors"
	"time"

	"github.com/viccon/sturdyc"
)

// sturdycNode is sturdyc with early refreshes and with storage of missing records. Shards
// and the share that an eviction removes are those of its README.
type sturdycNode struct {
	database
	cache *sturdyc.Client[*record]
}

func openSturdyc(_ context.Context, s Setting) (Node, error) {
	db, err := openDatabase(s)
	if err != nil {
		return nil, err
	}
	const shards, evictionPercentage = 10, 10
	return &sturdycNode{db, sturdyc.New[*record](s.Entries, shards, s.TTL, evictionPercentage,
		sturdyc.WithEarlyRefreshes(s.TTL*7/10, s.TTL*8/10, s.TTL*9/10, time.Second),
		sturdyc.WithMissingRecordStorage(),
		sturdyc.WithNoContinuousEvictions(), // of what is expired, by a goroutine that could not be stopped; a full cache evicts all the same
	)}, nil
}

func (n *sturdycNode) Get(ctx context.Context, slug string) (Answer, error) {
	r, err := n.cache.GetOrFetch(ctx, slug, func(ctx context.Context) (*record, error) {
		r, err := n.bySlug(ctx, slug)
		if errors.Is(err, ErrNotFound) {
			err = sturdyc.ErrNotFound
		}
		return r, err
	})
	if errors.Is(err, sturdyc.ErrMissingRecord) || errors.Is(err, sturdyc.ErrNotFound) {
		return Answer{}, ErrNotFound
	}
	if err != nil {
		return Answer{}, err
	}
	return r.answer(), nil
}

func (n *sturdycNode) SetStatus(ctx context.Context, id, status string) (int64, error) {
	slug, revision, err := n.setStatus(ctx, id, status)
	if err == nil {
		n.cache.Delete(slug)
	}
	return revision, err
}
