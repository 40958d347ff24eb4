package tenancygrpc

import (
	"context"
	"crypto/x509"
	"net/url"
	"strings"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/go-tenancy/tenantstore/core/resolve"
)

// Claims reads the tenant from the credential that the application's own authentication has
// checked, and has put into the context, a JWT for instance. claim returns the tenant in it and
//
//   - [resolve.ErrUnauthenticated] if there is no valid credential
//   - "" or [resolve.ErrNoTenantClaim] if it names no tenant
//   - [resolve.ErrAbsent] if the call may be anonymous, which lets [First] and [Agree] look
//     elsewhere
func Claims(claim func(ctx context.Context) (string, error), opts ...KeyOption) Resolver {
	return claims{claim, newKeyConfig(opts)}
}

type claims struct {
	claim func(context.Context) (string, error)
	keyConfig
}

func (c claims) Resolve(ctx context.Context) (resolve.Match, error) {
	value, err := c.claim(ctx)
	return c.verified(resolve.NameClaims, value, err)
}

func (c claims) check() error {
	if c.claim == nil {
		return misconfigured("Claims: the function is nil")
	}
	return c.err
}

// verified is the match of a value from a credential.
func (c keyConfig) verified(name, value string, err error) (resolve.Match, error) {
	if err == nil && value == "" {
		err = resolve.ErrNoTenantClaim
	}
	if err != nil {
		return resolve.Match{Resolver: name}, err
	}
	m, err := c.match(name, value)
	m.Verified = true
	return m, err
}

// CommonName reads the tenant from the common name of the certificate by which the client has
// authenticated itself in the TLS handshake. No certificate that was verified is
// [resolve.ErrUnauthenticated], one without a common name [resolve.ErrNoTenantClaim].
//
// The server's tls.Config must verify certificates by its ClientCAs. Every certificate that these
// issue must have such a name.
func CommonName(opts ...KeyOption) Resolver {
	return certificate{newKeyConfig(opts), func(c *x509.Certificate) (string, error) { return c.Subject.CommonName, nil }}
}

// SPIFFE reads the tenant from the SPIFFE ID in the client's certificate, which is verified as
// with [CommonName]: from the segment of its path behind a prefix, such as acme in
//
//	spiffe://prod.example.com/tenant/acme/worker
//
// for SPIFFE("prod.example.com", "/tenant/"). A certificate without such an ID, or one of another
// trust domain, is [resolve.ErrNoTenantClaim].
func SPIFFE(trustDomain, prefix string, opts ...KeyOption) Resolver {
	c := newKeyConfig(opts)
	if (&url.URL{Scheme: "spiffe", Host: trustDomain}).String() != "spiffe://"+strings.ToLower(trustDomain) || trustDomain == "" || strings.Contains(trustDomain, ":") {
		c.err = misconfigured("SPIFFE: %q is not a trust domain", trustDomain)
	}
	if !strings.HasPrefix(prefix, "/") || !strings.HasSuffix(prefix, "/") || prefix != "/" && !segmentsAre(prefix[1:len(prefix)-1], plainSegment) {
		c.err = misconfigured("SPIFFE: the prefix %q is not a path between two slashes", prefix)
	}
	return certificate{c, func(cert *x509.Certificate) (string, error) { return spiffeTenant(cert, trustDomain, prefix) }}
}

func spiffeTenant(cert *x509.Certificate, trustDomain, prefix string) (string, error) {
	var id *url.URL
	for _, u := range cert.URIs {
		if u.Scheme != "spiffe" {
			continue
		}
		if id != nil {
			return "", refuse("certificate", "has two SPIFFE IDs")
		}
		id = u
	}
	switch {
	case id == nil, id.Host != trustDomain, id.User != nil:
		return "", resolve.ErrNoTenantClaim
	case id.RawQuery != "" || id.Fragment != "" || id.RawPath != "" || !strings.HasPrefix(id.Path, "/") || !segmentsAre(id.Path[1:], plainSegment):
		return "", refuse("certificate", "has a malformed SPIFFE ID")
	}
	rest, _ := strings.CutPrefix(id.Path, prefix)
	if rest == id.Path {
		return "", resolve.ErrNoTenantClaim
	}
	tenant, _, _ := strings.Cut(rest, "/")
	return tenant, nil
}

// segmentsAre reports whether each segment of path is ok.
func segmentsAre(path string, ok func(segment string) bool) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if !ok(segment) {
			return false
		}
	}
	return true
}

// plainSegment reports whether a path of a SPIFFE ID may have the segment.
func plainSegment(s string) bool {
	return s != "" && s != "." && s != ".." &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == ""
}

type certificate struct {
	keyConfig
	tenant func(*x509.Certificate) (string, error)
}

func (c certificate) Resolve(ctx context.Context) (resolve.Match, error) {
	cert := verifiedCertificate(ctx)
	if cert == nil {
		return resolve.Match{Resolver: resolve.NameCertificate}, resolve.ErrUnauthenticated
	}
	value, err := c.tenant(cert)
	return c.verified(resolve.NameCertificate, value, err)
}

func (c certificate) check() error { return c.err }

// verifiedCertificate returns the client's certificate, or nil if there is none that
// crypto/tls has verified.
func verifiedCertificate(ctx context.Context) *x509.Certificate {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 || len(info.State.VerifiedChains[0]) == 0 {
		return nil
	}
	return info.State.VerifiedChains[0][0]
}
