package main

import (
	"crypto/sha1" // the hash of UUID version 5
	_ "embed"
	"encoding/hex"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// institutionsCSV is the sample: see data/README.md for origin and licence.
//
//go:embed data/institutions.csv
var institutionsCSV string

// institution is what the metadata of a sample tenant holds.
type institution struct {
	Domain string `json:"domain"`
}

// newInstitution returns the tenant of a line of the sample.
func newInstitution(domain, name string) (tenancy.Tenant, error) {
	metadata, err := tenancy.NewMetadata(institution{domain})
	return tenancy.Tenant{
		ID:         domainID(domain),
		Identifier: identifierOf(domain),
		Name:       name,
		Metadata:   metadata,
	}, err
}

// identifierOf turns a domain into an identifier: mit.edu becomes mit-edu, and
// 1060.ru, which must not begin with a digit, t-1060-ru. The result may still
// break the rules; the store tells.
func identifierOf(domain string) string {
	identifier := strings.ReplaceAll(strings.ToLower(domain), ".", "-")
	if tenancy.ValidateIdentifier(identifier) != nil {
		return "t-" + identifier
	}
	return identifier
}

// dnsNamespace is the namespace of domain names, 6ba7b810-9dad-11d1-80b4-00c04fd430c8.
const dnsNamespace = "\x6b\xa7\xb8\x10\x9d\xad\x11\xd1\x80\xb4\x00\xc0\x4f\xd4\x30\xc8"

// domainID returns the UUID version 5 (RFC 9562, section 5.5) of a domain as it
// is spelt. IDs that follow from the input make an import repeatable: what is
// there already is recognised, even if it was renamed since.
func domainID(domain string) string {
	u := sha1.Sum([]byte(dnsNamespace + domain))
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	s := hex.EncodeToString(u[:16])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
