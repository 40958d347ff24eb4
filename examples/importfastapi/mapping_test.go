package main

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestFixIdentifier(t *testing.T) {
	for old, want := range map[string]string{
		"Acme":                  "acme",
		"acme_corp":             "acme-corp",
		"acme.corp ":            "acme-corp",
		"acme\n":                "acme",
		"--acme--corp--":        "acme-corp",
		"3m-company":            "t-3m-company",
		"ab":                    "t-ab",
		"Zürich":                "z-rich",
		strings.Repeat("A", 70): strings.Repeat("a", 63),
	} {
		if got := fixIdentifier(old); got != want || tenancy.ValidateIdentifier(got) != nil {
			t.Errorf("%q becomes %q, want %q", old, got, want)
		}
	}
	// What has nothing to derive an identifier from is left to the store to refuse.
	if got := fixIdentifier("会社会"); tenancy.ValidateIdentifier(got) == nil {
		t.Errorf("becomes %q", got)
	}
}

func TestFernet(t *testing.T) {
	// The test vector of https://github.com/fernet/spec.
	key, err := base64.URLEncoding.DecodeString("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=")
	if err != nil {
		t.Fatal(err)
	}
	const token = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=="
	if got, err := openFernet(key, token); err != nil || got != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
	for name, bad := range map[string]string{
		"empty":     "",
		"no base64": "!" + token[1:],
		"version":   "A" + token[1:],
		"altered":   strings.Replace(token, "LLF", "LLG", 1),
		"cut":       token[:60],
	} {
		if got, err := openFernet(key, bad); err == nil {
			t.Errorf("%s: opens as %q", name, got)
		}
	}
	other, err := newDecrypter("another-key-of-at-least-32-characters")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := other(strings.TrimPrefix(encryptedURL, "enc::")); err == nil {
		t.Errorf("opens with another key as %q", got)
	}
}

func TestPostgresURL(t *testing.T) {
	for name, want := range map[string]string{
		"postgresql+asyncpg://u:p@h:1/db":                                             "postgres://u:p@h:1/db",
		"postgresql+asyncpg://u:p%3F@h/db?ssl=verify-full":                            "postgres://u:p%3F@h/db?sslmode=verify-full",
		"postgresql+asyncpg://h/db?prepared_statement_cache_size=0&ssl=require":       "postgres://h/db?sslmode=require",
		"postgresql+asyncpg://h/db?prepared_statement_cache_size=0":                   "postgres://h/db",
		"postgresql+psycopg://h/db?sslmode=disable&application_name=a+b":              "postgres://h/db?sslmode=disable&application_name=a+b",
		"postgresql+asyncpg://u:a?b@h/db?ssl=disable":                                 "postgres://u:a?b@h/db?sslmode=disable",
		"postgresql+asyncpg:///db?host=/run/postgresql&prepared_statement_cache_size": "postgres:///db?host=/run/postgresql",
	} {
		if got := postgresURL(name); got != want {
			t.Errorf("%s becomes %s, want %s", name, got, want)
		}
	}
}

// What is wrong with metadata is said, and not what it holds.
func TestMetadataErrors(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:             "one JSON object",
		`{"n":1e999}`:    "number beyond",
		`{"n":NaN}`:      "one JSON object", // Python writes that
		`{"s":"\ud800"}`: "unpaired surrogate",
		`{"s":"` + strings.Repeat("canary", 50_000) + `"}`: "at most 262144 bytes",
	} {
		_, err := mapping{}.tenant(row{"id", "acme", "Acme", "active", "", "", "", text, "2025-01-02 03:04:05"})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "tenant_metadata") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%.20s: got %v, want %q", text, err, want)
		}
	}
}

func TestParseConfig(t *testing.T) {
	env := map[string]string{"FASTAPI_TENANCY_URL": "a.db", "TENANTSTORE_DSN": "b.db", "TENANCY_ENCRYPTION_KEY": "key"}
	got, err := parseConfig([]string{"-update"}, func(name string) string { return env[name] }, &strings.Builder{})
	want := config{from: "a.db", to: "b.db", fromTable: "tenants", toTable: "tenants", key: "key", update: true}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	// What comes with an address out of a file of variables does no harm.
	env["FASTAPI_TENANCY_URL"], env["TENANTSTORE_DSN"] = "\"PostgreSQL+asyncpg://u:P@h/DB\"\n", " 'b.db'"
	got, err = parseConfig([]string{"-update"}, func(name string) string { return env[name] }, &strings.Builder{})
	if err != nil || got.from != "postgresql+asyncpg://u:P@h/DB" || got.to != "b.db" {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, args := range [][]string{{}, {"-from", "a.db"}, {"-from", "a.db", "-to", "b.db", "more"}, {"-nonsense"}} {
		if _, err := parseConfig(args, func(string) string { return "" }, &strings.Builder{}); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
