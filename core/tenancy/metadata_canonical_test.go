package tenancy_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

var canonicalSeeds = []string{
	``, `{}`, `{"a":1}`, `{"a":"x","b":[1,-2.5,true,false,null,{}],"c":{"d":[]}}`, `{"\u0001\"\\":"\n"}`, `{"é":"😀"}`,
	`{"a":` + strings.Repeat("[", 90) + strings.Repeat("]", 90) + `}`,
}

func TestMetadataFromCanonical(t *testing.T) {
	for _, text := range canonicalSeeds {
		want, err := tenancy.ParseMetadata([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := driver.MetadataFromCanonical(want.String()); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		`x`, `1`, `[]`, `"a"`, `null`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{"a":1}}`, `{"a":1} `, `{ "a":1}`,
		`{"a" :1}`, `{"a":[}`, `{"a":[1,]}`, `{"a":tru}`, `{"a":"x}`, `{"a":"\x"}`, `{"a":"\u12g4"}`, `{"a":"\u12`, `{"a":"\u123`, `{"a":"\u1234`, `{"a":"\`, "{\"a\":\"\n\"}", `{a:1}`,
		`{"a":` + strings.Repeat("[", 20_000), deep(9_001),
	} {
		if got, err := driver.MetadataFromCanonical(text); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%.40s: %v, %v, want ErrInvalid", text, got, err)
		}
	}
}

// It is as deep as what MetadataFromStored accepts, with something in the middle or not.
func TestMetadataFromCanonicalDepth(t *testing.T) {
	for depth, ok := range map[int]bool{9_000: true, 9_001: false, 10_001: false} {
		for _, text := range []string{deep(depth), strings.Replace(deep(depth), "[]", "[1]", 1)} {
			stored := driver.MetadataFromStored([]byte(text))
			if ok != (stored.Err() == nil) {
				t.Errorf("MetadataFromStored of %d levels: %v", depth, stored.Err())
			}
			if got, err := driver.MetadataFromCanonical(text); ok != (err == nil) || ok && got != stored {
				t.Errorf("%d levels: %v", depth, err)
			}
		}
	}
}

func deep(levels int) string {
	return `{"a":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + `}`
}

// Whatever it accepts, no method of it panics.
func FuzzMetadataFromCanonical(f *testing.F) {
	for _, text := range canonicalSeeds {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := driver.MetadataFromCanonical(text)
		if err != nil {
			if json.Valid([]byte(text)) && text != "" {
				if parsed, err := tenancy.ParseMetadata([]byte(text)); err == nil && parsed.String() == text {
					t.Fatalf("refused canonical %q", text)
				}
			}
			return
		}
		if m.String() != text && text != "" {
			t.Fatalf("%q reads back as %q", text, m)
		}
		for _, k := range m.Keys() {
			m.Get(k)
		}
		if with, err := m.With("k", 1); err == nil {
			with.Without("k")
		}
		m.Without("a")
		_, _ = tenancy.MetadataAs[map[string]any](m)
		_, _ = json.Marshal(m)
	})
}

func BenchmarkMetadataFromCanonical(b *testing.B) {
	m, err := tenancy.ParseMetadata([]byte(`{"billing":{"currency":"EUR","plan":"enterprise","seats":250},"features":["sso","audit"],"region":"eu-central-1"}`))
	if err != nil {
		b.Fatal(err)
	}
	text := m.String()
	b.Run("canonical", func(b *testing.B) {
		for b.Loop() {
			if _, err := driver.MetadataFromCanonical(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse", func(b *testing.B) {
		data := []byte(text)
		for b.Loop() {
			if _, err := tenancy.ParseMetadata(data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
