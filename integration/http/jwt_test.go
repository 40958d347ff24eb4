package http_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/resolve"
)

// accessClaims are those of the tokens of this application. The tenant is a text:
// a token with a list or a number there does not decode.
type accessClaims struct {
	Tenant string `json:"tenant"`
	jwt.RegisteredClaims
}

type accessKey struct{}

const maxTokenBytes = 8 << 10

// authenticate puts the claims of a valid token into the context. It decides
// nothing else: who needs a token says so.
//
// What it checks is the list to copy: an explicit algorithm and a key that fits
// it, issuer, audience, an expiry that must be there, and a size before anything
// is parsed.
func authenticate(key any) func(http.Handler) http.Handler {
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}),
		jwt.WithIssuer("https://issuer.test"),
		jwt.WithAudience("orders"),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(30*time.Second),
	)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var claims accessClaims
			if token := bearer(r); token != "" && len(token) <= maxTokenBytes {
				_, err := parser.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return key, nil })
				if err == nil {
					r = r.WithContext(context.WithValue(r.Context(), accessKey{}, claims))
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// bearer returns the token of the Authorization header (RFC 6750), whose scheme
// has no case, or "". Two such headers are none.
func bearer(r *http.Request) string {
	lines := r.Header["Authorization"]
	if len(lines) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(lines[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimLeft(token, " ")
}

// tenantOfToken is for tenancyhttp.Claims.
func tenantOfToken(r *http.Request) (string, error) {
	claims, ok := r.Context().Value(accessKey{}).(accessClaims)
	if !ok {
		return "", resolve.ErrUnauthenticated
	}
	return claims.Tenant, nil // "" is ErrNoTenantClaim
}

func TestJWT(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&private.PublicKey)})
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h := authenticate(&private.PublicKey)(must(tenancyhttp.NewMiddleware(newStore(t), tenancyhttp.Agree(
		tenancyhttp.Claims(tenantOfToken, tenancyhttp.ByID()),
		tenancyhttp.Subdomain("example.com"),
	), silent))(whoami))

	sign := func(method jwt.SigningMethod, key any, change func(jwt.MapClaims)) string {
		claims := jwt.MapClaims{
			"iss": "https://issuer.test", "aud": "orders", "exp": time.Now().Add(time.Hour).Unix(), "tenant": "id-acme",
		}
		if change != nil {
			change(claims)
		}
		token, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	with := func(change func(jwt.MapClaims)) string { return sign(jwt.SigningMethodRS256, private, change) }
	valid := with(nil)
	set := func(name string, value any) string { return with(func(c jwt.MapClaims) { c[name] = value }) }

	const acme = "https://acme.example.com/"
	for name, row := range map[string]struct{ target, authorization, want string }{
		"valid":                     {acme, "Bearer " + valid, "200 acme /"},
		"valid, apex":               {"https://example.com/", "Bearer " + valid, "200 acme /"},
		"the scheme has no case":    {acme, "bEaReR " + valid, "200 acme /"},
		"expired within the leeway": {acme, "Bearer " + set("exp", time.Now().Add(-10*time.Second).Unix()), "200 acme /"},
		"another tenant's host":     {"https://globex.example.com/", "Bearer " + valid, "403"},
		"nobody's host":             {"https://nobody.example.com/", "Bearer " + valid, "403"},
		"suspended":                 {"https://late.example.com/", "Bearer " + set("tenant", "id-late"), "403"},
		"removed":                   {"https://example.com/", "Bearer " + set("tenant", "id-nobody"), "404"},
		"no tenant in the token":    {acme, "Bearer " + with(func(c jwt.MapClaims) { delete(c, "tenant") }), "403"},
		"empty tenant":              {acme, "Bearer " + set("tenant", ""), "403"},
		"none":                      {acme, "", "401"},
		"another scheme":            {acme, "Basic " + valid, "401"},
		"no scheme":                 {acme, valid, "401"},
		"a list of tenants":         {acme, "Bearer " + set("tenant", []string{"id-acme"}), "401"},
		"a number as a tenant":      {acme, "Bearer " + set("tenant", 17), "401"},
		"expired":                   {acme, "Bearer " + set("exp", time.Now().Add(-time.Hour).Unix()), "401"},
		"never expires":             {acme, "Bearer " + with(func(c jwt.MapClaims) { delete(c, "exp") }), "401"},
		"not yet valid":             {acme, "Bearer " + set("nbf", time.Now().Add(time.Hour).Unix()), "401"},
		"another issuer":            {acme, "Bearer " + set("iss", "https://evil.test"), "401"},
		"another audience":          {acme, "Bearer " + set("aud", "billing"), "401"},
		"another key":               {acme, "Bearer " + sign(jwt.SigningMethodRS256, other, nil), "401"},
		"algorithm none":            {acme, "Bearer " + sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil), "401"},
		"the public key as secret":  {acme, "Bearer " + sign(jwt.SigningMethodHS256, public, nil), "401"},
		"another algorithm":         {acme, "Bearer " + sign(jwt.SigningMethodES256, elliptical, nil), "401"},
		"a signature cut short":     {acme, "Bearer " + valid[:len(valid)-4], "401"},
		"too large":                 {acme, "Bearer " + set("x", strings.Repeat("x", maxTokenBytes)), "401"},
	} {
		t.Run(name, func(t *testing.T) {
			var header []string
			if row.authorization != "" {
				header = []string{"Authorization", row.authorization}
			}
			if got := ask(h, row.target, header...); got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
	if got := ask(h, acme, "Authorization", "Bearer "+valid, "Authorization", "Bearer "+valid); got != "401" {
		t.Errorf("two tokens: %s", got)
	}
}
