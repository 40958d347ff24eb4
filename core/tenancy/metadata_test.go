package tenancy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func mustParse(t testing.TB, text string) tenancy.Metadata {
	t.Helper()
	m, err := tenancy.ParseMetadata([]byte(text))
	if err != nil {
		t.Fatalf("ParseMetadata(%.100q): %v", text, err)
	}
	return m
}

func TestParseMetadataCanonicalForm(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{``, `{}`},
		{` `, `{}`},
		{`null`, `{}`},
		{"\t{ }\r\n", `{}`},
		{`{"b":1,"a":2}`, `{"a":2,"b":1}`},
		{`{"a":1,"a":2}`, `{"a":2}`},
		{`{"a":1,"\u0061":2}`, `{"a":2}`},
		{`{"a":{"z":1,"y":[1 , 2, {} , [ ]]}}`, `{"a":{"y":[1,2,{},[]],"z":1}}`},
		{`{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"a":0}`, `{"a":0,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9}`},
		{`{"":1}`, `{"":1}`},
		{`{"a!":1,"a":2}`, `{"a":2,"a!":1}`},
		// Byte order of the decoded keys, which is not UTF-16 order.
		{`{"\ud83d\ude00":1,"\uffff":2,"é":3,"~":4}`, "{\"~\":4,\"é\":3,\"\uffff\":2,\"😀\":1}"},
		{`{"a":"\u003c\/\u2028\u00e9\u001f\u0008\ud83d\ude00"}`, "{\"a\":\"</\u2028é\\u001f\\b😀\"}"},
		{`{"a":"\u0009\u000A\u000c\u000d\u0022\u005C\u007f"}`, `{"a":"\t\n\f\r\"\\` + "\x7f" + `"}`},
		{`{"a":"\ufffd"}`, "{\"a\":\"\ufffd\"}"},
		{`{"a":[0,-0,0.0,-0.00e5,0e999999999999999999999]}`, `{"a":[0,0,0,0,0]}`},
		{`{"a":[1.0,1.50,-1e0,1E+2,1e-2,0.001e3,12.5e1,12.5e-1,1e20]}`, `{"a":[1,1.5,-1,100,0.01,1,125,1.25,100000000000000000000]}`},
		{`{"a":9007199254740993}`, `{"a":9007199254740993}`},
		{`{"a":0.1000000000000000055511151231257827}`, `{"a":0.1000000000000000055511151231257827}`},
		{`{"a":[true,false,null]}`, `{"a":[true,false,null]}`},
	} {
		m := mustParse(t, c.in)
		if m.String() != c.want {
			t.Errorf("ParseMetadata(%q) is %s, want %s", c.in, m, c.want)
		}
		if stored := driver.MetadataFromStored([]byte(c.in)); stored != m {
			t.Errorf("MetadataFromStored(%q) is %s, want %s", c.in, stored, m)
		}
		checkMetadata(t, []byte(c.in), m)
	}
}

func TestTheLastOfManyRepeatedKeysCounts(t *testing.T) {
	var in, want strings.Builder
	for i := range 300 { // so many that sorting them does not keep their order by itself
		fmt.Fprintf(&in, `,"k%02d":%d`, i*7%100, i)
	}
	for key := range 100 {
		fmt.Fprintf(&want, `,"k%02d":%d`, key, key*43%100+200) // 7*43 is 1 modulo 100
	}
	m := mustParse(t, "{"+in.String()[1:]+"}")
	if m.String() != "{"+want.String()[1:]+"}" {
		t.Errorf("got  %s\nwant {%s}", m, want.String()[1:])
	}
}

// A mantissa may be as long as its exponent is large.
func TestNumbersOfAMillionDigits(t *testing.T) {
	zeros := strings.Repeat("0", 1_000_000)
	for in, want := range map[string]string{
		`{"a":0.` + zeros + `1e1000005}`:  `{"a":10000}`,
		`{"a":5` + zeros + `00e-1000001}`: `{"a":50}`,
	} {
		if m, err := tenancy.ParseMetadata([]byte(in)); err != nil || m.String() != want {
			t.Errorf("%.20s…%s is %.40s, %v; want %s", in, in[len(in)-10:], m, err, want)
		}
	}
}

func TestParseMetadataLimits(t *testing.T) {
	nested := func(levels int) string { // the object is the first level
		return `{"a":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + `}`
	}
	sized := func(n int) string { return `{"a":"` + strings.Repeat("x", n-len(`{"a":""}`)) + `"}` }
	number := func(s string) string { return `{"a":` + s + `}` }
	digits := strings.Repeat("7", 1000)
	for _, c := range []struct {
		name, in string
		ok       bool
	}{
		{"100 levels", nested(100), true},
		{"101 levels", nested(101), false},
		{"100 levels around a scalar", strings.Replace(nested(100), "[]", "[1]", 1), true},
		{"100 levels of objects around a scalar", strings.Repeat(`{"a":`, 100) + `"x"` + strings.Repeat("}", 100), true},
		{"101 levels around a scalar", strings.Replace(nested(101), "[]", "[1]", 1), false},
		{"101 levels, the last an empty object", strings.Replace(nested(101), "[]", "{}", 1), false},
		{"101 levels of objects", strings.Repeat(`{"a":`, 101) + "1" + strings.Repeat("}", 101), false},
		{"256 KiB", sized(tenancy.MaxMetadataBytes), true},
		{"256 KiB and 1", sized(tenancy.MaxMetadataBytes + 1), false},
		{"256 KiB and white space", strings.Repeat(" ", 1000) + sized(tenancy.MaxMetadataBytes), true},
		{"256 KiB once unescaped", strings.Replace(sized(tenancy.MaxMetadataBytes), "x", `\u0078`, 1), true},
		{"9e308", number("9e308"), true},
		{"1e309", number("1e309"), false},
		{"-1e309", number("-1e309"), false},
		{"10e308", number("10e308"), false},
		{"0.1e309", number("0.1e309"), true},
		{"1e-308", number("1e-308"), true},
		{"0.9e-308", number("0.9e-308"), false},
		{"1e-309", number("1e-309"), false},
		{"1000 digits", number("0." + digits), true},
		{"1001 digits", number("0." + digits + "1"), false},
		{"1000 digits and zeros", number(digits[:300] + "." + digits[:700] + strings.Repeat("0", 500)), true},
		{"leading zeros of a fraction", number("0." + strings.Repeat("0", 400) + "1e400"), true},
		{"exponent beyond int64", number("1e99999999999999999999"), false},
		{"exponent below int64", number("1e-99999999999999999999"), false},
		{"largest exponent of int64", number("1e9223372036854775807"), false},
		{"least exponent of int64", number("1e-9223372036854775808"), false},
		{"1e308 written out", number("1" + strings.Repeat("0", 308)), true},
		{"1e309 written out", number("1" + strings.Repeat("0", 309)), false},
		{"1e-308 written out", number("0." + strings.Repeat("0", 307) + "1"), true},
		{"1e-309 written out", number("0." + strings.Repeat("0", 308) + "1"), false},
		{"NUL", `{"a":"\u0000"}`, false},
		{"NUL in a key", `{"\u0000":1}`, false},
		{"NUL byte", "{\"a\":\"\x00\"}", false},
		{"high surrogate alone", `{"a":"\ud800"}`, false},
		{"high surrogate before a letter", `{"a":"\ud800a"}`, false},
		{"high surrogate before an escape", `{"a":"\ud800\n"}`, false},
		{"low surrogate alone", `{"a":"\udc00"}`, false},
		{"surrogates the wrong way round", `{"a":"\udc00\ud800"}`, false},
		{"two high surrogates", `{"a":"\ud800\ud800\udc00"}`, false},
		{"surrogate in a key", `{"\uD800":1}`, false},
		{"pair at the end", `{"a":"\uD83D\uDE00"}`, true},
		{"escaped backslash before u", `{"a":"\\ud800"}`, true},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", false},
		{"UTF-8 of a surrogate", "{\"a\":\"\xed\xa0\x80\"}", false},
		{"no-break space around", "\u00a0{}", false},
		{"vertical tab around", "\v{}", false},
		{"byte order mark", "\ufeff{}", false},
		{"array", `[]`, false},
		{"string", `"a"`, false},
		{"number", `1`, false},
		{"two objects", `{}{}`, false},
		{"trailing comma", `{"a":1,}`, false},
		{"truncated", `{"a":`, false},
		{"leading zero", `{"a":01}`, false},
		{"NaN", `{"a":NaN}`, false},
	} {
		m, err := tenancy.ParseMetadata([]byte(c.in))
		if c.ok != (err == nil) {
			t.Errorf("%s: error %v", c.name, err)
			continue
		}
		if err == nil {
			checkMetadata(t, []byte(c.in), m)
			continue
		}
		var e *tenancy.Error
		if !errors.As(err, &e) || !errors.Is(err, tenancy.ErrInvalid) || e.Field != "metadata" {
			t.Errorf("%s: error %v is no ErrInvalid of the field metadata", c.name, err)
		}
		if m != (tenancy.Metadata{}) {
			t.Errorf("%s: metadata with the error: %.100s", c.name, m)
		}
	}
}

// A few bytes of exponents stand for many of digits; a small body must not cost
// much more memory than the largest metadata.
func TestParseMetadataStopsWhenTooLarge(t *testing.T) {
	in := []byte(`{"a":[1e308` + strings.Repeat(`,1e308`, 200_000) + `]}`) // 62 MB of digits
	got := allocated(func() {
		if _, err := tenancy.ParseMetadata(in); !errors.Is(err, tenancy.ErrInvalid) {
			t.Error(err)
		}
	})
	if got > 16*tenancy.MaxMetadataBytes {
		t.Errorf("refusing %d bytes allocates %d", len(in), got)
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func deep(levels int) string {
	return `{"a":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + `}`
}

func TestMetadataFromStoredKeepsWhatIsOdd(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"b":"\ud800" , "a":1}`, `{"a":1,"b":"\ud800"}`},
		{`{"a":"\u0000"}`, `{"a":"\u0000"}`},
		{`{"a":1e400,"b":-1E-999}`, `{"a":1e400,"b":-1E-999}`},
		{"{\"a\":\"\xff\\n\"}", "{\"a\":\"\xff\\n\"}"},
		{`{"\ud800":1,"\ud801":2,"\udc00":3}`, `{"\ud800":1,"\ud801":2,"\udc00":3}`},
		{`{"\ud800":1,"\\ud800":2,"\ufffd":3}`, ""},
		{`{"\ud800":1,"\ud800":2}`, `{"\ud800":2}`},
		{`{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, ""},
		{`{"a":"` + strings.Repeat("x", 2*tenancy.MaxMetadataBytes) + `"}`, ""},
	} {
		m := driver.MetadataFromStored([]byte(c.in))
		if m.Err() != nil {
			t.Errorf("MetadataFromStored(%.60q): %v", c.in, m.Err())
			continue
		}
		if c.want != "" && m.String() != c.want {
			t.Errorf("MetadataFromStored(%.60q) is %.60q, want %q", c.in, m.String(), c.want)
		}
		if again := driver.MetadataFromStored([]byte(m.String())); again != m {
			t.Errorf("MetadataFromStored(%.60q) is not stable: %.60q", c.in, again.String())
		}
	}
	odd := driver.MetadataFromStored([]byte(`{"\ud800":1,"\\ud800":2,"\ufffd":3}`))
	if n := strings.Count(odd.String(), ":"); n != 3 {
		t.Errorf("%s has %d members, want 3", odd, n)
	}
}

// What cannot be read costs one tenant its metadata, and nothing replaces it unseen.
func TestWithheldMetadata(t *testing.T) {
	for _, bad := range []string{`[]`, `{`, `{"a":01}`, `x`, `"x"`, `7`, "\xff", deep(9_001), deep(10_001), strings.Repeat("[", 100_000)} {
		m := driver.MetadataFromStored([]byte(bad))
		if err := m.Err(); !errors.Is(err, tenancy.ErrWithheld) || errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("MetadataFromStored(%.60q): %v", bad, err)
			continue
		}
		if m == (tenancy.Metadata{}) || m.Keys() != nil {
			t.Errorf("%.60q counts as %s, with keys %q", bad, m, m.Keys())
		}
		if value, ok := m.Get("a"); ok {
			t.Errorf("%.60q has a member %s", bad, value)
		}
		if m.Without("a") != m {
			t.Errorf("%.60q without a is %s", bad, m.Without("a"))
		}
		patch := mustParse(t, `{"a":1}`)
		wantInvalid(t, "Merge", second(m.Merge(patch)), "metadata")
		wantInvalid(t, "Merge with it", second(patch.Merge(m)), "metadata")
		wantInvalid(t, "Merge into nothing", second((tenancy.Metadata{}).Merge(m)), "metadata")
		wantInvalid(t, "With", second(m.With("a", 1)), "metadata")
		wantInvalid(t, "MetadataAs", second(tenancy.MetadataAs[map[string]any](m)), "metadata")
		wantInvalid(t, "Validate", m.Validate(), "metadata")
		tenant := valid()
		tenant.Metadata = m
		wantInvalid(t, "the tenant", tenant.Validate(), "metadata")
		text, err := json.Marshal([]tenancy.Tenant{tenant})
		if err != nil || !strings.Contains(string(text), `"metadata":"***"`) {
			t.Errorf("marshals to %s, %v", text, err)
		}
		var back []tenancy.Tenant
		wantInvalid(t, "reading it back", json.Unmarshal(text, &back), "metadata")
	}
	// What is read fits into the JSON of a page.
	deepest := valid()
	deepest.Metadata = driver.MetadataFromStored([]byte(deep(9_000)))
	if _, err := json.Marshal(map[string]any{"tenants": []tenancy.Tenant{deepest}}); err != nil || deepest.Metadata.Err() != nil {
		t.Errorf("%v, %v", deepest.Metadata.Err(), err)
	}
}

// A patch must not damage what it does not touch, however odd.
func TestMetadataChangesKeepOddMembers(t *testing.T) {
	odd := driver.MetadataFromStored([]byte(`{"\ud800":1,"\ud801":"\u0000","n":1e400,"x":"\udc00"}`))
	with, err := odd.With("a", true)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"a":true,"n":1e400,"x":"\udc00","\ud800":1,"\ud801":"\u0000"}`; with.String() != want {
		t.Errorf("With: %s, want %s", with, want)
	}
	if got := with.Without("a"); got != odd {
		t.Errorf("Without: %s, want %s", got, odd)
	}
	if got, ok := odd.Get("n"); !ok || string(got) != "1e400" {
		t.Errorf("Get: %s, %t", got, ok)
	}
}

func TestMetadataMergeGetWithout(t *testing.T) {
	m := mustParse(t, `{"plan":"free","nested":{"a":1,"b":2},"list":[{"x":"}"},"]"],"q\"":"\\"}`)
	merged, err := m.Merge(mustParse(t, `{"plan":null,"nested":{"c":3},"new":0}`))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"list":[{"x":"}"},"]"],"nested":{"c":3},"new":0,"plan":null,"q\"":"\\"}`; merged.String() != want {
		t.Errorf("Merge: %s, want %s", merged, want)
	}
	if want := []string{"list", "nested", "plan", "q\""}; !slices.Equal(m.Keys(), want) {
		t.Errorf("Keys: %q, want %q", m.Keys(), want)
	}
	for key, want := range map[string]string{"list": `[{"x":"}"},"]"]`, "q\"": `"\\"`, "nested": `{"a":1,"b":2}`} {
		if got, ok := m.Get(key); !ok || string(got) != want {
			t.Errorf("Get(%q) is %s, %t, want %s", key, got, ok, want)
		}
	}
	if got, ok := m.Get("a"); ok {
		t.Errorf("Get of a nested key: %s", got)
	}
	raw, _ := m.Get("plan")
	raw[1] = 'X'
	if got, _ := m.Get("plan"); string(got) != `"free"` {
		t.Errorf("what Get returns shares memory with the metadata: %s", got)
	}
	if got := m.Without("plan", "absent", "list", "q\""); got.String() != `{"nested":{"a":1,"b":2}}` {
		t.Errorf("Without: %s", got)
	}
	if got := m.Without(m.Keys()...); got != (tenancy.Metadata{}) {
		t.Errorf("Without all: %s", got)
	}
	if got := m.Without(); got != m {
		t.Errorf("Without none: %s", got)
	}
	var zero tenancy.Metadata
	if got, err := zero.Merge(zero); err != nil || got != zero {
		t.Errorf("Merge of nothing: %s, %v", got, err)
	}
	if got, err := zero.Merge(m); err != nil || got != m {
		t.Errorf("Merge into nothing: %s, %v", got, err)
	}
	if got, err := m.Merge(zero); err != nil || got != m {
		t.Errorf("Merge of an empty patch: %s, %v", got, err)
	}
	if len(zero.Keys()) != 0 {
		t.Errorf("Keys of nothing: %q", zero.Keys())
	}
	half := `"` + strings.Repeat("x", tenancy.MaxMetadataBytes/2) + `"`
	a, b := mustParse(t, `{"a":`+half+`}`), mustParse(t, `{"b":`+half+`}`)
	if got, err := a.Merge(b); !errors.Is(err, tenancy.ErrInvalid) || got != zero {
		t.Errorf("Merge beyond the limit: %v", err)
	}
	if _, err := a.Merge(mustParse(t, `{"a":`+half+`}`)); err != nil {
		t.Errorf("Merge that replaces: %v", err)
	}
}

func TestNewMetadataAndWith(t *testing.T) {
	type settings struct {
		Plan  string          `json:"plan"`
		Seats int64           `json:"seats"`
		Raw   json.RawMessage `json:"raw,omitempty"`
	}
	m, err := tenancy.NewMetadata(settings{Plan: "a<b", Seats: 9007199254740993})
	if err != nil || m.String() != `{"plan":"a<b","seats":9007199254740993}` {
		t.Fatalf("NewMetadata: %s, %v", m, err)
	}
	back, err := tenancy.MetadataAs[settings](m)
	if err != nil || !reflect.DeepEqual(back, settings{Plan: "a<b", Seats: 9007199254740993}) {
		t.Errorf("MetadataAs: %+v, %v", back, err)
	}
	for _, v := range []any{nil, map[string]any(nil), map[string]any{}, struct{}{}, (*settings)(nil)} {
		if m, err := tenancy.NewMetadata(v); err != nil || m != (tenancy.Metadata{}) {
			t.Errorf("NewMetadata(%#v): %s, %v", v, m, err)
		}
	}
	for _, v := range []any{1, "x", []int{1}, make(chan int), map[string]any{"a": func() {}}, map[string]string{"a": "\xff"}, map[string]string{"a": "\x00"}} {
		if _, err := tenancy.NewMetadata(v); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("NewMetadata(%#v): %v", v, err)
		}
	}
	// What looks like the escape of a replacement character is not one.
	for _, text := range []string{`\ufffd`, `C:\\ufffd`, "\ufffd", `"\ufffd`} {
		m, err := tenancy.NewMetadata(map[string]string{"a": text})
		if err != nil {
			t.Errorf("NewMetadata of %q: %v", text, err)
			continue
		}
		if got, _ := tenancy.MetadataAs[map[string]string](m); got["a"] != text {
			t.Errorf("NewMetadata of %q gives %q", text, got["a"])
		}
	}
	for _, text := range []string{"\xff", "\\\xff", `\` + "\xff"} {
		if _, err := (tenancy.Metadata{}).With("a", text); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("With %q: %v", text, err)
		}
		if _, err := (tenancy.Metadata{}).With(text, 1); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("With key %q: %v", text, err)
		}
	}
	if m, err := (tenancy.Metadata{}).With("a", json.RawMessage(`"\ufffd"`)); err != nil || m.String() != "{\"a\":\"\ufffd\"}" {
		t.Errorf("With a raw replacement character: %s, %v", m, err)
	}
	if m, err := (tenancy.Metadata{}).With("a", nil); err != nil || m.String() != `{"a":null}` {
		t.Errorf("With nil: %s, %v", m, err)
	}
	if _, err := (tenancy.Metadata{}).With("a", json.RawMessage(`1}`)); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("With raw text that closes the object: %v", err)
	}
}

func TestMetadataAsErrors(t *testing.T) {
	m := mustParse(t, `{"seats":"many","secret":"canary"}`)
	_, err := tenancy.MetadataAs[struct{ Seats int }](m)
	var e *tenancy.Error
	if !errors.As(err, &e) || !errors.Is(err, tenancy.ErrInvalid) || e.Field != "metadata" {
		t.Fatalf("error %v", err)
	}
	if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "many") || !strings.Contains(err.Error(), "eats") {
		t.Errorf("the error should name the field and not quote the document: %v", err)
	}
	if v, err := tenancy.MetadataAs[map[string]int](tenancy.Metadata{}); err != nil || len(v) != 0 {
		t.Errorf("MetadataAs of nothing: %v, %v", v, err)
	}
}

func TestMetadataJSON(t *testing.T) {
	var holder struct{ M tenancy.Metadata }
	if err := json.Unmarshal([]byte(`{"M":{"b":"<","a":1.0}}`), &holder); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	back := holder
	if err := json.Unmarshal(text, &back); err != nil || back != holder {
		t.Errorf("%s reads back as %v (%v)", text, back, err)
	}
	if err := json.Unmarshal([]byte(`{"M":[]}`), &holder); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("an array: %v", err)
	}
	if holder != back {
		t.Error("a failed UnmarshalJSON changed the metadata")
	}
}

func TestParseMetadataAllocations(t *testing.T) {
	in := []byte(`{"features":["sso","audit"],"limits":{"seats":250,"storage_gb":1.5},"owner":"Zoë","plan":"pro","trial":false}`)
	if got := usualAllocs(func() { _, _ = tenancy.ParseMetadata(in) }); got > 1 {
		t.Errorf("canonical input: %v allocations, want 1: the result", got)
	}
	m := mustParse(t, string(in))
	if got := usualAllocs(func() { _, _ = m.Get("plan") }); got > 1 {
		t.Errorf("Get: %v allocations, want 1", got)
	}
}

// usualAllocs is the median of what 101 calls of f allocate. The mean will not
// do: json.Valid keeps its scanners in a sync.Pool, and under the race detector
// a pool drops a quarter of them at random.
func usualAllocs(f func()) float64 {
	var runs [101]float64
	for i := range runs {
		runs[i] = testing.AllocsPerRun(1, f)
	}
	slices.Sort(runs[:])
	return runs[len(runs)/2]
}

func BenchmarkParseMetadata(b *testing.B) {
	canonical := []byte(`{"features":["sso","audit"],"limits":{"seats":250,"storage_gb":1.5},"owner":"Zoë","plan":"pro","trial":false}`)
	for name, in := range map[string][]byte{
		"canonical": canonical,
		"unsorted":  []byte(`{"plan": "pro", "trial": false, "owner": "Zo\u00eb", "limits": {"storage_gb": 15e-1, "seats": 250}, "features": ["sso", "audit"]}`),
		"64KiB":     []byte(`{"a":[` + strings.Repeat(string(canonical)+",", 600) + `0]}`),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tenancy.ParseMetadata(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func FuzzParseMetadata(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `{"a":1}`, `{"b":[1e2,-0.50,{"x":null}],"a":"\u00e9\ud83d\ude00\n"}`,
		`{"a":1,"a":{"b":2,"\u0062":3}}`, `{"a":"\ud800"}`, `{"\u0000":1e309}`, "{\"\xff\":1}",
		`{"a":1e-308,"b":9.99e308}`, ` {"z":"\"\\\/\b\f\n\r\t","y":[[],{}]} `,
		`{"a!":1,"a":2}`, `{"a":01}`, `{"a":1.}`, `{"a":-}`, `{"a":-0}`, `{"a":1.20}`, `{"a":[-1.02,0.5]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := tenancy.ParseMetadata(data); err == nil {
			checkMetadata(t, data, m)
			if stored := driver.MetadataFromStored(data); stored != m {
				t.Fatalf("MetadataFromStored gives %s, ParseMetadata %s", stored, m)
			}
		} else if !errors.Is(err, tenancy.ErrInvalid) {
			t.Fatalf("error %v", err)
		}
		stored := driver.MetadataFromStored(data)
		isObject := json.Valid(data) && bytes.HasPrefix(bytes.TrimSpace(data), []byte("{"))
		if isObject != (stored.Err() == nil) && len(bytes.TrimSpace(data)) > 0 && string(bytes.TrimSpace(data)) != "null" {
			t.Fatalf("MetadataFromStored(%q): %v", data, stored.Err())
		}
		if spaced := driver.MetadataFromStored(append([]byte(" "), data...)); spaced != stored {
			t.Fatalf("%q becomes %q, and %q with a space before it", data, stored.String(), spaced.String())
		}
		if stored.Err() != nil {
			return
		}
		if again := driver.MetadataFromStored([]byte(stored.String())); again != stored {
			t.Fatalf("%q becomes %q, then %q", data, stored.String(), again.String())
		}
		if got, err := stored.Merge(stored); stored.Validate() == nil && (err != nil || got != stored) {
			t.Fatalf("%q merged with itself becomes %q (%v)", stored.String(), got.String(), err)
		}
		rest := stored
		for _, key := range stored.Keys() {
			if value, ok := stored.Get(key); !ok || !json.Valid(value) {
				t.Fatalf("Get(%q) of %q is %q, %t", key, stored.String(), value, ok)
			}
			rest = rest.Without(key)
		}
		if rest != (tenancy.Metadata{}) {
			t.Fatalf("%q without its keys is %q", stored.String(), rest.String())
		}
	})
}

// checkMetadata compares m with what encoding/json makes of its source, and
// checks that the form is canonical.
func checkMetadata(t *testing.T, source []byte, m tenancy.Metadata) {
	t.Helper()
	canonical := m.String()
	want := exact(t, source)
	if want == nil {
		want = map[string]any{} // null or empty
	}
	if got := exact(t, []byte(canonical)); !reflect.DeepEqual(got, want) {
		t.Fatalf("%.200q becomes %.200q, which has another value", source, canonical)
	}
	if again := mustParse(t, canonical); again != m {
		t.Fatalf("%.200q is not canonical: it becomes %.200q", canonical, again)
	}
	// Another spelling of the same content has the same canonical form.
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(canonical), " ", "\t"); err != nil {
		t.Fatal(err)
	}
	if other := mustParse(t, indented.String()); other != m {
		t.Fatalf("%.200q, indented, becomes %.200q", canonical, other)
	}
	if reordered, ok := respelled(want); ok {
		if other := mustParse(t, reordered); other != m {
			t.Fatalf("%.200q, respelled as %.200q, becomes %.200q", canonical, reordered, other)
		}
	}
}

// exact decodes JSON with exact numbers.
func exact(t *testing.T, data []byte) any {
	t.Helper()
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("encoding/json refuses %.200q: %v", data, err)
	}
	return exactNumbers(v)
}

type number string // a rational in lowest terms

func exactNumbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = exactNumbers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = exactNumbers(v[i])
		}
	case json.Number:
		r, ok := new(big.Rat).SetString(string(v))
		if !ok {
			// big.Rat bounds exponents; only zero may have such a one here.
			return number("0/1")
		}
		return number(r.String())
	}
	return v
}

// respelled writes v in another order, with exponents where it can.
func respelled(v any) (string, bool) {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		slices.Reverse(keys)
		var b strings.Builder
		for i, k := range keys {
			if i > 0 {
				b.WriteString(" , ")
			}
			key, _ := json.Marshal(k)
			value, ok := respelled(v[k])
			if !ok {
				return "", false
			}
			b.WriteString(string(key) + " : " + value)
		}
		return "{" + b.String() + "}", true
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			var ok bool
			if parts[i], ok = respelled(v[i]); !ok {
				return "", false
			}
		}
		return "[ " + strings.Join(parts, ",") + "]", true
	case number:
		r, _ := new(big.Rat).SetString(string(v))
		if !r.IsInt() {
			return "", false
		}
		if r.Sign() == 0 {
			return "-0.0E+7", true
		}
		return r.Num().String() + "0e-01", true
	default:
		text, _ := json.Marshal(v)
		return string(text), true
	}
}
