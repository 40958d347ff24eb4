package resolve_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// More of it is in tenancyhttp, over sockets.
func TestSubdomains(t *testing.T) {
	s := resolve.Subdomains{Bases: []string{"example.com", "eu.example.com"}, Reserved: []string{"www"}}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	for authority, want := range map[string]error{
		"acme.example.com:443": nil, "ACME.eu.example.com.": nil,
		"": resolve.ErrAbsent, "eu.example.com": resolve.ErrAbsent, "www.example.com": resolve.ErrAbsent, "[::1]:80": resolve.ErrAbsent,
		"127.0.0.1": resolve.ErrAbsent, "web": resolve.ErrAbsent,
		"acme.example.net": resolve.ErrMisdirected, "evilexample.com": resolve.ErrMisdirected,
		"a.b.example.com": tenancy.ErrInvalid, "acme.example.com:0": tenancy.ErrInvalid, "acme..example.com": tenancy.ErrInvalid, "127.1": tenancy.ErrInvalid,
	} {
		var key tenancy.Key
		host, err := resolve.ParseHost(authority)
		if err == nil {
			key, err = s.Find(host)
		}
		if !errors.Is(err, want) || err == nil && key != tenancy.IdentifierKey("acme") {
			t.Errorf("%q: %v, %v", authority, key, err)
		}
	}
	for _, wrong := range []resolve.Subdomains{{Bases: []string{"Example.com"}}, {Bases: []string{""}}, {Reserved: []string{"a.b"}}} {
		if wrong.Validate() == nil {
			t.Errorf("%+v is accepted", wrong)
		}
	}
}

type domains func(string) (tenancy.Tenant, error)

func (d domains) GetByDomain(_ context.Context, domain string) (tenancy.Tenant, error) {
	return d(domain)
}

func TestFindDomain(t *testing.T) {
	answer, failure := tenancy.Tenant{ID: "id-acme"}, error(nil)
	find := func(host string) (tenancy.Key, error) {
		return resolve.FindDomain(t.Context(), domains(func(string) (tenancy.Tenant, error) { return answer, failure }), host)
	}
	if key, err := find("shop.acme.test"); key != tenancy.IDKey("id-acme") || err != nil {
		t.Errorf("got %v, %v", key, err)
	}
	if _, err := find("web"); !resolve.IsAbsent(err) {
		t.Errorf("no domain: %v", err)
	}
	failure = tenancy.ErrNotFound
	if _, err := find("shop.acme.test"); !errors.Is(err, resolve.ErrAbsent) || !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	failure = errors.New("broken")
	if _, err := find("shop.acme.test"); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("broken: %v", err)
	}
	answer, failure = tenancy.Tenant{}, nil
	if _, err := find("shop.acme.test"); !errors.Is(err, tenancy.ErrUnavailable) || errors.Is(err, resolve.ErrAbsent) {
		t.Errorf("without an ID: %v", err)
	}
}

// Every outcome that is refused says so.
func TestProblems(t *testing.T) {
	for _, o := range resolve.Outcomes() {
		passes := o == resolve.OutcomeResolved || o == resolve.OutcomeSkipped || o == resolve.OutcomeMoved
		if code, text := o.Problem(); (code == "") != passes || (text == "") != passes {
			t.Errorf("%s: %q %q", o, code, text)
		}
	}
}
