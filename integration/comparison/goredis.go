//go:build unix

package comparison

import (
	"context"
	"errors"

	"github.com/go-redis/cache/v9"
	"github.com/redis/go-redis/v9"
)

// goRedisNode is go-redis/cache with its local cache (TinyLFU), as its README shows it. Once
// loads once however many ask.
type goRedisNode struct {
	database
	client *redis.Client
	cache  *cache.Cache
	common Setting
}

func openGoRedisCache(_ context.Context, s Setting) (Node, error) {
	db, err := openDatabase(s)
	if err != nil {
		return nil, err
	}
	client := redis.NewClient(&redis.Options{Addr: s.Valkey, ContextTimeoutEnabled: true})
	return &goRedisNode{db, client, cache.New(&cache.Options{
		Redis:      client,
		LocalCache: cache.NewTinyLFU(s.Entries, s.TTL),
	}), s}, nil
}

func (n *goRedisNode) Get(ctx context.Context, slug string) (Answer, error) {
	var r record
	err := n.cache.Once(&cache.Item{
		Ctx: ctx, Key: n.common.Prefix + slug, Value: &r, TTL: n.common.TTL,
		Do: func(*cache.Item) (any, error) { return n.bySlug(ctx, slug) },
	})
	if err != nil {
		return Answer{}, err
	}
	return r.answer(), nil
}

func (n *goRedisNode) SetStatus(ctx context.Context, id, status string) (int64, error) {
	slug, revision, err := n.setStatus(ctx, id, status)
	if err == nil {
		err = n.cache.Delete(ctx, n.common.Prefix+slug)
	}
	return revision, err
}

func (n *goRedisNode) Close() error { return errors.Join(n.client.Close(), n.database.Close()) }
