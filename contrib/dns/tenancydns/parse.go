package tenancydns

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// profile is how browsers read a host (UTS 46, non-transitional), but for what is no host.
var profile = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.CheckJoiners(true),
	idna.ValidateLabels(true), idna.StrictDomainName(true))

// Parse returns the domain that somebody means by text, in lower case, in A-labels and without a
// dot at its end: xn--bcher-kva.example for " Bücher.Example. ". It refuses with an
// [*tenancy.Error] that wraps [tenancy.ErrInvalid] and has the field domain
//
//   - what is no domain: a URL, a wildcard, an IP address, a single label
//   - what cannot be registered as an internationalised name (RFC 5891)
//   - a public suffix such as co.uk or github.io, which is nobody's alone; the list is
//     that of golang.org/x/net/publicsuffix
//   - the domains of the product itself, and what is below them
//
// Show what it returns to people, too, beside what they typed: letters that look alike
// differ there.
func Parse(text string, own ...string) (string, error) {
	domain, err := profile.ToASCII(strings.TrimSuffix(strings.TrimSpace(text), "."))
	if err != nil || !utf8.ValidString(text) {
		return "", invalid("is no domain")
	}
	if err := tenancy.ValidateDomain(domain); err != nil {
		return "", err
	}
	if suffix, _ := publicsuffix.PublicSuffix(domain); suffix == domain {
		return "", invalid("is a public suffix, below which anybody has domains")
	}
	for _, base := range own {
		if domain == base || strings.HasSuffix(domain, "."+base) {
			return "", invalid("belongs to this service")
		}
	}
	return domain, nil
}

func invalid(format string, args ...any) error {
	return &tenancy.Error{Field: "domain", Err: fmt.Errorf("%w: %s", tenancy.ErrInvalid, fmt.Sprintf(format, args...))}
}
