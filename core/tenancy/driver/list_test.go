package driver_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func TestListOptionsNormalized(t *testing.T) {
	cursor := driver.ListKey{CreatedAt: valid().CreatedAt, ID: "t1"}.Cursor(tenancy.Filter{})
	for _, c := range []struct {
		opts  tenancy.ListOptions
		field string
		limit int
	}{
		{tenancy.ListOptions{}, "", tenancy.DefaultPageLimit},
		{tenancy.ListOptions{Limit: 1}, "", 1},
		{tenancy.ListOptions{Limit: tenancy.MaxPageLimit, Offset: 5}, "", tenancy.MaxPageLimit},
		{tenancy.ListOptions{Limit: tenancy.MaxPageLimit + 1}, "limit", 0},
		{tenancy.ListOptions{Limit: -1}, "limit", 0},
		{tenancy.ListOptions{Offset: -1}, "offset", 0},
		{tenancy.ListOptions{Cursor: cursor}, "", tenancy.DefaultPageLimit},
		{tenancy.ListOptions{Cursor: cursor, Offset: 1}, "offset", 0},
		{tenancy.ListOptions{Cursor: "?"}, "cursor", 0},
		{tenancy.ListOptions{Cursor: cursor + "\n"}, "cursor", 0},
		{tenancy.ListOptions{Cursor: cursor[:4] + "\r\n" + cursor[4:]}, "cursor", 0},
		{tenancy.ListOptions{Cursor: "B" + cursor[1:]}, "cursor", 0},
		{tenancy.ListOptions{Cursor: cursor[:8]}, "cursor", 0},
		{tenancy.ListOptions{Cursor: strings.Repeat("A", 1<<20)}, "cursor", 0},
		{tenancy.ListOptions{Cursor: driver.ListKey{CreatedAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), ID: "t1"}.Cursor(tenancy.Filter{})}, "cursor", 0},
		{tenancy.ListOptions{Filter: tenancy.Filter{Statuses: []tenancy.Status{"frozen"}}}, "status", 0},
		{tenancy.ListOptions{Filter: tenancy.Filter{Statuses: []tenancy.Status{""}}}, "status", 0},
	} {
		got, after, err := driver.ForList(c.opts)
		if c.field != "" {
			wantInvalid(t, "options", err, c.field)
			continue
		}
		if err != nil || got.Limit != c.limit || after.IsZero() != (c.opts.Cursor == "") {
			t.Errorf("%+v: %+v, %+v, %v", c.opts, got, after, err)
		}
	}
}

func TestCursorRoundTrip(t *testing.T) {
	for _, key := range []driver.ListKey{
		{CreatedAt: time.Time{}, ID: "a"},
		{CreatedAt: valid().CreatedAt, ID: tenancy.NewID()},
		{CreatedAt: time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC), ID: strings.Repeat("😀", tenancy.MaxIDRunes)},
		{CreatedAt: time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC), ID: "\n"},
	} {
		cursor := key.Cursor(tenancy.Filter{})
		_, got, err := driver.ForList(tenancy.ListOptions{Cursor: cursor})
		if err != nil || got != key {
			t.Errorf("%+v reads back as %+v (%v)", key, got, err)
		}
		if url.QueryEscape(cursor) != cursor || url.PathEscape(cursor) != cursor {
			t.Errorf("%q is not safe in a URL", cursor)
		}
	}
}

// A cursor that is not quite the one that List returned is no cursor.
func TestCursorsThatWereAltered(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ \n\r"
	filters := []tenancy.Filter{{}, {Statuses: []tenancy.Status{tenancy.StatusActive}}}
	for _, id := range []string{"a", "t1", "tenant-1", tenancy.NewID(), "é世🙂"} {
		for _, filter := range filters {
			cursor := driver.ListKey{CreatedAt: valid().CreatedAt, ID: id}.Cursor(filter)
			refused := func(what, altered string) {
				t.Helper()
				if altered == cursor {
					return
				}
				if _, got, err := driver.ForList(tenancy.ListOptions{Cursor: altered, Filter: filter}); altered != "" && !errors.Is(err, tenancy.ErrInvalid) {
					t.Fatalf("%s: %q of %q is read as %+v", what, altered, cursor, got)
				}
			}
			for i := range cursor {
				refused("cut", cursor[:i])
				refused("cut at the start", cursor[i:])
				refused("without one", cursor[:i]+cursor[i+1:])
				refused("one twice", cursor[:i]+cursor[i:i+1]+cursor[i:])
				for _, c := range alphabet {
					refused("one changed", cursor[:i]+string(c)+cursor[i+1:])
					refused("one more", cursor[:i]+string(c)+cursor[i:])
				}
				if i > 0 {
					refused("two swapped", cursor[:i-1]+cursor[i:i+1]+cursor[i-1:i]+cursor[i+1:])
				}
			}
			refused("one more at the end", cursor+"A")
			refused("twice", cursor+cursor)
		}
	}
}

func TestCursorOfAnotherFilter(t *testing.T) {
	var filters []tenancy.Filter // every set of statuses
	for set := range 16 {
		var f tenancy.Filter
		for i, s := range tenancy.Statuses() {
			if set>>i&1 == 1 {
				f.Statuses = append(f.Statuses, s)
			}
		}
		filters = append(filters, f)
	}
	for i, from := range filters {
		cursor := driver.ListKeyOf(valid()).Cursor(from)
		for j, to := range filters {
			_, _, err := driver.ForList(tenancy.ListOptions{Cursor: cursor, Filter: to})
			if i == j != (err == nil) {
				t.Errorf("from %v to %v: %v", from, to, err)
			}
			if err != nil && !strings.Contains(err.Error(), "another filter") {
				t.Errorf("from %v to %v the error does not say what is wrong: %v", from, to, err)
			}
		}
		// The order of the statuses, and how often each is named, changes nothing.
		again := slices.Concat(from.Statuses, from.Statuses)
		slices.Reverse(again)
		if _, _, err := driver.ForList(tenancy.ListOptions{Cursor: cursor, Filter: tenancy.Filter{Statuses: again}}); err != nil {
			t.Errorf("from %v to %v: %v", from.Statuses, again, err)
		}
	}
}

func TestListKeyCompare(t *testing.T) {
	early, late := valid().CreatedAt, valid().CreatedAt.Add(time.Microsecond)
	want := []driver.ListKey{{CreatedAt: late, ID: "a"}, {CreatedAt: early, ID: "b"}, {CreatedAt: early, ID: "B"}, {CreatedAt: early, ID: "A"}}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, driver.ListKey.Compare)
	if !slices.Equal(got, want) {
		t.Errorf("order %+v, want %+v", got, want)
	}
	if c := want[0].Compare(want[0]); c != 0 {
		t.Errorf("Compare with itself: %d", c)
	}
}

func TestPageOf(t *testing.T) {
	rows := make([]tenancy.Tenant, 3)
	for i := range rows {
		rows[i] = valid()
		rows[i].ID = string(rune('c' - i))
	}
	if p := driver.PageOf(rows, tenancy.ListOptions{Limit: 3}); len(p.Tenants) != 3 || p.Next != "" {
		t.Errorf("the last page: %+v", p)
	}
	p := driver.PageOf(rows, tenancy.ListOptions{Limit: 2})
	_, after, err := driver.ForList(tenancy.ListOptions{Cursor: p.Next})
	if len(p.Tenants) != 2 || cap(p.Tenants) != 2 || err != nil || after != driver.ListKeyOf(rows[1]) {
		t.Errorf("a page with a next one: %+v, %+v, %v", p, after, err)
	}
	if p := driver.PageOf(nil, tenancy.ListOptions{Limit: 2}); len(p.Tenants) != 0 || p.Next != "" {
		t.Errorf("no rows: %+v", p)
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add("")
	f.Add(driver.ListKey{CreatedAt: valid().CreatedAt, ID: "t1"}.Cursor(tenancy.Filter{}))
	f.Add("AQAAAAAAAAAAYQ")
	f.Add("AQAAAAAAAAAAYR")
	f.Add("AQAAAAAAAAAAYQ==")
	f.Add("AQ\nAAAAAAAAAAYQ")
	f.Fuzz(func(t *testing.T, cursor string) {
		_, key, err := driver.ForList(tenancy.ListOptions{Cursor: cursor})
		if err != nil {
			wantInvalid(t, cursor, err, "cursor")
			return
		}
		if cursor != "" && (key.Cursor(tenancy.Filter{}) != cursor || tenancy.ValidateID(key.ID) != nil || key.CreatedAt.Location() != time.UTC) {
			t.Fatalf("%q is read as %+v, which is %q", cursor, key, key.Cursor(tenancy.Filter{}))
		}
	})
}
