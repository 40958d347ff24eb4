package main

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"time"

	"github.com/go-tenancy/tenantstore/core/replica"
)

// measureReplica starts a replica of all tenants, from the database and from a snapshot
// file, beside reading them by hand with one SELECT, and says what it takes while it runs.
func measureReplica(ctx context.Context, s *site) ([]point, error) {
	path := filepath.Join(s.dir, string(s.kind)+".snap")
	file := replica.WithSnapshotFile(path, 24*time.Hour)
	if err := s.writeSnapshot(ctx, file); err != nil {
		return nil, err
	}
	t, err := turns(ctx, s.effort,
		whole(func(ctx context.Context, _ int) error {
			all := make(map[string]handRow)
			var r handRow
			got, err := s.handKeep(ctx, &r, all)
			return expect(got, s.rows, err)
		}),
		func(ctx context.Context, _ int) (time.Duration, error) {
			return s.timeReplica(ctx, (*replica.Store).Synced)
		},
		func(ctx context.Context, _ int) (time.Duration, error) {
			return s.timeReplica(ctx, (*replica.Store).Ready, file)
		})
	if err != nil {
		return nil, err
	}
	scan, restore, x := t[1], t[2], float64(s.rows)
	fromFile := timed("replica-start", "from a file", x, restore, t[0])
	points := []point{timed("replica-start", "from the database", x, scan, t[0]), fromFile}
	fromFile.Figure, fromFile.Baseline, fromFile.Ratio = "replica-file", round(scan.seconds), round(restore.seconds/scan.seconds)
	points = append(points, fromFile)
	held, err := s.heldByReplica(ctx)
	return append(points, held...), err
}

// handKeep reads all tenants, and keeps them by identifier.
func (s *site) handKeep(ctx context.Context, r *handRow, all map[string]handRow) (n int, err error) {
	rows, err := s.hand.QueryContext(ctx, "SELECT "+handColumns+" FROM tenants")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		*r = handRow{} // which must not share its metadata
		if err := rows.Scan(r.dest()...); err != nil {
			return len(all), err
		}
		all[r.identifier] = *r
	}
	return len(all), rows.Err()
}

func (s *site) newReplica(opts ...replica.Option) (*replica.Store, error) {
	return replica.New(unclosed{s.store}, append(opts, replica.WithFollowTimeout(time.Minute), replica.WithLogger(nil))...)
}

// timeReplica returns how long a replica takes until there is what is waited for.
func (s *site) timeReplica(ctx context.Context, what func(*replica.Store) <-chan struct{}, opts ...replica.Option) (took time.Duration, err error) {
	began := time.Now()
	r, err := s.newReplica(opts...)
	if err != nil {
		return 0, err
	}
	select {
	case <-what(r):
		took = time.Since(began)
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err == nil {
		err = expect(r.State().Tenants, s.rows, nil)
	}
	return took, errors.Join(err, r.Close())
}

// writeSnapshot has a replica write its file.
func (s *site) writeSnapshot(ctx context.Context, file replica.Option) error {
	r, err := s.newReplica(file)
	if err != nil {
		return err
	}
	for r.Stats().Snapshots == 0 && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	return errors.Join(ctx.Err(), r.Close())
}

// heldByReplica returns what a replica takes of the memory, and a garbage collection with
// it beside one without it.
func (s *site) heldByReplica(ctx context.Context) ([]point, error) {
	before, without := heap(), collection()
	r, err := s.newReplica()
	if err != nil {
		return nil, err
	}
	select {
	case <-r.Synced():
	case <-ctx.Done():
	}
	x, held, with := float64(s.rows), heap()-before, collection()
	points := []point{
		{Figure: "replica-gc", Series: "with the replica", X: x, Value: round(with), Baseline: round(without), Ratio: round(with / without)},
	}
	if s.rows >= 1000 { // else other garbage hides them
		points = append(points, point{Figure: "replica-memory", Series: "a tenant, with its texts", X: x, Value: round(held / x)})
	}
	return points, errors.Join(ctx.Err(), r.Close())
}

// collection returns the median of the seconds that garbage collections take.
func collection() float64 {
	var took []float64
	for range 5 {
		began := time.Now()
		runtime.GC()
		took = append(took, time.Since(began).Seconds())
	}
	return median(took)
}
