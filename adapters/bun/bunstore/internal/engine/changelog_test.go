package engine

import (
	"errors"
	"slices"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestFollowers(t *testing.T) {
	at := func(revision, mark int64) tenancy.Change {
		return tenancy.Change{Position: tenancy.Position{Revision: tenancy.Revision(revision), Mark: mark}}
	}
	for _, c := range []struct {
		name  string
		rows  []tenancy.Change
		after tenancy.Change
		want  int // -1: ErrCompacted
	}{
		{"nothing new", []tenancy.Change{at(7, 1)}, at(7, 1), 0},
		{"two", []tenancy.Change{at(7, 1), at(8, 2), at(9, 3)}, at(7, 1), 2},
		{"from the beginning", []tenancy.Change{{}, at(1, 2)}, tenancy.Change{}, 1},
		{"beginning is gone", []tenancy.Change{{}, at(5, 2)}, tenancy.Change{}, -1},
		{"other mark", []tenancy.Change{at(7, 1), at(8, 2)}, at(7, 9), -1},
		{"older than the oldest", []tenancy.Change{at(7, 1)}, at(6, 1), -1},
		{"beyond the newest", nil, at(6, 1), -1},
		{"gap made by hand", []tenancy.Change{at(7, 1), at(9, 2)}, at(7, 1), -1},
	} {
		got, err := followers(c.rows, c.after.Position)
		if c.want < 0 {
			if !errors.Is(err, tenancy.ErrCompacted) {
				t.Errorf("%s: err = %v, want ErrCompacted", c.name, err)
			}
			continue
		}
		if err != nil || len(got) != c.want {
			t.Errorf("%s: got %d changes, %v", c.name, len(got), err)
		}
	}
}

func TestParseKeys(t *testing.T) {
	got, err := parseKeys([]byte(`[["id", "a\"b"], ["identifier", "acme"]]`))
	want := []tenancy.Key{tenancy.IDKey(`a"b`), tenancy.IdentifierKey("acme")}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := parseKeys([]byte(`[]`)); err != nil || got != nil {
		t.Errorf("none: got %v, %v", got, err)
	}
	for _, bad := range []string{``, `{}`, `["id"]`, `[[1, 2]]`} {
		if got, err := parseKeys([]byte(bad)); err == nil {
			t.Errorf("%s: got %v", bad, got)
		}
	}
}
