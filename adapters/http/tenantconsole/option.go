package tenantconsole

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Option configures Handler.
type Option interface{ apply(*config) }

type option func(*config)

func (o option) apply(c *config) { o(c) }

type config struct {
	API    string // the path of the service, without the slash at its end
	Status string // "" if there is none
}

// WithAPI sets the path under which the service is mounted, for one that is mounted with
// [http.StripPrefix]: "/" unless set.
func WithAPI(path string) Option { return option(func(c *config) { c.API = path }) }

// WithStatus sets the path of a handler by tenancyhttp.Debug, which the page then asks every
// few seconds: how far the node has followed the change log, its caches and its replicas.
// Whoever may see that is for the mount to decide; a token is sent there, too.
func WithStatus(path string) Option { return option(func(c *config) { c.Status = path }) }

func (c *config) check() error {
	for name, path := range map[string]string{"api": c.API, "status": c.Status} {
		if path == "" && name == "status" {
			continue
		}
		// The token must not go elsewhere: //host is another origin, and browsers read \ as /.
		if u, err := url.Parse(path); err != nil || u.Path != path || !strings.HasPrefix(path, "/") ||
			strings.HasPrefix(path, "//") || strings.Contains(path, `\`) {
			return invalidArgument(name, "it is not a path of this origin")
		}
	}
	c.API = strings.TrimSuffix(c.API, "/")
	return nil
}

func invalidArgument(field, reason string) error {
	return &tenancy.Error{Op: "Handler", Field: field, Err: fmt.Errorf("%w: %s", tenancy.ErrInvalid, reason)}
}
