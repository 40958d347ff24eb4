package tenancy_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

const canary = "postgres://u:canary@db/1"

func wantNoCanary(t *testing.T, how, text string) {
	t.Helper()
	if strings.Contains(text, "canary") || strings.Contains(text, fmt.Sprintf("%x", "canary")) || strings.Contains(text, fmt.Sprintf("%X", "canary")) {
		t.Errorf("%s shows the secret: %s", how, text)
	}
}

func TestSecretNeverPrints(t *testing.T) {
	secret := tenancy.NewSecret(canary)
	tenant := valid()
	tenant.DatabaseURL = secret
	type hidden struct {
		inner struct{ s tenancy.Secret }
		t     tenancy.Tenant
		p     *tenancy.Secret
		m     map[tenancy.Secret]tenancy.Secret
		l     []any
	}
	h := hidden{t: tenant, p: &secret, m: map[tenancy.Secret]tenancy.Secret{secret: secret}, l: []any{secret, &tenant}}
	h.inner.s = secret
	for _, v := range []any{secret, &secret, tenant, &tenant, tenancy.Revealed(tenant), []tenancy.Secret{secret}, h, &h, h.m, h.l, error(&tenancy.Error{Err: fmt.Errorf("%w: %v", tenancy.ErrInvalid, secret)})} {
		for verb := rune(' '); verb < 0x7f; verb++ {
			for _, flags := range []string{"", "#", "+", "-", " ", "0", "20", ".2", "+#", "x"} {
				wantNoCanary(t, "%"+flags+string(verb), fmt.Sprintf("%"+flags+string(verb), v))
			}
		}
		wantNoCanary(t, "Sprint", fmt.Sprint(v))
	}
	if got := fmt.Sprintf("%v %s %d %x %+v", secret, secret, secret, secret, secret); got != "*** *** *** *** ***" {
		t.Errorf("printed as %s", got)
	}
	if got := fmt.Sprintf("%q %#v|%v|%#v", secret, secret, tenancy.Secret{}, tenancy.Secret{}); got != `"***" "***"||""` {
		t.Errorf("printed as %s", got)
	}
}

func TestSecretNeverLogs(t *testing.T) {
	tenant := valid()
	tenant.DatabaseURL = tenancy.NewSecret(canary)
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		logger := slog.New(handler).With("with", tenant.DatabaseURL, "all", tenant)
		logger.Info("x", "secret", tenant.DatabaseURL, "pointer", &tenant.DatabaseURL, "tenant", tenant, "tp", &tenant,
			"list", []any{tenant.DatabaseURL}, slog.Group("g", "s", tenant.DatabaseURL), "full", struct{ T tenancy.Tenant }{tenant})
	}
	wantNoCanary(t, "slog", out.String())
	for _, want := range []string{"with=***", "secret=***", `"secret":"***"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the mask is not shown as %s: %s", want, out.String())
		}
	}
}

func TestSecretNeverMarshals(t *testing.T) {
	secret := tenancy.NewSecret(canary)
	tenant := valid()
	tenant.DatabaseURL = secret
	text, err := json.Marshal(map[string]any{"s": secret, "p": &secret, "t": tenant, "m": map[tenancy.Secret]int{secret: 1}})
	if err != nil {
		t.Fatal(err)
	}
	wantNoCanary(t, "json", string(text))
	if text, err := json.Marshal(secret); err != nil || string(text) != `"***"` {
		t.Errorf("marshals to %s, %v", text, err)
	}
	if text, err := json.Marshal(tenancy.Secret{}); err != nil || string(text) != `""` {
		t.Errorf("an empty one marshals to %s, %v", text, err)
	}
	type element struct {
		A tenancy.Secret `xml:",attr"`
		E tenancy.Secret
	}
	text, err = xml.Marshal(element{secret, secret})
	if err != nil {
		t.Fatal(err)
	}
	wantNoCanary(t, "xml", string(text))
	for _, v := range []any{secret, tenant} {
		var out bytes.Buffer
		if err := gob.NewEncoder(&out).Encode(v); err != nil {
			wantNoCanary(t, "gob's error", err.Error())
		}
		wantNoCanary(t, "gob", out.String())
	}
}

func TestSecretRefusesItsMask(t *testing.T) {
	secret := tenancy.NewSecret(canary)
	if err := secret.UnmarshalText([]byte("***")); !errors.Is(err, tenancy.ErrInvalid) || secret.Reveal() != canary {
		t.Errorf("the mask: %v, %t", err, secret.Reveal() == canary)
	}
	if err := json.Unmarshal([]byte(`"***"`), &secret); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("the mask in JSON: %v", err)
	}
	if err := secret.UnmarshalText([]byte(driver.WithheldSecret("x").Reveal())); !errors.Is(err, tenancy.ErrInvalid) || secret.Reveal() != canary {
		t.Errorf("what a withheld one reveals: %v, %t", err, secret.Reveal() == canary)
	}
	if err := json.Unmarshal([]byte(`"new"`), &secret); err != nil || secret.Reveal() != "new" {
		t.Errorf("a new text: %v, %q", err, secret.Reveal())
	}
	if err := secret.UnmarshalText(nil); err != nil || !secret.IsZero() || secret != tenancy.NewSecret("") || secret.Reveal() != "" {
		t.Errorf("an empty text: %v", err)
	}
	if tenancy.NewSecret("a") != tenancy.NewSecret(strings.Clone("a")) || tenancy.NewSecret("a") == tenancy.NewSecret("b") {
		t.Error("== does not compare the texts")
	}
}

// A panic with a secret inside ends a process, and its output ends in a log.
func TestSecretNeverPanics(t *testing.T) {
	tenant := valid()
	tenant.DatabaseURL = tenancy.NewSecret(canary)
	values := map[string]any{"secret": tenant.DatabaseURL, "tenant": tenant, "error": fmt.Errorf("with %v", tenant)}
	if v, ok := values[os.Getenv("TENANCY_TEST_PANIC")]; ok {
		panic(v)
	}
	for name := range values {
		cmd := exec.Command(os.Args[0], "-test.run=^TestSecretNeverPanics$")
		cmd.Env = append(os.Environ(), "TENANCY_TEST_PANIC="+name)
		out, err := cmd.CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("panic: ")) {
			t.Fatalf("%s: no panic: %s", name, out)
		}
		wantNoCanary(t, "panic of a "+name, string(out))
	}
}

func TestWithheldSecret(t *testing.T) {
	secret := driver.WithheldSecret("no key k1")
	if err := secret.Err(); !errors.Is(err, tenancy.ErrWithheld) || !strings.Contains(err.Error(), "no key k1") {
		t.Errorf("Err() = %v", err)
	}
	if tenancy.NewSecret("no key k1").Err() != nil || (tenancy.Secret{}).Err() != nil {
		t.Error("a secret that is there has an Err")
	}
	if secret.IsZero() || driver.WithheldSecret("").IsZero() || driver.WithheldSecret("").Err() == nil {
		t.Error("a withheld secret counts as none")
	}
	if secret == tenancy.NewSecret("no key k1") || secret != driver.WithheldSecret("no key k1") {
		t.Error("== does not tell a withheld secret from another")
	}
	if got := secret.Reveal(); got == "no key k1" || !strings.HasPrefix(got, "withheld://") {
		t.Errorf("Reveal() = %q", got)
	}
	tenant := valid()
	tenant.DatabaseURL = secret
	if text, err := json.Marshal(tenant); err != nil || !strings.Contains(string(text), `"database_url":"***"`) {
		t.Errorf("marshals to %s, %v", text, err)
	}
	if got := fmt.Sprintf("%v %+v %#v %q", secret, secret, secret, secret); got != `*** *** "***" "***"` {
		t.Errorf("printed as %s", got)
	}
	if text, err := json.Marshal(tenancy.Revealed(tenant)); !errors.Is(err, tenancy.ErrWithheld) || !strings.Contains(err.Error(), `"t1"`) {
		t.Errorf("revealed as %s, %v", text, err)
	}
	wantInvalid(t, "withheld", tenant.Validate(), "database_url")
	_, err := driver.ForCreate(tenant, tenant.CreatedAt)
	wantInvalid(t, "Create", err, "database_url")
	tenant.Revision, tenant.Mark = 1, 1
	_, err = driver.ForUpdate(tenant)
	wantInvalid(t, "Update", err, "database_url")
	if !strings.Contains(err.Error(), "no key k1") || !strings.Contains(err.Error(), "new value") {
		t.Errorf("the error does not say why, or what to do: %v", err)
	}
	tenant.DatabaseURL = tenancy.NewSecret(secret.Reveal())
	wantInvalid(t, "what it reveals", tenant.Validate(), "database_url")
	if wrapped := driver.ErrorIn("Export", tenancy.IDKey("t1"), secret.Err()); errors.Is(wrapped, tenancy.ErrUnavailable) {
		t.Errorf("a withheld secret counts as an outage: %v", wrapped)
	}
}
