package tier

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

func codecTenant(tb testing.TB) tenancy.Tenant {
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

func codecEntryOf(t tenancy.Tenant) *Entry {
	return &Entry{Key: tenancy.IDKey(t.ID), Versioned: tenancy.Versioned{
		AsOf: tenancy.Position{Revision: 42, Mark: -7}, Tenant: t, Found: true,
	}}
}

func codecSealer(tb testing.TB, id string) *seal.Keyring {
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

func encode(tb testing.TB, c Codec, e *Entry) string {
	tb.Helper()
	value, err := c.Encode(e)
	if err != nil {
		tb.Fatal(err)
	}
	return value
}

func TestCodecRoundTrip(t *testing.T) {
	withURL := codecTenant(t)
	withURL.DatabaseURL = tenancy.NewSecret("postgres://acme:s3cret@db/acme")
	negative := &Entry{Key: tenancy.IdentifierKey("nobody"), Versioned: tenancy.Versioned{AsOf: tenancy.Position{Revision: math.MaxInt64 - 1, Mark: math.MinInt64}}}
	for name, c := range map[string]struct {
		codec Codec
		entry *Entry
	}{
		"tenant":      {Codec{}, codecEntryOf(codecTenant(t))},
		"bare tenant": {Codec{}, codecEntryOf(tenancy.Tenant{ID: "x"})},
		"negative":    {Codec{}, negative},
		"sealed URL":  {Codec{Sealer: codecSealer(t, "k1")}, codecEntryOf(withURL)},
		"plain URL":   {Codec{PlainSecrets: true}, codecEntryOf(withURL)},
	} {
		value := encode(t, c.codec, c.entry)
		got, err := c.codec.Decode(value)
		if err != nil || got.Key != c.entry.Key || got.Versioned != c.entry.Versioned {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.entry)
		}
		if sealed := c.codec.Sealer != nil; sealed && strings.Contains(value, "s3cret") {
			t.Errorf("%s: the value shows the secret", name)
		}
	}
}

func TestCodecKeepsNoWithheldSecret(t *testing.T) {
	withheld := codecTenant(t)
	withheld.DatabaseURL = driver.WithheldSecret("no key")
	for name, c := range map[string]Codec{"sealed": {Sealer: codecSealer(t, "k1")}, "plain": {PlainSecrets: true}, "zero": {}} {
		if value, err := c.Encode(codecEntryOf(withheld)); !errors.Is(err, ErrUncacheable) || !errors.Is(err, tenancy.ErrWithheld) {
			t.Errorf("%s: %q, %v, want ErrUncacheable", name, value, err)
		}
	}
}

func TestCodecHeaderOrdersByRevision(t *testing.T) {
	var last string
	for _, revision := range []tenancy.Revision{0, 1, 255, 256, 1 << 31, 1 << 53, math.MaxInt64} {
		header := string(AppendHeader(nil, tenancy.Position{Revision: revision, Mark: -1}))
		if len(header) != HeaderSize || header <= last {
			t.Errorf("revision %d: header %q is not after %q", revision, header, last)
		}
		e := codecEntryOf(codecTenant(t))
		e.Versioned.AsOf = tenancy.Position{Revision: revision, Mark: -1}
		if !strings.HasPrefix(encode(t, Codec{}, e), header) {
			t.Errorf("revision %d: an entry does not begin with its header", revision)
		}
		last = header
	}
}

func TestCodecSecrets(t *testing.T) {
	withURL := codecTenant(t)
	withURL.DatabaseURL = tenancy.NewSecret("postgres://acme:s3cret@db/acme")
	e := codecEntryOf(withURL)
	k1, k2 := codecSealer(t, "k1"), codecSealer(t, "k2")
	if _, err := (Codec{}).Encode(e); !errors.Is(err, ErrUncacheable) {
		t.Errorf("without a Sealer: %v, want ErrUncacheable", err)
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
		"sealed without a Sealer":     {Codec{}, sealed, ErrUncacheable},
		"plain without PlainSecrets":  {Codec{}, plain, ErrUncacheable},
		"plain with a Sealer":         {Codec{Sealer: k1}, plain, ErrUncacheable},
		"sealed for another tenant":   {Codec{Sealer: k1}, foreign, seal.ErrTampered},
		"plain while sealing begins":  {Codec{Sealer: k1, PlainSecrets: true}, plain, nil},
		"sealed while sealing begins": {Codec{Sealer: k1, PlainSecrets: true}, sealed, nil},
	} {
		_, err := c.codec.Decode(c.value)
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

func TestCodecRefusesEveryAlteration(t *testing.T) {
	value := encode(t, Codec{}, codecEntryOf(codecTenant(t)))
	for i := range len(value) {
		for bit := range 8 {
			altered := []byte(value)
			altered[i] ^= 1 << bit
			want := ErrCorrupt
			if i == 1 {
				want = ErrCodecVersion
			}
			if _, err := (Codec{}).Decode(string(altered)); !errors.Is(err, want) {
				t.Fatalf("bit %d of byte %d flipped: %v, want %v", bit, i, err, want)
			}
		}
		if _, err := (Codec{}).Decode(value[:i]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: %v, want ErrCorrupt", i, err)
		}
	}
}

func TestCodecSkipsUnknownFields(t *testing.T) {
	e := codecEntryOf(codecTenant(t))
	value := encode(t, Codec{}, e)
	w := fieldWriter(value[:len(value)-checksumSize])
	w.text(127, "of a later release")
	got, err := (Codec{}).Decode(w.end())
	if err != nil || got.Versioned != e.Versioned {
		t.Errorf("%+v, %v, want the entry without the field", got, err)
	}
}

func FuzzCodecDecode(f *testing.F) {
	sealer := codecSealer(f, "k1")
	codec := Codec{Sealer: sealer, PlainSecrets: true}
	withURL := codecTenant(f)
	withURL.DatabaseURL = tenancy.NewSecret("postgres://acme:s3cret@db/acme")
	for _, e := range []*Entry{codecEntryOf(codecTenant(f)), codecEntryOf(withURL), {Key: tenancy.IdentifierKey("nobody")}} {
		value := encode(f, codec, e)
		f.Add([]byte(value[:len(value)-checksumSize]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = codec.Decode(string(data)) // as it is
		w := fieldWriter(data)
		e, err := codec.Decode(w.end()) // and with the right checksum
		if err != nil {
			return
		}
		again, err := codec.Decode(encode(t, codec, e))
		if err != nil || again.Key != e.Key || again.Versioned != e.Versioned {
			t.Fatalf("%+v reads back as %+v, %v", e, again, err)
		}
	})
}

func BenchmarkCodecDecode(b *testing.B) {
	e := codecEntryOf(codecTenant(b))
	value := encode(b, Codec{}, e)
	b.Run("codec", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := (Codec{}).Decode(value); err != nil {
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

func BenchmarkCodecEncode(b *testing.B) {
	e := codecEntryOf(codecTenant(b))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Codec{}).Encode(e); err != nil {
			b.Fatal(err)
		}
	}
}
