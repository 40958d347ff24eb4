package tenancygrpc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/go-tenancy/tenantstore/contrib/grpc/tenancygrpc"
	"github.com/go-tenancy/tenantstore/core/resolve"
)

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key))
	a.cert = must(x509.ParseCertificate(der))
	return a
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func (a *authority) issue(commonName string, uris ...string) tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: commonName}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"*.example.com"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, u := range uris {
		template.URIs = append(template.URIs, must(url.Parse(u)))
	}
	der := must(x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A tenant by the client's certificate, over TLS that verifies it.
func TestCertificates(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	server := func(auth tls.ClientAuthType) grpc.ServerOption {
		return grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{ca.issue("server")}, ClientCAs: ca.pool(), ClientAuth: auth, MinVersion: tls.VersionTLS13}))
	}
	byName := must(tenancygrpc.NewInterceptors(directory{}, tenancygrpc.CommonName(), silent))
	byID := must(tenancygrpc.NewInterceptors(directory{}, tenancygrpc.SPIFFE("prod.test", "/tenant/", tenancygrpc.ByID()), silent))
	verifies, believes := tls.VerifyClientCertIfGiven, tls.RequireAnyClientCert
	for name, c := range map[string]struct {
		i      *tenancygrpc.Interceptors
		auth   tls.ClientAuthType
		client []tls.Certificate
		code   codes.Code
	}{
		"common name":           {byName, verifies, []tls.Certificate{ca.issue("acme")}, codes.OK},
		"suspended":             {byName, verifies, []tls.Certificate{ca.issue("late")}, codes.PermissionDenied},
		"no tenant's name":      {byName, verifies, []tls.Certificate{ca.issue("Acme Inc.")}, codes.InvalidArgument},
		"no common name":        {byName, verifies, []tls.Certificate{ca.issue("")}, codes.PermissionDenied},
		"no certificate":        {byName, verifies, nil, codes.Unauthenticated},
		"not verified":          {byName, believes, []tls.Certificate{other.issue("acme")}, codes.Unauthenticated},
		"spiffe":                {byID, verifies, []tls.Certificate{ca.issue("x", "spiffe://prod.test/tenant/id-acme/worker", "https://prod.test/")}, codes.OK},
		"spiffe, whole path":    {byID, verifies, []tls.Certificate{ca.issue("x", "spiffe://prod.test/tenant/id-acme")}, codes.OK},
		"another trust domain":  {byID, verifies, []tls.Certificate{ca.issue("x", "spiffe://dev.test/tenant/id-acme")}, codes.PermissionDenied},
		"another path":          {byID, verifies, []tls.Certificate{ca.issue("x", "spiffe://prod.test/tenants/id-acme")}, codes.PermissionDenied},
		"no SPIFFE ID":          {byID, verifies, []tls.Certificate{ca.issue("id-acme", "https://prod.test/tenant/id-acme")}, codes.PermissionDenied},
		"two SPIFFE IDs":        {byID, verifies, []tls.Certificate{ca.issue("x", "spiffe://prod.test/tenant/id-acme", "spiffe://prod.test/tenant/id-globex")}, codes.InvalidArgument},
		"an unclean SPIFFE ID":  {byID, verifies, []tls.Certificate{ca.issue("x", "spiffe://prod.test/tenant/../tenant/id-acme")}, codes.InvalidArgument},
		"an escaped SPIFFE ID":  {byID, verifies, []tls.Certificate{ca.issue("x", "spiffe://prod.test/tenant/id%2dacme")}, codes.InvalidArgument},
		"a slash in it":         {byID, verifies, []tls.Certificate{ca.issue("x", "spiffe://prod.test/tenant/id-acme%2fx")}, codes.InvalidArgument},
		"nothing of SPIFFE":     {byID, verifies, []tls.Certificate{ca.issue("x", "spiffe://prod.test")}, codes.InvalidArgument},
		"no certificate at all": {byID, verifies, nil, codes.Unauthenticated},
	} {
		creds := credentials.NewTLS(&tls.Config{Certificates: c.client, RootCAs: ca.pool(), ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13})
		got, err := who(as(t), dialWith(t, serve(t, c.i, echo, server(c.auth)), creds))
		if status.Code(err) != c.code || c.code == codes.OK && got != "acme" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

// The tenant by the name that a client dials, over TLS and without, with pings in between, and
// connections that the server ends now and then.
func TestAuthority(t *testing.T) {
	ca := newAuthority(t)
	i := must(tenancygrpc.NewInterceptors(directory{}, tenancygrpc.First(
		tenancygrpc.Subdomain(resolve.Subdomains{Bases: []string{"example.com"}, Reserved: []string{"api"}}), tenancygrpc.Domain(directory{})), silent))
	pings := []grpc.ServerOption{
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Millisecond, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Second, MaxConnectionAge: 50 * time.Millisecond, MaxConnectionAgeGrace: 5 * time.Minute}),
	}
	plain := serve(t, i, echo, pings...)
	secure := serve(t, i, echo, append(pings, grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{ca.issue("server")}, MinVersion: tls.VersionTLS13})))...)
	keep := grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, PermitWithoutStream: true})
	for host, code := range map[string]codes.Code{
		"acme.example.com": codes.OK, "ACME.example.com:443": codes.OK, "acme.test": codes.OK, "late.example.com": codes.PermissionDenied,
		"late.test": codes.PermissionDenied, "shop.nobody.test": codes.NotFound, "api.example.com": codes.NotFound, "localhost": codes.InvalidArgument,
		"a.b.example.com": codes.InvalidArgument, "127.0.0.1:80": codes.InvalidArgument,
	} {
		clients := []*grpc.ClientConn{dial(t, plain, grpc.WithAuthority(host), keep)}
		if host == "acme.example.com" {
			clients = append(clients, dialWith(t, secure, credentials.NewTLS(&tls.Config{RootCAs: ca.pool(), ServerName: host, MinVersion: tls.VersionTLS13}), keep))
		}
		for _, cc := range clients {
			for range 3 {
				got, err := who(as(t), cc, grpc.WaitForReady(true))
				if status.Code(err) != code || code == codes.OK && got != "acme" {
					t.Errorf("%s: got %q, %v", host, got, err)
				}
			}
		}
	}
	// A stream outlives the connection's age, with the same tenant.
	s := openChat(t, as(t), dial(t, plain, grpc.WithAuthority("acme.example.com"), keep), grpc.WaitForReady(true))
	for began := time.Now(); time.Since(began) < 200*time.Millisecond; {
		if got, err := say(s); got != "acme" || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	wantOK(t, s)
}
