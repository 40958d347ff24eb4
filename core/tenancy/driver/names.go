package driver

import (
	"crypto/rand"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// DefaultClaimLifetime is after how long a claim of a domain ends, unless a store is told
// otherwise.
const DefaultClaimLifetime = 30 * 24 * time.Hour

// NewClaim returns the claim of a domain that is made at now, with a token of 130 random
// bits.
func NewClaim(domain string, now time.Time, lifetime time.Duration) tenancy.Name {
	now = NormalizeTime(now)
	return tenancy.Name{
		Kind: tenancy.KindDomain, Value: domain, Token: rand.Text(), CreatedAt: now, ExpiresAt: NormalizeTime(now.Add(lifetime)),
	}
}
