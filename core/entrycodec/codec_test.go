package entrycodec

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func fullTenant(tb testing.TB) tenancy.Tenant {
	tb.Helper()
	metadata, err := tenancy.ParseMetadata([]byte(`{"billing":{"currency":"EUR","seats":250},"features":["sso","audit"],"plan":"enterprise","region":"eu-central-1"}`))
	if err != nil {
		tb.Fatal(err)
	}
	at := time.Date(2026, 2, 3, 4, 5, 6, 789_000, time.UTC)
	return tenancy.Tenant{
		ID: "0198c0de-0000-7000-8000-000000000001", Identifier: "acme", Name: "Acmé \"Inc\"", Status: tenancy.StatusActive,
		Isolation: "schema", SchemaName: "tenant_acme", Metadata: metadata, CreatedAt: at, UpdatedAt: at.Add(time.Second), Revision: 41, Mark: -41,
	}
}

func entryOf(t tenancy.Tenant) *entry {
	return &entry{key: tenancy.IDKey(t.ID), Versioned: tenancy.Versioned{
		AsOf: tenancy.Position{Revision: 42, Mark: -7}, Tenant: t, Found: true,
	}}
}

func keyring(tb testing.TB, id string) *seal.Keyring {
	tb.Helper()
	k, err := seal.ParseKey(id, seal.GenerateKey())
	if err != nil {
		tb.Fatal(err)
	}
	r, err := seal.NewKeyring(k)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func encode(tb testing.TB, c Codec, e *entry) string {
	tb.Helper()
	value, err := c.Encode(e.key, &e.Versioned)
	if err != nil {
		tb.Fatal(err)
	}
	return value
}

func decode(c Codec, value string) (entry, error) {
	key, v, err := c.Decode(value)
	return entry{key, v}, err
}

// decodeBytes decodes a value that is altered afterwards.
func decodeBytes(c Codec, value string) (entry, error) {
	data := []byte(value)
	key, v, err := c.DecodeBytes(data)
	clear(data)
	return entry{key, v}, err
}

func TestRoundTrip(t *testing.T) {
	withURL := fullTenant(t)
	withURL.DatabaseURL = tenancy.NewSecret("postgres://acme:s3cret@db/acme")
	negative := &entry{key: tenancy.IdentifierKey("nobody"), Versioned: tenancy.Versioned{AsOf: tenancy.Position{Revision: math.MaxInt64 - 1, Mark: math.MinInt64}}}
	for name, c := range map[string]struct {
		codec Codec
		entry *entry
	}{
		"tenant":      {Codec{}, entryOf(fullTenant(t))},
		"bare tenant": {Codec{}, entryOf(tenancy.Tenant{ID: "x"})},
		"negative":    {Codec{}, negative},
		"sealed URL":  {Codec{Sealer: keyring(t, "k1")}, entryOf(withURL)},
		"plain URL":   {Codec{PlainSecrets: true}, entryOf(withURL)},
	} {
		value := encode(t, c.codec, c.entry)
		for _, decode := range []func(Codec, string) (entry, error){decode, decodeBytes} {
			got, err := decode(c.codec, value)
			if err != nil || got != *c.entry {
				t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.entry)
			}
		}
		if sealed := c.codec.Sealer != nil; sealed && strings.Contains(value, "s3cret") {
			t.Errorf("%s: the value shows the secret", name)
		}
	}
}

func TestKeepsNoWithheldSecret(t *testing.T) {
	withheld := fullTenant(t)
	withheld.DatabaseURL = driver.WithheldSecret("no key")
	for name, c := range map[string]Codec{"sealed": {Sealer: keyring(t, "k1")}, "plain": {PlainSecrets: true}, "zero": {}} {
		e := entryOf(withheld)
		if value, err := c.Encode(e.key, &e.Versioned); !errors.Is(err, ErrRefused) || !errors.Is(err, tenancy.ErrWithheld) {
			t.Errorf("%s: %q, %v, want ErrRefused", name, value, err)
		}
	}
}

// A codec that withholds writes every tenant, and reads every tenant; one that does not
// refuses what is withheld, rather than read a tenant without a DatabaseURL.
func TestWithhold(t *testing.T) {
	sealer := keyring(t, "k1")
	plain, withheld, noReason := fullTenant(t), fullTenant(t), fullTenant(t)
	plain.DatabaseURL = tenancy.NewSecret("postgres://acme:s3cret@db/acme")
	withheld.DatabaseURL = driver.WithheldSecret("no key k0")
	withheld.Metadata = driver.MetadataFromStored([]byte("[]"))
	noReason.DatabaseURL = driver.WithheldSecret("")
	for name, c := range map[string]struct {
		tenant       tenancy.Tenant
		write, read  seal.Sealer
		url          tenancy.Secret
		refusedPlain bool // by a codec that withholds nothing
	}{
		"no Sealer":        {plain, nil, nil, driver.WithheldSecret("a DatabaseURL without a Sealer"), true},
		"sealed":           {plain, sealer, sealer, plain.DatabaseURL, false},
		"Sealer is gone":   {plain, sealer, nil, driver.WithheldSecret("a sealed DatabaseURL without a Sealer"), true},
		"key is gone":      {plain, sealer, keyring(t, "k2"), driver.WithheldSecret(seal.ErrUnknownKey.Error() + " k1"), true},
		"cannot be sealed": {plain, brokenSealer{}, sealer, driver.WithheldSecret("no key service"), true},
		"withheld":         {withheld, sealer, sealer, withheld.DatabaseURL, true},
		"without a reason": {noReason, sealer, sealer, noReason.DatabaseURL, true},
	} {
		e := entryOf(c.tenant)
		value := encode(t, Codec{Sealer: c.write, Withhold: true}, e)
		if strings.Contains(value, "s3cret") {
			t.Errorf("%s: the value shows the secret", name)
		}
		want := *e
		want.Tenant.DatabaseURL = c.url
		for range 2 { // and what was read is written again as it is
			got, err := decode(Codec{Sealer: c.read, Withhold: true}, value)
			if err != nil || got != want {
				t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
			}
			value = encode(t, Codec{Sealer: c.read, Withhold: true}, &got)
		}
		if _, err := decode(Codec{Sealer: c.read}, value); errors.Is(err, ErrRefused) != c.refusedPlain {
			t.Errorf("%s: read without Withhold: %v", name, err)
		}
	}
}

// brokenSealer is one whose key service is down.
type brokenSealer struct{ seal.Sealer }

func (brokenSealer) Seal(string, seal.Place) (string, error) {
	return "", errors.New("no key service")
}

func TestHeaderOrdersByRevision(t *testing.T) {
	var last string
	for _, revision := range []tenancy.Revision{0, 1, 255, 256, 1 << 31, 1 << 53, math.MaxInt64} {
		header := string(AppendHeader(nil, tenancy.Position{Revision: revision, Mark: -1}))
		if len(header) != HeaderSize || header <= last {
			t.Errorf("revision %d: header %q is not after %q", revision, header, last)
		}
		e := entryOf(fullTenant(t))
		e.Versioned.AsOf = tenancy.Position{Revision: revision, Mark: -1}
		if !strings.HasPrefix(encode(t, Codec{}, e), header) {
			t.Errorf("revision %d: an entry does not begin with its header", revision)
		}
		last = header
	}
}

func TestSecrets(t *testing.T) {
	withURL := fullTenant(t)
	withURL.DatabaseURL = tenancy.NewSecret("postgres://acme:s3cret@db/acme")
	e := entryOf(withURL)
	k1, k2 := keyring(t, "k1"), keyring(t, "k2")
	if _, err := (Codec{}).Encode(e.key, &e.Versioned); !errors.Is(err, ErrRefused) {
		t.Errorf("without a Sealer: %v, want ErrRefused", err)
	}
	sealed, plain := encode(t, Codec{Sealer: k1}, e), encode(t, Codec{PlainSecrets: true}, e)
	other := *e
	other.Versioned.Tenant.ID = "another"
	foreign := encode(t, Codec{Sealer: movedSealer{k1, seal.Place{TenantID: withURL.ID, Field: "database_url"}}}, &other)
	for name, c := range map[string]struct {
		codec Codec
		value string
		want  error
	}{
		"unknown key":                 {Codec{Sealer: k2}, sealed, seal.ErrUnknownKey},
		"sealed without a Sealer":     {Codec{}, sealed, ErrRefused},
		"plain without PlainSecrets":  {Codec{}, plain, ErrRefused},
		"plain with a Sealer":         {Codec{Sealer: k1}, plain, ErrRefused},
		"sealed for another tenant":   {Codec{Sealer: k1}, foreign, seal.ErrTampered},
		"plain while sealing begins":  {Codec{Sealer: k1, PlainSecrets: true}, plain, nil},
		"sealed while sealing begins": {Codec{Sealer: k1, PlainSecrets: true}, sealed, nil},
	} {
		_, err := decode(c.codec, c.value)
		if !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error shows the secret", name)
		}
	}
}

// movedSealer seals for a fixed place, as if a sealed text had been moved.
type movedSealer struct {
	seal.Sealer
	at seal.Place
}

func (m movedSealer) Seal(text string, _ seal.Place) (string, error) {
	return m.Sealer.Seal(text, m.at)
}

func TestRefusesEveryAlteration(t *testing.T) {
	value := encode(t, Codec{}, entryOf(fullTenant(t)))
	for i := range len(value) {
		for bit := range 8 {
			altered := []byte(value)
			altered[i] ^= 1 << bit
			want := ErrCorrupt
			if i == 1 {
				want = ErrVersion
			}
			if _, err := decode(Codec{}, string(altered)); !errors.Is(err, want) {
				t.Fatalf("bit %d of byte %d flipped: %v, want %v", bit, i, err, want)
			}
		}
		if _, err := decode(Codec{}, value[:i]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: %v, want ErrCorrupt", i, err)
		}
	}
}

func TestSkipsUnknownFields(t *testing.T) {
	e := entryOf(fullTenant(t))
	value := encode(t, Codec{}, e)
	w := fieldWriter(value[:len(value)-checksumSize])
	w.text(127, "of a later release")
	got, err := decode(Codec{}, w.end())
	if err != nil || got != *e {
		t.Errorf("%+v, %v, want the entry without the field", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	sealer := keyring(f, "k1")
	codec := Codec{Sealer: sealer, PlainSecrets: true}
	withURL := fullTenant(f)
	withURL.DatabaseURL = tenancy.NewSecret("postgres://acme:s3cret@db/acme")
	for _, e := range []*entry{entryOf(fullTenant(f)), entryOf(withURL), {key: tenancy.IdentifierKey("nobody")}} {
		value := encode(f, codec, e)
		f.Add([]byte(value[:len(value)-checksumSize]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = decode(codec, string(data)) // as it is
		w := fieldWriter(data)
		value := w.end() // and with the right checksum
		e, err := decode(codec, value)
		if e2, err2 := decodeBytes(codec, value); e2 != e || (err2 == nil) != (err == nil) {
			t.Fatalf("%+v, %v, and from bytes %+v, %v", e, err, e2, err2)
		}
		if err != nil {
			return
		}
		again, err := decode(codec, encode(t, codec, &e))
		if err != nil || again != e {
			t.Fatalf("%+v reads back as %+v, %v", e, again, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	e := entryOf(fullTenant(b))
	value := encode(b, Codec{}, e)
	b.Run("codec", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := (Codec{}).Decode(value); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		data, err := json.Marshal(tenancy.Revealed(e.Versioned.Tenant))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			var r tenancy.Revealed
			if err := json.Unmarshal(data, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	e := entryOf(fullTenant(b))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Codec{}).Encode(e.key, &e.Versioned); err != nil {
			b.Fatal(err)
		}
	}
}
