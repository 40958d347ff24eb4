package tenancydns_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/net/idna"

	"github.com/go-tenancy/tenantstore/contrib/dns/tenancydns"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"shop.acme.test": "shop.acme.test", " Shop.ACME.test. ": "shop.acme.test", "Bücher.example": "xn--bcher-kva.example",
		"bu\u0308cher.example": "xn--bcher-kva.example", "xn--bcher-kva.example": "xn--bcher-kva.example", "faß.example": "xn--fa-hia.example",
		"例え.テスト": "xn--r8jz45g.xn--zckzah", "a。b.test": "a.b.test", "ＡＢＣ.test": "abc.test", "acme.co.uk": "acme.co.uk", "acme.github.io": "acme.github.io",
		"my-product.test": "my-product.test",
	} {
		if got, err := tenancydns.Parse(text, "product.test"); err != nil || got != want {
			t.Errorf("Parse(%q): %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", ".", "test", "https://acme.test", "acme.test/", "acme.test:443", "*.acme.test", "user@acme.test", "192.0.2.1", "１９２.0.2.1", "[::1]",
		"a b.test", "acme..test", "acme.test..", "a_b.test", "xn--a.test", "xn--bücher.test", "-acme.test", "\u200dacme.test", "א1.test\u0661", "acme\x00.test", "\xff.test",
		"co.uk", "github.io", "com", "公司.cn", strings.Repeat("ü", 63) + ".test",
		"product.test", "acme.product.test", "PRODUCT.test.",
	} {
		got, err := tenancydns.Parse(text, "product.test")
		var e *tenancy.Error
		if !errors.Is(err, tenancy.ErrInvalid) || !errors.As(err, &e) || e.Field != "domain" || got != "" {
			t.Errorf("Parse(%q): %q, %v, want ErrInvalid with the field domain", text, got, err)
		}
	}
}

// What Parse returns is what it returns for that, is what a store takes, and looks in a browser
// as something that leads to it again.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"shop.acme.test", "Bücher.example.", "例え.テスト", "xn--bcher-kva.example", "a。b.test", "ΑΣ.gr", "ß.de", "\u00ad.test", "co.uk", "İ.test"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		domain, err := tenancydns.Parse(text)
		if err != nil {
			if !errors.Is(err, tenancy.ErrInvalid) {
				t.Fatalf("Parse(%q): %v", text, err)
			}
			return
		}
		if err := tenancy.ValidateDomain(domain); err != nil {
			t.Fatalf("Parse(%q) returned %q: %v", text, domain, err)
		}
		if again, err := tenancydns.Parse(domain); err != nil || again != domain {
			t.Fatalf("Parse(%q) returned %q, and of that %q, %v", text, domain, again, err)
		}
		if shown, err := idna.Display.ToUnicode(domain); err == nil {
			if again, err := tenancydns.Parse(shown); err != nil || again != domain {
				t.Fatalf("Parse(%q) returned %q, which is shown as %q, of which it returns %q, %v", text, domain, shown, again, err)
			}
		}
	})
}

func TestNewVerifierRefuses(t *testing.T) {
	for label, servers := range map[string][]string{
		"": nil, "_": nil, "challenge": nil, "_Challenge": nil, "_a.b": nil, "__a": nil, "_challenge-": nil,
		"_challenge": {"9.9.9.9"}, "_challenge2": {":53"}, "_challenge3": {"9.9.9.9:53", ""},
	} {
		if v, err := tenancydns.NewVerifier(label, servers...); v != nil || !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("NewVerifier(%q, %q): %v", label, servers, err)
		}
	}
}
