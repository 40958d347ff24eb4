//go:build unix

package comparison

import (
	"context"
	"errors"

	"github.com/maypok86/otter/v2"
)

// otterNode is otter with a loader, which loads once however many ask, and refreshes before
// the TTL is over. Its loader says otter.ErrNotFound, as its documentation demands; otter
// then keeps nothing.
type otterNode struct {
	database
	cache  *otter.Cache[string, *record]
	loader otter.Loader[string, *record]
}

func openOtter(_ context.Context, s Setting) (Node, error) {
	db, err := openDatabase(s)
	if err != nil {
		return nil, err
	}
	cache, err := otter.New(&otter.Options[string, *record]{
		MaximumSize:       s.Entries,
		ExpiryCalculator:  otter.ExpiryWriting[string, *record](s.TTL),
		RefreshCalculator: otter.RefreshWriting[string, *record](s.TTL * 8 / 10),
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	load := func(ctx context.Context, slug string) (*record, error) {
		r, err := db.bySlug(ctx, slug)
		if errors.Is(err, ErrNotFound) {
			err = otter.ErrNotFound
		}
		return r, err
	}
	return &otterNode{db, cache, otter.LoaderFunc[string, *record](load)}, nil
}

func (n *otterNode) Get(ctx context.Context, slug string) (Answer, error) {
	r, err := n.cache.Get(ctx, slug, n.loader)
	if errors.Is(err, otter.ErrNotFound) {
		return Answer{}, ErrNotFound
	}
	if err != nil {
		return Answer{}, err
	}
	return r.answer(), nil
}

func (n *otterNode) SetStatus(ctx context.Context, id, status string) (int64, error) {
	slug, revision, err := n.setStatus(ctx, id, status)
	if err == nil {
		n.cache.Invalidate(slug)
	}
	return revision, err
}

func (n *otterNode) Close() error {
	n.cache.StopAllGoroutines()
	return n.database.Close()
}
