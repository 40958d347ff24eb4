package tenantclient

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// DefaultPollInterval is after how long Wait returns while the stream of changes is up, if
// nothing has happened.
const DefaultPollInterval = 5 * time.Second

// Option configures Open.
type Option interface{ apply(*config) error }

type option func(*config) error

func (o option) apply(c *config) error { return o(c) }

type config struct {
	http  *http.Client
	token string
	poll  time.Duration
}

// WithToken sends token with each request, as Authorization: Bearer. It is for https, or for
// a server on the same machine.
func WithToken(token string) Option {
	return option(func(c *config) error {
		if token == "" || strings.Trim(token, tokenCharacters) != "" {
			return invalid("token", "must consist of the characters that a bearer token may have")
		}
		c.token = token
		return nil
	})
}

const tokenCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/="

// WithHTTPClient sends requests by h: for certificates of clients, other proxies, or tokens
// that change. Redirects are not followed, and cookies not kept. A Timeout that it has ends
// streams, too.
func WithHTTPClient(h *http.Client) Option {
	return option(func(c *config) error {
		if h == nil {
			return invalid("http_client", "must not be nil")
		}
		c.http = h
		return nil
	})
}

// WithPollInterval sets, from a millisecond to a day, after how long Wait returns without
// having been woken while the stream of changes is up (DefaultPollInterval). While it is
// down, Wait returns after a second at most.
func WithPollInterval(d time.Duration) Option {
	return option(func(c *config) error {
		if d < time.Millisecond || d > 24*time.Hour {
			return invalid("poll_interval", "must be from a millisecond to a day")
		}
		c.poll = d
		return nil
	})
}

func invalid(field, reason string) error {
	return &tenancy.Error{Op: "Open", Field: field, Err: fmt.Errorf("%w: %s", tenancy.ErrInvalid, reason)}
}
