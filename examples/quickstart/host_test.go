package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestIdentifierOfHost(t *testing.T) {
	long := strings.Repeat("a", 63)
	for _, tc := range []struct {
		host, want string
		err        error
	}{
		{host: "mit-edu.localhost", want: "mit-edu"},
		{host: "mit-edu.localhost:8080", want: "mit-edu"},
		{host: "MIT-Edu.LocalHost:8080", want: "mit-edu"},
		{host: "mit-edu.localhost.", want: "mit-edu"},
		{host: "mit-edu.localhost.:8080", want: "mit-edu"},
		{host: long + ".localhost", want: long},

		{host: "", err: errBadHost},
		{host: ".", err: errBadHost},
		{host: ".localhost", err: errBadHost},
		{host: "mit-edu.localhost..", err: errBadHost},
		{host: "mit-edu..localhost", err: errBadHost},
		{host: "mit-edu.localhost:", err: errBadHost},
		{host: "mit-edu.localhost:0", err: errBadHost},
		{host: "mit-edu.localhost:+80", err: errBadHost},
		{host: "mit-edu.localhost:65536", err: errBadHost},
		{host: "mit-edu.localhost:80:80", err: errBadHost},
		{host: "mit_edu.localhost", err: errBadHost},
		{host: "mit%2eedu.localhost", err: errBadHost},
		{host: "-mit.localhost", err: errBadHost},
		{host: "mit-.localhost", err: errBadHost},
		{host: "bücher.localhost", err: errBadHost},
		{host: "mit-edu.localhost/x", err: errBadHost},
		{host: "mit-edu.localhost\x00", err: errBadHost},
		{host: long + "a.localhost", err: errBadHost},
		{host: strings.Repeat(long+".", 4) + "localhost", err: errBadHost},
		{host: "[::1", err: errBadHost},
		{host: "[mit-edu.localhost]:80", err: errBadHost},
		{host: "[::1]]", err: errBadHost},

		{host: "localhost", err: errNoTenantHost},
		{host: "localhost.:8080", err: errNoTenantHost},
		{host: "127.0.0.1:8080", err: errNoTenantHost},
		{host: "[::1]", err: errNoTenantHost},
		{host: "[::1]:8080", err: errNoTenantHost},
		{host: "a.mit-edu.localhost", err: errNoTenantHost},
		{host: "ab.localhost", err: errNoTenantHost},   // too short for an identifier
		{host: "1mit.localhost", err: errNoTenantHost}, // identifiers begin with a letter

		{host: "mit-edu.example.com", err: errForeignHost},
		{host: "evillocalhost", err: errForeignHost},
		{host: "mit-edu.evillocalhost", err: errForeignHost},
		{host: "mit-edu.localhost.example.com", err: errForeignHost},
	} {
		got, err := identifierOfHost(tc.host, "localhost")
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("identifierOfHost(%q) = %q, %v; want %q, %v", tc.host, got, err, tc.want, tc.err)
		}
	}
}

func FuzzIdentifierOfHost(f *testing.F) {
	for _, host := range []string{"mit-edu.localhost:8080", "[::1]:80", "a..localhost", "LOCALHOST.", "%", ""} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		identifier, err := identifierOfHost(host, "localhost")
		if err != nil {
			if p := (*problem)(nil); !errors.As(err, &p) || identifier != "" {
				t.Fatalf("identifierOfHost(%q) = %q, %v", host, identifier, err)
			}
			return
		}
		if tenancy.ValidateIdentifier(identifier) != nil || !strings.HasPrefix(strings.ToLower(host), identifier+".localhost") {
			t.Fatalf("identifierOfHost(%q) = %q", host, identifier)
		}
	})
}
