package seal_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/seal"
)

var place = seal.Place{TenantID: "t1", Field: "database_url"}

const text = "postgres://acme:s3cret@db/acme"

func key(tb testing.TB, id string) seal.Key {
	tb.Helper()
	k, err := seal.ParseKey(id, seal.GenerateKey())
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func keyring(tb testing.TB, first seal.Key, others ...seal.Key) *seal.Keyring {
	tb.Helper()
	r, err := seal.NewKeyring(first, others...)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func sealed(tb testing.TB, r *seal.Keyring, text string) string {
	tb.Helper()
	s, err := r.Seal(text, place)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestRoundTrip(t *testing.T) {
	r := keyring(t, key(t, "k1"))
	for _, text := range []string{"", "a", text, strings.Repeat("é\x00\xff", 1000)} {
		s := sealed(t, r, text)
		if got, err := r.Open(s, place); err != nil || got != text {
			t.Errorf("Open(Seal(%.20q)) = %.20q, %v", text, got, err)
		}
		if len(text) > 8 && strings.Contains(s, text) || !seal.Sealed(s) {
			t.Errorf("Seal(%.20q) = %.60q", text, s)
		}
		if n := len(text)*4/3 + len("k1") + 48; len(s) < n-1 || len(s) > n+1 {
			t.Errorf("Seal of %d bytes has %d, want about %d", len(text), len(s), n)
		}
		if s == sealed(t, r, text) {
			t.Error("sealing twice gives the same text: the nonce is not random")
		}
	}
}

func TestRotation(t *testing.T) {
	oldKey, newKey := key(t, "2025"), key(t, "2026")
	before := keyring(t, oldKey)
	rotated := keyring(t, newKey, oldKey)
	after := keyring(t, newKey)

	s := sealed(t, before, text)
	if got, err := rotated.Open(s, place); err != nil || got != text || !rotated.Stale(s) {
		t.Errorf("rotated keyring: %q, %v, stale %v", got, err, rotated.Stale(s))
	}
	again := sealed(t, rotated, text)
	if got, err := after.Open(again, place); err != nil || got != text || after.Stale(again) {
		t.Errorf("after the rotation: %q, %v, stale %v", got, err, after.Stale(again))
	}
	_, err := after.Open(s, place)
	if !errors.Is(err, seal.ErrUnknownKey) || !strings.Contains(err.Error(), "2025") {
		t.Errorf("dropped key: %v, want ErrUnknownKey that names it", err)
	}
	if !after.Stale(text) {
		t.Error("plain text is not stale")
	}
}

func TestEveryAlterationIsRefused(t *testing.T) {
	r := keyring(t, key(t, "k1"), key(t, "k2"))
	s := sealed(t, r, text)
	for i := range len(s) {
		for _, c := range []byte{s[i] ^ 1, 'A', ':', '=', 0} {
			altered := s[:i] + string(rune(c)) + s[i+1:]
			if altered == s {
				continue
			}
			if got, err := r.Open(altered, place); err == nil {
				t.Fatalf("byte %d changed to %q: opened as %q", i, c, got)
			}
		}
		for _, more := range []string{"\n", "\r\n", " ", "="} {
			if got, err := r.Open(s[:i+1]+more+s[i+1:], place); err == nil {
				t.Fatalf("%q inserted behind byte %d: opened as %q", more, i, got)
			}
		}
		if _, err := r.Open(s[:i], place); err == nil {
			t.Fatalf("cut at %d: opened", i)
		}
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, text := range []string{text, text + "1", text + "12"} { // some last characters have bits to spare
		s := sealed(t, r, text)
		last := len(s) - 1
		for i := range len(alphabet) {
			if got, err := r.Open(s[:last]+alphabet[i:i+1], place); err == nil && alphabet[i] != s[last] {
				t.Fatalf("last character %c changed to %c: opened as %q", s[last], alphabet[i], got)
			}
		}
	}
	for _, p := range []seal.Place{
		{TenantID: "t2", Field: "database_url"}, {TenantID: "t1", Field: "name"},
		{TenantID: "t1database_url", Field: ""}, {TenantID: "", Field: "t1database_url"}, {},
	} {
		if _, err := r.Open(s, p); !errors.Is(err, seal.ErrTampered) {
			t.Errorf("at %+v: %v, want ErrTampered", p, err)
		}
	}
	// the same key under another ID
	secret := seal.GenerateKey()
	a, _ := seal.ParseKey("a", secret)
	b, _ := seal.ParseKey("b", secret)
	moved := strings.Replace(sealed(t, keyring(t, a), text), ":a:", ":b:", 1)
	if _, err := keyring(t, a, b).Open(moved, place); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("key ID exchanged: %v, want ErrTampered", err)
	}
	_, err := r.Open("sealed:1:a\nsecret key:AAAA", place)
	if !errors.Is(err, seal.ErrUnknownKey) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a text that names no key: %q, want ErrUnknownKey that does not quote it", err)
	}
	if _, err := r.Open(text, place); !errors.Is(err, seal.ErrNotSealed) {
		t.Errorf("plain text: %v, want ErrNotSealed", err)
	}
}

func TestBadKeys(t *testing.T) {
	good := seal.GenerateKey()
	for name, c := range map[string][2]string{
		"empty ID": {"", good}, "long ID": {strings.Repeat("a", 65), good}, "colon in ID": {"a:b", good},
		"short": {"k", base64.StdEncoding.EncodeToString(make([]byte, 16))}, "not base64": {"k", "!" + good}, "empty": {"k", ""},
		"swapped": {good, "k"},
	} {
		if _, err := seal.ParseKey(c[0], c[1]); err == nil || strings.Contains(err.Error(), good) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, id := range []string{"k", "2026.11", "a-B_9", strings.Repeat("a", 64)} {
		if _, err := seal.ParseKey(id, good); err != nil {
			t.Errorf("key ID %s: %v", id, err)
		}
	}
	k := key(t, "k")
	if _, err := seal.NewKeyring(k, key(t, "k")); err == nil {
		t.Error("one ID twice: no error")
	}
	if _, err := seal.NewKeyring(k, seal.Key{}); err == nil {
		t.Error("zero key: no error")
	}
	if _, err := seal.NewKeyring(seal.Key{}); err == nil {
		t.Error("zero first key: no error")
	}
}

func TestKeyPrintsAsItsID(t *testing.T) {
	k := key(t, "k1")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, k); got != "k1" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
}

// A keyring in somebody's configuration must not print its keys, whatever the verb: of
// what is not exported fmt calls no methods, and with a verb that does not fit it
// follows pointers.
func TestKeysDoNotPrint(t *testing.T) {
	k := key(t, "k1")
	type config struct {
		key  seal.Key
		keys *seal.Keyring
		list []seal.Key
		box  seal.Sealer
	}
	c := config{k, keyring(t, k), []seal.Key{k}, keyring(t, k)}
	for _, v := range []any{k, &k, c, &c, c.keys, c.list, map[string]seal.Key{"k1": k}} {
		for verb := 'a'; verb <= 'z'; verb++ {
			for _, flag := range []string{"", "+", "#"} {
				format := "%" + flag + string(verb)
				if got := fmt.Sprintf(format, v); len(got) > 600 { // IDs and addresses; expanded, a key alone is longer
					t.Errorf("%s of a %T prints what is inside: %.100s…", format, v, got)
				}
			}
		}
	}
}

func FuzzOpen(f *testing.F) {
	r := keyring(f, key(f, "k1"))
	f.Add(sealed(f, r, text), "t1", "database_url")
	f.Add("sealed:1:k1:", "", "")
	f.Add("sealed:1:", "t1", "database_url")
	f.Fuzz(func(t *testing.T, s, tenantID, field string) {
		p := seal.Place{TenantID: tenantID, Field: field}
		if got, err := r.Open(s, p); err == nil && (p != place || got != text) {
			t.Errorf("forged: Open(%q, %+v) = %q", s, p, got)
		}
	})
}

func ExampleKeyring() {
	k, err := seal.ParseKey("2026-11", seal.GenerateKey()) // in production: from a secret store
	if err != nil {
		fmt.Println(err)
		return
	}
	keys, err := seal.NewKeyring(k)
	if err != nil {
		fmt.Println(err)
		return
	}
	place := seal.Place{TenantID: "acme-1", Field: "database_url"}
	sealed, err := keys.Seal("postgres://acme@db/acme", place)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(seal.Sealed(sealed), keys.Stale(sealed))
	text, err := keys.Open(sealed, place)
	fmt.Println(text, err)
	_, err = keys.Open(sealed, seal.Place{TenantID: "evil-2", Field: "database_url"})
	fmt.Println(errors.Is(err, seal.ErrTampered))
	// Output:
	// true false
	// postgres://acme@db/acme <nil>
	// true
}
