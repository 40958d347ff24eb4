package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantclient"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// authority issues certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	a := authority{t: t}
	a.cert, a.key = a.issue("authority")
	return a
}

// issue returns a certificate: of the authority itself, if there is none yet.
func (a authority) issue(name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// files writes a certificate and its key.
func (a authority) files(name string, cert *x509.Certificate, key *ecdsa.PrivateKey) (certFile, keyFile string) {
	a.t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(a.t.TempDir(), name+".pem"), filepath.Join(a.t.TempDir(), name+".key")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert.Raw}, keyFile: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// With -client-ca, only who has a certificate of the authority gets in, and is the actor.
func TestClientCertificates(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	ca, _ := ours.files("ca", ours.cert, ours.key)
	cert, key := ours.issue("service")
	certFile, keyFile := ours.files("service", cert, key)
	s := start(t, "-db", filepath.Join(t.TempDir(), "tenants.db"), "-tls-cert", certFile, "-tls-key", keyFile, "-client-ca", ca)
	roots := x509.NewCertPool()
	roots.AddCert(ours.cert)
	open := func(certificates ...tls.Certificate) *tenantclient.Store {
		h := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates}}}
		store, err := tenantclient.Open("https://"+s.addr, tenantclient.WithHTTPClient(h))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		return store
	}
	of := func(a authority) tls.Certificate {
		cert, key := a.issue("worker")
		return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
	}
	store := open(of(ours))
	if _, err := store.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	changes, err := store.Changes(t.Context(), tenancy.Position{}, 0)
	if err != nil || changes[len(changes)-1].Actor != "worker" {
		t.Errorf("%+v, %v", changes, err)
	}
	for name, store := range map[string]*tenantclient.Store{"no certificate": open(), "of another authority": open(of(others))} {
		if _, err := store.GetByIdentifier(t.Context(), "acme"); err == nil {
			t.Errorf("%s: gets in", name)
		}
	}
	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d: %s", code, s.text())
	}
}
