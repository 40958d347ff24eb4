//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
)

// namedPatience is how long a server that the environment names may take to
// answer.
const namedPatience = 15 * time.Second

// checkNamed fails if the server that env names does not answer. Tests must not
// begin without it: a stack goes on without its shared cache, and would pass many
// of them.
func checkNamed(ctx context.Context, s service, where string) error {
	ctx, cancel := context.WithTimeout(ctx, namedPatience)
	defer cancel()
	if err := s.answers(ctx, where); err != nil {
		return fmt.Errorf("%s names a server that does not answer: start it, or unset the variable for a throwaway one: %w", s.env, err)
	}
	return nil
}

// postgresAnswers: the errors of pgx hold no password.
func postgresAnswers(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// valkeyAnswers takes any answer, also that a password is missing.
func valkeyAnswers(ctx context.Context, addr string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return err
	}
	_, err = bufio.NewReader(conn).ReadString('\n')
	return err
}
