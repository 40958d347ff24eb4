package bunpg

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	listenMinBackoff = 50 * time.Millisecond
	listenMaxBackoff = 5 * time.Second
	// listenHeartbeat is how often a silent connection is checked, for a
	// network that drops packets does not tell.
	listenHeartbeat = 15 * time.Second
)

// listener turns the notifications of committed changes into wake-ups.
type listener struct {
	target    target
	logger    *slog.Logger
	heartbeat time.Duration
}

// run listens until ctx ends, on one connection, which it replaces when it
// fails. It calls wake after each notification, and after it began to listen:
// whatever was committed before that, perhaps while no connection was there, can
// be read from the log by then. The store that calls run owns it.
func (l listener) run(ctx context.Context, channel string, wake func()) {
	backoff, lost := listenMinBackoff, false
	for {
		err := l.session(ctx, channel, wake, func() {
			backoff = listenMinBackoff
			if lost {
				lost = false
				l.logger.InfoContext(ctx, "tenancy: the database's notifications of changes arrive again")
			}
		})
		if ctx.Err() != nil {
			return
		}
		if !lost {
			lost = true
			l.logger.WarnContext(ctx, "tenancy: the database's notifications of changes do not arrive; changes are seen by polling",
				"error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(backoff/2 + rand.N(backoff/2)):
		}
		backoff = min(2*backoff, listenMaxBackoff)
	}
}

// session listens on one connection until it fails, with an error that is safe to
// log. It calls listening as soon as it does.
func (l listener) session(ctx context.Context, channel string, wake, listening func()) (err error) {
	config, err := l.target.config(ctx)
	var conn *pgx.Conn
	if err == nil {
		conn, err = pgx.ConnectConfig(ctx, config)
	}
	if err != nil {
		return connectError(ctx, err).asError()
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		err = lostError(errors.Join(err, conn.Close(ctx)))
	}()
	if err := within(ctx, config.ConnectTimeout, func(ctx context.Context) error {
		// A listener is silent: a server that ends idle sessions must not end this one.
		// LISTEN comes first, as that is what pg_stat_activity is searched for.
		_, err := conn.Exec(ctx, "LISTEN "+quoteIdentifier(channel)+"; SET idle_session_timeout = 0")
		return err
	}); err != nil {
		return err
	}
	listening()
	wake()
	for {
		err := within(ctx, l.heartbeat, func(ctx context.Context) error {
			_, err := conn.WaitForNotification(ctx)
			return err
		})
		if err == nil {
			wake()
			continue
		}
		if ctx.Err() != nil || conn.IsClosed() || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		if err := within(ctx, config.ConnectTimeout, conn.Ping); err != nil {
			return err
		}
	}
}

func within(ctx context.Context, d time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return do(ctx)
}
