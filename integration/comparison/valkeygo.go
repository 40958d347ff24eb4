//go:build unix

package comparison

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/valkey-io/valkey-go"
)

// valkeyGo is cache-aside by hand: GET, else SELECT and SET with a TTL; DEL after a write.
// "null" stands for a tenant that does not exist, as the README of valkey-go suggests. If
// Valkey fails, the database is asked.
type valkeyGo struct {
	database
	client valkey.Client
	common Setting
	get    func(ctx context.Context, key string) valkey.ValkeyResult
}

func openValkeyGo(_ context.Context, s Setting) (Node, error) {
	n, err := newValkeyGo(s, valkey.ClientOption{DisableCache: true})
	if err != nil {
		return nil, err
	}
	n.get = func(ctx context.Context, key string) valkey.ValkeyResult {
		return n.client.Do(ctx, n.client.B().Get().Key(key).Build())
	}
	return n, nil
}

// openDoCache is the same with the client-side cache of valkey-go: the server tells the
// client which of the keys that it has read are changed.
func openDoCache(_ context.Context, s Setting) (Node, error) {
	n, err := newValkeyGo(s, valkey.ClientOption{})
	if err != nil {
		return nil, err
	}
	n.get = func(ctx context.Context, key string) valkey.ValkeyResult {
		return n.client.DoCache(ctx, n.client.B().Get().Key(key).Cache(), s.TTL)
	}
	return n, nil
}

func newValkeyGo(s Setting, option valkey.ClientOption) (*valkeyGo, error) {
	db, err := openDatabase(s)
	if err != nil {
		return nil, err
	}
	option.InitAddress = []string{s.Valkey}
	client, err := valkey.NewClient(option)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &valkeyGo{database: db, client: client, common: s}, nil
}

func (n *valkeyGo) Get(ctx context.Context, slug string) (Answer, error) {
	key := n.common.Prefix + slug
	var cached *record
	if err := n.get(ctx, key).DecodeJSON(&cached); err == nil {
		if cached == nil {
			return Answer{}, ErrNotFound
		}
		return cached.answer(), nil
	}
	r, err := n.bySlug(ctx, slug)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Answer{}, err
	}
	if text, wrong := json.Marshal(r); wrong == nil {
		// Without Valkey, the next one asks the database, too.
		_ = n.client.Do(ctx, n.client.B().Set().Key(key).Value(valkey.BinaryString(text)).Ex(n.common.TTL).Build()).Error()
	}
	if err != nil {
		return Answer{}, err
	}
	return r.answer(), nil
}

func (n *valkeyGo) SetStatus(ctx context.Context, id, status string) (int64, error) {
	slug, revision, err := n.setStatus(ctx, id, status)
	if err == nil {
		err = n.client.Do(ctx, n.client.B().Del().Key(n.common.Prefix+slug).Build()).Error()
	}
	return revision, err
}

func (n *valkeyGo) Close() error {
	n.client.Close()
	return n.database.Close()
}
