package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// SQLite begins its write-ahead log anew only when no reader is in it. Long reads
// that overlap, of this process or of others, never let that happen, and the log grows
// as long as there are writes. A checkpoint that holds the write lock waits for those
// reads alone that are under way, because later ones need the log no more.

const (
	walInterval = time.Second
	// walLimit is several times what SQLite lets the log grow to by itself.
	walLimit = 32 << 20
	// A checkpoint waits for readers, and writers for it, at first as long as any
	// statement waits, then twice as long each time, up to walPatience.
	walPatience = 4 * time.Second
	// walWarning is the size from which on an operator should know.
	walWarning = 8 * walLimit
)

// keepWALShort looks at the size of the log from time to time until ctx ends.
func (s *store) keepWALShort(ctx context.Context) {
	file := ""
	patience, warned := walPatience/16, false
	for {
		timer := time.NewTimer(walInterval)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if file == "" {
			var err error
			if file, err = s.path(ctx); err != nil {
				continue
			}
			if file == "" {
				return // a database in memory
			}
		}
		size := sizeOf(file + "-wal")
		if size <= walLimit {
			patience, warned = walPatience/16, false
			continue
		}
		err := s.truncateWAL(ctx, patience)
		if size = sizeOf(file + "-wal"); size <= walLimit {
			continue
		}
		patience = min(2*patience, walPatience)
		if size > walWarning && !warned && ctx.Err() == nil {
			warned = true
			s.Logger.WarnContext(ctx, "tenancy: the write-ahead log of SQLite grows, because somebody has been reading for long: look for a program with an open transaction",
				slog.Int64("bytes", size), slog.Any("error", err))
		}
	}
}

func sizeOf(file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return info.Size()
}

// truncateWAL moves all of the log into the database and empties it, unless
// a reader needs it for longer than patience.
func (s *store) truncateWAL(ctx context.Context, patience time.Duration) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	conn, err := s.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // gives it back to the pool
	in := s.Read.With(conn.Conn)
	var usual engine.Integer
	if _, err := in.One(ctx, "PRAGMA busy_timeout", nil, &usual); err != nil {
		return err
	}
	setTimeout := func(ctx context.Context, milliseconds int64) error {
		_, err := in.Exec(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", milliseconds))
		return err
	}
	err = setTimeout(ctx, patience.Milliseconds())
	if err == nil {
		_, err = in.One(ctx, "PRAGMA wal_checkpoint(TRUNCATE)", nil, new(engine.Integer), new(engine.Integer), new(engine.Integer))
	}
	return errors.Join(err, setTimeout(context.WithoutCancel(ctx), int64(usual))) // it is the pool's
}
