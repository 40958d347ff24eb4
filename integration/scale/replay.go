package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// measureReplay starts a stack beside a log with a row for each tenant, until the
// first read is answered, beside reading the log by hand.
func measureReplay(ctx context.Context, s *site) ([]point, error) {
	local := func() (*tier.Store, error) {
		return ristrettotier.New(unclosed{s.store}, ristrettotier.WithTier(patient()...))
	}
	shared := func() (*tier.Store, error) {
		return valkeytier.New(unclosed{s.store}, valkey.ClientOption{InitAddress: []string{s.valkey}},
			valkeytier.WithKeyPrefix("scale:"+rand.Text()+":"), valkeytier.WithTier(patient()...))
	}
	series, calls := []string{"memory"}, []call{s.readLog(), s.untilFirstRead(local)}
	if s.valkey == "" {
		s.tell("TENANTSTORE_VALKEY names no server: no replay for a shared cache")
	} else {
		series, calls = append(series, "Valkey"), append(calls, s.untilFirstRead(shared))
	}
	t, err := turns(ctx, s.effort, calls...)
	if err != nil {
		return nil, err
	}
	var points []point
	for i, name := range series {
		points = append(points, timed("replay", name, float64(s.rows), t[i+1], t[0]))
	}
	return points, nil
}

func (s *site) readLog() call {
	return whole(func(ctx context.Context, _ int) error {
		var revision, mark int64
		var op, id string
		var keys []byte
		var at any
		n, err := s.handRead(ctx, []any{&revision, &mark, &op, &id, &keys, &at},
			"SELECT revision, mark, op, tenant_id, keys, at FROM tenants_changes ORDER BY revision")
		if err == nil && n < s.rows {
			err = fmt.Errorf("the log has only %d rows", n)
		}
		return err
	})
}

func (s *site) untilFirstRead(start func() (*tier.Store, error)) call {
	return func(ctx context.Context, _ int) (took time.Duration, err error) {
		began := time.Now()
		t, err := start()
		if err != nil {
			return 0, err
		}
		err = s.firstRead(ctx, t)
		took = time.Since(began)
		return took, errors.Join(err, t.Close())
	}
}
