package driver_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// stored is what a database may hold, edited by hand or not.
func stored() []string {
	return []string{
		``, `{}`, `null`, `{"a":1}`, `{"a":"x","b":[1,-2.5,true,false,null,{}],"c":{"d":[]}}`, `{"\u0001\"\\":"\n"}`, `{"é":"😀"}`,
		`{"a":` + strings.Repeat("[", 90) + strings.Repeat("]", 90) + `}`, deep(9_000), deep(9_001),
		` { "b" : "\/\u00e9" , "a" : 1.50e2 , "b" : "\u0000\ud800" } `, "{\"a\":\"\xff\"}", `{"a":1e400,"b":-0}`, `{"a":"\"\\\b\f\n\r\t"}`,
		`x`, `1`, `[]`, `"a"`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{"a":1}}`, `{"a":[}`, `{"a":[1,]}`, `{"a":tru}`, `{"a":"x}`,
		`{"a":"\x"}`, `{"a":"\u12g4"}`, `{"a":"\u12`, `{"a":"\`, "{\"a\":\"\n\"}", `{a:1}`, `{"a":01}`, `{"a":1.}`, `{"a":-}`, `{"a":` + strings.Repeat("[", 20_000),
	}
}

func deep(levels int) string {
	return `{"a":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + `}`
}

// What is no object, or nests too deep, is withheld; everything else is kept, and comes
// back from a cache as it was.
func TestMetadataFromStored(t *testing.T) {
	for _, text := range stored() {
		m := driver.MetadataFromStored(text)
		isObject := json.Valid([]byte(text)) && strings.HasPrefix(strings.TrimSpace(text), "{") || text == "" || text == "null"
		if want := isObject && text != deep(9_001); want != (m.Err() == nil) {
			t.Errorf("%.40s: %v, want an object: %t", text, m.Err(), want)
		}
		if m != driver.MetadataFromStored([]byte(text)) {
			t.Errorf("%.40s: bytes and a string differ", text)
		}
		if m.Err() != nil {
			if !errors.Is(m.Err(), tenancy.ErrWithheld) {
				t.Errorf("%.40s: %v", text, m.Err())
			}
			continue
		}
		if again := driver.MetadataFromStored(m.String()); again != m {
			t.Errorf("%.40s: %.40s reads back as %.40s", text, m, again)
		}
	}
}

func TestMetadataFromStoredKeepsAString(t *testing.T) {
	const text = `{"billing":{"currency":"EUR","note":"5\" disks\n","seats":250},"features":["sso","audit"],"region":"eu-central-1"}`
	if m := driver.MetadataFromStored(text); m.String() != text {
		t.Errorf("it is %s", m)
	}
	if n := testing.AllocsPerRun(100, func() { driver.MetadataFromStored(text) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// Whatever a database holds, no method of the metadata panics, and what is canonical is
// what ParseMetadata makes of it.
func FuzzMetadataFromStored(f *testing.F) {
	for _, text := range stored() {
		if len(text) < 10_000 {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		m := driver.MetadataFromStored(text)
		if parsed, err := tenancy.ParseMetadata([]byte(text)); err == nil && parsed != m {
			t.Fatalf("%q is %s, and parsed %s", text, m, parsed)
		}
		if m.Err() == nil && driver.MetadataFromStored(m.String()) != m {
			t.Fatalf("%q is read back as %s", m, driver.MetadataFromStored(m.String()))
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

func BenchmarkMetadataFromStored(b *testing.B) {
	const text = `{"billing":{"currency":"EUR","plan":"enterprise","seats":250},"features":["sso","audit"],"region":"eu-central-1"}`
	for b.Loop() {
		driver.MetadataFromStored(text)
	}
}
