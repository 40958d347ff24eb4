package tenancy

import (
	"context"
	"strings"
	"time"
)

// The limits of names.
const (
	// MaxDomains is how many domains a tenant can have, claims included.
	MaxDomains     = 100
	MaxDomainBytes = 253
	maxLabelBytes  = 63
)

// DomainGetter is the part of a Store that finds the tenant of a custom domain.
type DomainGetter interface {
	// GetByDomain returns the tenant that has verified this domain, whatever the
	// tenant's status. A claim finds nobody. Errors: ErrNotFound, ErrInvalid.
	GetByDomain(ctx context.Context, domain string) (Tenant, error)
}

// Names is the part of a Store that knows what else its tenants are called: the domains
// that they have brought, and the identifiers that they had. Where a store has no names,
// every method fails with [errors.ErrUnsupported].
//
// A domain is a claim until it is verified. Any number of tenants may claim a domain, and
// a claim changes nothing for anybody else; one tenant at most has verified it. Who may
// verify it is for the application to decide, by a proof such as a TXT record that holds
// the claim's Token. A claim ends after a time that the store sets, 30 days by default.
//
// The names of a tenant are part of its state: whoever changes them writes the tenant,
// with a new UpdatedAt, Revision and Mark. They go when the tenant goes, in the same
// change. The methods that write return the tenant as stored; what changes nothing writes
// nothing.
type Names interface {
	DomainGetter
	// FormerOwner returns the tenant that had this identifier until it was renamed, if
	// the store keeps former identifiers, and nobody has the identifier now. For links
	// that lead to the old one: see tenancyhttp.WithRedirectFormer.
	// Errors: ErrNotFound, ErrInvalid.
	FormerOwner(ctx context.Context, identifier string) (Tenant, error)
	// NamesOf returns the names of a tenant, by kind, then value. It is not cached.
	// Errors: ErrNotFound, ErrInvalid.
	NamesOf(ctx context.Context, id string) ([]Name, error)

	// AddDomain makes a claim of the tenant, with a new Token. A domain that the tenant
	// has already is returned as it is. Errors: ErrNotFound; ErrInvalid, also beyond
	// MaxDomains.
	AddDomain(ctx context.Context, id, domain string) (Name, error)
	// VerifyDomain makes the tenant's claim a domain by which it is found. Call it after
	// the proof. Errors: ErrNotFound where the tenant has no such claim, or no longer;
	// ErrAlreadyExists, with the Field "domain", where another tenant has verified it;
	// ErrInvalid.
	VerifyDomain(ctx context.Context, id, domain string) (Tenant, error)
	// SetPrimaryDomain makes a verified domain of the tenant its primary one, in the
	// place of another; "" leaves it without. Errors: ErrNotFound where the tenant has
	// not verified it; ErrInvalid.
	SetPrimaryDomain(ctx context.Context, id, domain string) (Tenant, error)
	// RemoveDomain removes a domain or claim of the tenant.
	// Errors: ErrNotFound, ErrInvalid.
	RemoveDomain(ctx context.Context, id, domain string) (Tenant, error)
}

// HasNames reports whether s, and every store below it, has [Names]. Where it has not,
// the methods fail with [errors.ErrUnsupported].
func HasNames(s Store) bool {
	asked, ok := s.(interface{ HasNames() bool })
	return ok && asked.HasNames()
}

// Name is a domain of a tenant, or an identifier that it had.
type Name struct {
	Kind  KeyKind `json:"kind"` // KindDomain or KindFormer
	Value string  `json:"value"`
	// Token is a random text that belongs to this claim alone, for a proof. It is no
	// secret: whoever verifies by DNS publishes it.
	Token     string    `json:"token,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	// VerifiedAt is when a domain was verified; zero while it is a claim.
	VerifiedAt time.Time `json:"verified_at,omitzero"`
	// ExpiresAt is when a claim or a former identifier ends, if it does.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	Primary   bool      `json:"primary,omitempty"`
}

// Key returns the key under which the tenant is found by n, and whether it is: not by a
// claim.
func (n Name) Key() (Key, bool) {
	return Key{n.Kind, n.Value}, n.Kind != KindDomain || !n.VerifiedAt.IsZero()
}

// ValidateDomain returns an [*Error] that wraps ErrInvalid, with the Field "domain", if no
// tenant can have this domain: it must be two labels at least, each of 1 to 63 characters
// a-z, 0-9 or hyphen and without a hyphen at its ends, of 253 characters together, and no
// IP address. So upper case, a dot at the end, a port, a wildcard and letters beyond ASCII
// are refused: package tenancydns makes of what people type what is valid here.
func ValidateDomain(domain string) error {
	if len(domain) > MaxDomainBytes {
		return invalid("domain", "must have at most %d characters", MaxDomainBytes)
	}
	labels, last := 0, ""
	for label := range strings.SplitSeq(domain, ".") {
		if !validLabel(label) {
			return invalid("domain", "must consist of labels of 1 to %d characters a-z, 0-9 or hyphen, without a hyphen at their ends", maxLabelBytes)
		}
		labels, last = labels+1, label
	}
	if labels < 2 || numeric(last) {
		return invalid("domain", "must be two labels at least, and no IP address")
	}
	return nil
}

func validLabel(label string) bool {
	n := len(label)
	if n == 0 || n > maxLabelBytes || label[0] == '-' || label[n-1] == '-' {
		return false
	}
	for i := range n {
		if c := label[i]; !isLower(c) && c != '-' && !isDigit(c) {
			return false
		}
	}
	return true
}

// numeric reports whether clients take a host for an IPv4 address because of this last
// label, in decimal or hexadecimal (as in the URL standard of WHATWG).
func numeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
