package memstore

import (
	"cmp"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// DefaultLogRetention is how many changes a store retains unless told otherwise.
const DefaultLogRetention = 10_000

type config struct {
	softDelete    bool
	reserved      driver.ReservedIdentifiers
	check         driver.MetadataCheck
	claimLifetime time.Duration
	keepFormer    time.Duration
	logRetention  int
}

// Option configures New. There is no nil one; the zero Option changes nothing.
type Option struct{ apply func(*config) }

// WithSoftDelete makes Delete set tenancy.StatusDeleted and keep the tenant and
// its identifier; Purge removes.
func WithSoftDelete() Option {
	return Option{func(c *config) { c.softDelete = true }}
}

// WithReserved keeps identifiers for the product: Create, and an Update that
// renames, refuse them with ErrInvalid. See [driver.ReservedIdentifiers].
func WithReserved(identifiers ...string) Option {
	return Option{func(c *config) { c.reserved = append(c.reserved, identifiers...) }}
}

// WithMetadataCheck makes the store refuse metadata that check refuses: see
// [driver.MetadataCheck].
func WithMetadataCheck(check func(tenancy.Metadata) error) Option {
	return Option{func(c *config) { c.check = check }}
}

// WithClaimLifetime sets how long an unverified claim of a domain lasts:
// [driver.DefaultClaimLifetime] if 0.
func WithClaimLifetime(d time.Duration) Option {
	return Option{func(c *config) { c.claimLifetime = cmp.Or(d, driver.DefaultClaimLifetime) }}
}

// WithKeepFormer keeps the identifiers that tenants give up, for d, as former identifiers:
// see FormerOwner of [tenancy.Names]. With 0, the default, they are forgotten.
func WithKeepFormer(d time.Duration) Option {
	return Option{func(c *config) { c.keepFormer = d }}
}

// WithLogRetention sets how many of the newest changes the log retains: at least
// 1, by default DefaultLogRetention; math.MaxInt keeps all.
func WithLogRetention(changes int) Option {
	return Option{func(c *config) { c.logRetention = max(1, changes) }}
}
