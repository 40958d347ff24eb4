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
	// GetByDomain returns the tenant that has verified this domain, in any status. A claim
	// does not resolve. Errors: ErrNotFound, ErrInvalid.
	GetByDomain(ctx context.Context, domain string) (Tenant, error)
}

// Names is the part of a Store for other names of its tenants: custom domains and former
// identifiers. If a store does not support names, every method fails with
// [errors.ErrUnsupported].
//
// A domain is a claim until it is verified. Any number of tenants may claim a domain, and a
// claim does not affect other tenants. At most one tenant has verified it. The application
// decides whether a tenant may verify it, by a proof such as a TXT record that holds the
// claim's Token. A claim ends after a time that the store sets, 30 days by default.
//
// The names of a tenant are part of its state: a change of them is a write of the tenant,
// with a new UpdatedAt, Revision and Mark. Deleting the tenant removes them in the same
// change. The methods that write return the tenant as stored; a call that changes nothing
// writes nothing.
type Names interface {
	DomainGetter
	// FormerOwner returns the tenant that had this identifier until it was renamed, if the
	// store keeps former identifiers and no tenant has the identifier now. It keeps old
	// links working: see tenancyhttp.WithRedirectFormer. Errors: ErrNotFound, ErrInvalid.
	FormerOwner(ctx context.Context, identifier string) (Tenant, error)
	// NamesOf returns the names of a tenant, by kind, then value. It is not cached.
	// Errors: ErrNotFound, ErrInvalid.
	NamesOf(ctx context.Context, id string) ([]Name, error)
	// ListNames returns at most limit names of all tenants, claims included, that come after
	// the given one, by TenantID (byte order), then kind, then value. The zero TenantName is
	// before the first; fewer than limit are all that there were. A limit of 0 means
	// DefaultPageLimit; at most MaxPageLimit. Like List, it is not older than a position that
	// Bounds or Changes has returned before. It is not cached. Errors: ErrInvalid.
	ListNames(ctx context.Context, after TenantName, limit int) (NamePage, error)

	// AddDomain adds a claim of the domain to the tenant, with a new Token. If the tenant
	// has the domain already, AddDomain returns it unchanged. Errors: ErrNotFound;
	// ErrInvalid, also beyond MaxDomains.
	AddDomain(ctx context.Context, id, domain string) (Name, error)
	// VerifyDomain turns the tenant's claim into a domain by which the tenant is found.
	// Call it after checking the proof. Errors: ErrNotFound if the tenant has no such
	// claim, or it has ended; ErrAlreadyExists, with the Field "domain", if another tenant
	// has verified it; ErrInvalid.
	VerifyDomain(ctx context.Context, id, domain string) (Tenant, error)
	// SetPrimaryDomain makes a verified domain of the tenant its only primary one; ""
	// leaves it without one. Errors: ErrNotFound if the tenant has not verified it;
	// ErrInvalid.
	SetPrimaryDomain(ctx context.Context, id, domain string) (Tenant, error)
	// RemoveDomain removes a domain or claim of the tenant.
	// Errors: ErrNotFound, ErrInvalid.
	RemoveDomain(ctx context.Context, id, domain string) (Tenant, error)
}

// HasNames reports whether s, and every store below it, supports [Names]. If not, the
// methods fail with [errors.ErrUnsupported].
func HasNames(s Store) bool {
	asked, ok := s.(interface{ HasNames() bool })
	return ok && asked.HasNames()
}

// Name is a domain of a tenant, or an identifier that it had.
type Name struct {
	Kind  KeyKind `json:"kind"` // KindDomain or KindFormer
	Value string  `json:"value"`
	// Token is a random text of this claim alone, for a proof. It is not a secret: a proof
	// by DNS publishes it.
	Token     string    `json:"token,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	// VerifiedAt is when a domain was verified; zero while it is a claim.
	VerifiedAt time.Time `json:"verified_at,omitzero"`
	// ExpiresAt is when a claim or a former identifier ends, if it does.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	Primary   bool      `json:"primary,omitempty"`
}

// Key returns the key under which n finds its tenant, and whether there is one: a claim has
// none.
func (n Name) Key() (Key, bool) {
	return Key{n.Kind, n.Value}, n.Kind != KindDomain || !n.VerifiedAt.IsZero()
}

// TenantName is a name with the ID of the tenant that has it.
type TenantName struct {
	TenantID string
	Name
}

// NamePage is one page of names.
type NamePage struct {
	Names []TenantName
	// AsOf is as that of a [Page].
	AsOf Position
}

// ValidateDomain returns an [*Error] that wraps ErrInvalid, with the Field "domain", if no
// tenant can have this domain. A domain has at least two labels and at most 253 characters,
// and is not an IP address. A label has 1 to 63 characters, a-z, 0-9 or hyphen, and no
// hyphen at its ends. So upper case, a dot at the end, a port, a wildcard and letters
// beyond ASCII are refused: package tenancydns parses what people type.
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
	all := byte(1)
	for i := range n { // without branches, whose outcomes no processor could predict
		all &= labelBytes[label[i]]
	}
	return all == 1
}

// labelBytes has 1 for each byte that a label may hold.
var labelBytes = func() (is [256]byte) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyz0123456789-") {
		is[c] = 1
	}
	return is
}()

// numeric reports whether clients take a host for an IPv4 address because of this last
// label, in decimal or hexadecimal (as in the URL standard of WHATWG).
func numeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}
