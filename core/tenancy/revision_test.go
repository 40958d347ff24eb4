package tenancy_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestPositionText(t *testing.T) {
	for position, want := range map[tenancy.Position]string{
		{}:                                       "0-0000000000000000",
		{Revision: 42, Mark: 0x00c0ffee00c0ffee}: "42-00c0ffee00c0ffee",
		{Revision: 1, Mark: -1}:                  "1-ffffffffffffffff",
		{Revision: math.MaxInt64, Mark: math.MinInt64}: "9223372036854775807-8000000000000000",
	} {
		if position.String() != want {
			t.Errorf("%#v shows as %s, want %s", position, position, want)
		}
		text, err := json.Marshal(position)
		var back tenancy.Position
		if err != nil || json.Unmarshal(text, &back) != nil || back != position {
			t.Errorf("%#v, as %s, reads back as %#v", position, text, back)
		}
		if position.IsZero() != (position == tenancy.Position{}) {
			t.Errorf("IsZero of %s", position)
		}
	}
	for _, bad := range []string{
		"", "-", "1", "1-", "-1-0000000000000000", "1-000000000000000", "1-00000000000000000", "1-00C0FFEE00C0FFEE",
		"+1-0000000000000000", "01-0000000000000000", "1-0000000000000000\n", " 1-0000000000000000",
		"9223372036854775808-0000000000000000", "1-+000000000000000", "1_0-0000000000000000",
	} {
		p := tenancy.Position{Revision: 7}
		wantInvalid(t, bad, p.UnmarshalText([]byte(bad)), "position")
		if p.Revision != 7 {
			t.Errorf("%q: a failed UnmarshalText changed the position", bad)
		}
	}
}

func FuzzPositionText(f *testing.F) {
	f.Add("42-00c0ffee00c0ffee", int64(1), int64(-1))
	f.Add("0-0000000000000000", int64(0), int64(0))
	f.Add("-1-0000000000000000", int64(math.MaxInt64), int64(math.MinInt64))
	f.Fuzz(func(t *testing.T, text string, revision, mark int64) {
		var p tenancy.Position
		if err := p.UnmarshalText([]byte(text)); err == nil && p.String() != text {
			t.Fatalf("%q is read as %s", text, p)
		}
		if revision < 0 {
			return
		}
		want := tenancy.Position{Revision: tenancy.Revision(revision), Mark: mark}
		if err := p.UnmarshalText([]byte(want.String())); err != nil || p != want {
			t.Fatalf("%#v reads back as %#v (%v)", want, p, err)
		}
	})
}
