package tenantclient

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Store is a [tenancy.Source] that a server serves. Create one with Open.
type Store struct {
	*driver.Extended // checks input, completes errors, ends calls
}

var _ tenancy.Source = (*Store)(nil)

// backend implements [driver.Backend] by requests.
type backend struct {
	base   string // without a slash at the end
	http   *http.Client
	token  string
	poll   time.Duration
	stream *listener
	own    *http.Transport // to be closed; nil if it is the caller's
}

// What Extend can use beyond driver.Backend.
var (
	_ driver.ManyGetter   = (*backend)(nil)
	_ driver.Counter      = (*backend)(nil)
	_ driver.Searcher     = (*backend)(nil)
	_ driver.StatusSetter = (*backend)(nil)
	_ driver.BatchCreator = (*backend)(nil)
	_ driver.Purger       = (*backend)(nil)
	_ driver.Names        = (*backend)(nil)
	_ driver.Source       = (*backend)(nil)
)

// Open returns the store that is served at a URL, such as https://tenants.internal:8443, to
// which it does not connect yet. It fails with [tenancy.ErrInvalid] if the URL or an option
// is wrong.
func Open(server string, opts ...Option) (*Store, error) {
	base, err := url.Parse(server)
	// Its text is not repeated: what is wrong with it may be a password.
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" ||
		base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, invalid("url", "must be http:// or https://, a host, and perhaps a port and a path: nothing else")
	}
	c := config{poll: DefaultPollInterval}
	for _, o := range opts {
		if o == nil {
			return nil, invalid("options", "one of them is nil")
		}
		if err := o.apply(&c); err != nil {
			return nil, err
		}
	}
	b := &backend{base: strings.TrimRight(base.String(), "/"), token: c.token, poll: c.poll}
	if c.http == nil {
		b.own = newTransport()
		c.http = &http.Client{Transport: b.own}
	}
	b.http = &http.Client{
		Transport: c.http.Transport, Timeout: c.http.Timeout,
		// A redirect would take the token and the write elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	b.stream = newListener(b)
	extended, err := driver.Extend(b)
	if err != nil {
		return nil, err
	}
	return &Store{extended}, nil
}

// The limits of a server that does not answer. What a call may take is for its context.
const (
	headerTimeout = 30 * time.Second
	maxIdle       = 64 // connections that are kept
)

func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one
	t.MaxIdleConns, t.MaxIdleConnsPerHost = maxIdle, maxIdle
	t.ResponseHeaderTimeout = headerTimeout
	return t
}

// Close is called once, by Extended, which ends the calls.
func (b *backend) Close() error {
	b.stream.close()
	if b.own != nil {
		b.own.CloseIdleConnections()
	}
	return nil
}
