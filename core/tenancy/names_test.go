package tenancy_test

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// What it accepts is in a form that needs no other: what a resolver, a certificate and a
// Host header call a name.
func FuzzValidateDomain(f *testing.F) {
	for _, domain := range []string{
		"acme.test", "a.b", "xn--mnchen-3ya.test", "acme.test.", "Acme.test", "192.0.2.1", "1.2.3.0x7f", "0x.test", "a.0x", "*.acme.test", "acme..test",
		"-a.test", "a-.test", "münchen.test", strings.Repeat("a", 64) + ".test", strings.Repeat("a.", 126) + "ab", strings.Repeat("a.", 127),
	} {
		f.Add(domain)
	}
	labels := regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	number := regexp.MustCompile(`\.([0-9]+|0x[0-9a-f]*)$`)
	f.Fuzz(func(t *testing.T, domain string) {
		err := tenancy.ValidateDomain(domain)
		want := len(domain) <= 253 && labels.MatchString(domain) && !strings.HasSuffix(domain, "\n") && !number.MatchString(domain)
		if (err == nil) != want {
			t.Fatalf("ValidateDomain(%q): %v, want valid %t", domain, err, want)
		}
		if err != nil {
			wantInvalid(t, domain, err, "domain")
			return
		}
		if _, err := netip.ParseAddr(domain); err == nil {
			t.Errorf("%q is an IP address", domain)
		}
	})
}

func TestKeysOfNames(t *testing.T) {
	for name, c := range map[string]struct {
		name  tenancy.Name
		found bool
	}{
		"a claim":             {tenancy.Name{Kind: tenancy.KindDomain, Value: "acme.test"}, false},
		"a verified domain":   {tenancy.Name{Kind: tenancy.KindDomain, Value: "acme.test", VerifiedAt: time.Unix(1, 0)}, true},
		"a former identifier": {tenancy.Name{Kind: tenancy.KindFormer, Value: "acme"}, true},
	} {
		k, found := c.name.Key()
		if found != c.found || k.Kind != c.name.Kind || k.Value != c.name.Value || k.Validate() != nil || k.OfField() {
			t.Errorf("%s: %v, %t", name, k, found)
		}
		if k.Matches(tenancy.Tenant{ID: k.Value, Identifier: k.Value}) {
			t.Errorf("%s matches a tenant, which does not tell", name)
		}
	}
}

func TestNameAsJSON(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	text, err := json.Marshal([]tenancy.Name{
		{Kind: tenancy.KindDomain, Value: "acme.test", Token: "T", CreatedAt: at, ExpiresAt: at},
		{Kind: tenancy.KindFormer, Value: "acme", CreatedAt: at},
	})
	want := `[{"kind":"domain","value":"acme.test","token":"T","created_at":"2026-11-30T12:00:00Z","expires_at":"2026-11-30T12:00:00Z"},` +
		`{"kind":"former","value":"acme","created_at":"2026-11-30T12:00:00Z"}]`
	if err != nil || string(text) != want {
		t.Errorf("got %s, %v", text, err)
	}
}
