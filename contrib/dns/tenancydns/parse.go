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

// Parse returns the domain in text, in lower case, in A-labels and without a dot at the
// end: xn--bcher-kva.example for " Bücher.Example. ". It fails with an [*tenancy.Error]
// that wraps [tenancy.ErrInvalid] and has the field domain for
//
//   - text that is not a domain: a URL, a wildcard, an IP address, a single label
//   - an invalid internationalised name (RFC 5891)
//   - a public suffix such as co.uk or github.io, by the list of
//     golang.org/x/net/publicsuffix
//   - the domains in own, and those below them
//
// Show people the result too: letters that look alike differ in it.
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
