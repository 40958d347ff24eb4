package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenantio"
)

// importSteps is how many points of the growing store are shown.
const importSteps = 10

// measureImport fills the store from JSON Lines, in turns with multi-row INSERTs by
// hand into a table without a log, in a database of its own.
func measureImport(ctx context.Context, s *site) (points []point, err error) {
	beside, err := s.newBeside(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, beside.drop()) }()
	chunk := min(max(s.rows/(4*importSteps), 1), 5000)
	step := max(s.rows/importSteps, 1)
	var ours, hand, ourStep, handStep time.Duration
	for at := 0; at < s.rows; at += chunk {
		n := min(chunk, s.rows-at)
		own, by, err := s.importChunk(ctx, beside, at, n)
		if err != nil {
			return nil, err
		}
		ours, hand, ourStep, handStep = ours+own, hand+by, ourStep+own, handStep+by
		if done := at + n; done/step > at/step {
			points = append(points, rate("import", done, done-(done-1)/step*step, ourStep, handStep))
			ourStep, handStep = 0, 0
		}
	}
	points = append(points, rate("import-total", s.rows, s.rows, ours, hand))
	return points, s.settle(ctx)
}

// rate is a point of n tenants that were imported.
func rate(figure string, stored, n int, ours, hand time.Duration) point {
	own, by := float64(n)/ours.Seconds(), float64(n)/hand.Seconds()
	return point{
		Figure: figure, Series: "tenantio", X: float64(stored),
		Value: round(own), Baseline: round(by), Ratio: round(own / by),
	}
}

// newBeside returns a database with the table plain.
func (s *site) newBeside(ctx context.Context) (database, error) {
	d, err := newDatabase(ctx, s.kind, s.dir, s.postgres)
	if err != nil {
		return d, err
	}
	store, err := d.open(ctx) // migrates: plain gets the columns of tenants
	if err == nil {
		err = errors.Join(d.createPlain(ctx), store.Close())
	}
	if err != nil {
		return d, errors.Join(err, d.drop())
	}
	return d, nil
}

func (s *site) importChunk(ctx context.Context, beside database, at, n int) (ours, hand time.Duration, err error) {
	ts, err := s.sample.tenants(at, n)
	if err != nil {
		return 0, 0, err
	}
	file, err := lines(ts)
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	report, err := tenantio.Import(ctx, s.store, bytes.NewReader(file), tenantio.JSONLines, tenantio.ImportOptions{})
	ours = time.Since(began)
	if err == nil && report.Created != n {
		err = fmt.Errorf("imported %d of %d: %v", report.Created, n, report.Errors)
	}
	if err != nil {
		return 0, 0, err
	}
	began = time.Now()
	err = beside.handInsert(ctx, ts)
	return ours, time.Since(began), err
}
