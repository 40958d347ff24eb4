package tenancy_test

import (
	"encoding/hex"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// The layout of RFC 9562, sections 4 and 5.7: version 7, variant 10.
var uuid7 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestNewID(t *testing.T) {
	seen := map[string]bool{}
	for range 20_000 {
		id := tenancy.NewID()
		if !uuid7.MatchString(id) || tenancy.ValidateID(id) != nil {
			t.Fatalf("%s is no UUID version 7", id)
		}
		if seen[id] {
			t.Fatalf("%s came twice", id)
		}
		seen[id] = true
	}
}

func TestNewIDTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		last := ""
		for range 1000 {
			id := tenancy.NewID()
			if id <= last {
				t.Fatalf("%s follows %s", id, last)
			}
			last = id
			raw, err := hex.DecodeString(strings.ReplaceAll(id, "-", "")[:12])
			if err != nil {
				t.Fatal(err)
			}
			var ms int64
			for _, b := range raw {
				ms = ms<<8 | int64(b)
			}
			if ms != time.Now().UnixMilli() {
				t.Fatalf("%s holds %d ms, the clock says %d", id, ms, time.Now().UnixMilli())
			}
			time.Sleep(time.Millisecond) // of the bubble
		}
	})
}

// Each of the 74 random bits takes both values; all others are fixed.
func TestNewIDBits(t *testing.T) {
	var ones, zeros [16]byte
	for range 2000 {
		raw, err := hex.DecodeString(strings.ReplaceAll(tenancy.NewID(), "-", ""))
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range raw {
			ones[i] |= b
			zeros[i] |= ^b
		}
	}
	want := [16]byte{6: 0x0f, 7: 0xff, 8: 0x3f, 9: 0xff, 10: 0xff, 11: 0xff, 12: 0xff, 13: 0xff, 14: 0xff, 15: 0xff}
	for i := 6; i < 16; i++ {
		if varying := ones[i] & zeros[i]; varying != want[i] {
			t.Errorf("byte %d varies in bits %08b, want %08b", i, varying, want[i])
		}
	}
}

func BenchmarkNewID(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = tenancy.NewID()
	}
}
