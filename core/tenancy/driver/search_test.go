package driver_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func TestRankOf(t *testing.T) {
	for _, c := range []struct {
		identifier, name, query string
		want                    driver.SearchRank
	}{
		{"acme", "Other", "acme", driver.RankExactIdentifier},
		{"acme-x", "acme", "acme", driver.RankIdentifierPrefix},
		{"x-acme", "The Acme Group", "acme", driver.RankNameContains},
		{"x-acme", "Other", "acme", driver.RankIdentifierContains},
		{"x", "Other", "acme", driver.RankNone},
		{"acme", "Other", "", driver.RankIdentifierPrefix},
		{"x-y", "100 % _", "%", driver.RankNameContains},
		{"x-y", "Straße", "STRAẞE", driver.RankNameContains},
	} {
		got := driver.RankOf(driver.Fold(c.identifier), driver.Fold(c.name), driver.Fold(c.query))
		if got != c.want {
			t.Errorf("RankOf(%q, %q, %q) is %d, want %d", c.identifier, c.name, c.query, got, c.want)
		}
	}
}

func TestTopMatches(t *testing.T) {
	match := func(id string, rank driver.SearchRank) driver.Match {
		return driver.Match{Tenant: tenancy.Tenant{ID: id, Identifier: id}, Rank: rank}
	}
	top := func(limit int, matches ...driver.Match) string {
		return ids(driver.TopMatches(slices.Values(matches), limit))
	}
	matches := []driver.Match{match("d", 2), match("b", 2), match("c", 0), match("a", 3)}
	for limit, want := range map[int]string{1: "c", 2: "c b", 3: "c b d", 4: "c b d a", 10: "c b d a"} {
		if got := top(limit, matches...); got != want {
			t.Errorf("the best %d: %q, want %q", limit, got, want)
		}
	}
	if got := driver.TopMatches(slices.Values(matches[:0]), 10); len(got) != 0 {
		t.Errorf("TopMatches of none: %v", got)
	}
	var many []driver.Match
	for i := range 100 {
		many = append(many, match(fmt.Sprintf("%02d", i/2), driver.SearchRank(i%2)))
	}
	for i := range 3 { // rising, falling, mixed
		switch i {
		case 1:
			slices.Reverse(many)
		case 2:
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(many), func(i, j int) { many[i], many[j] = many[j], many[i] })
		}
		if got, want := top(7, many...), "00 01 02 03 04 05 06"; got != want {
			t.Errorf("the best 7 of 100: %q, want %q", got, want)
		}
		if got, want := top(52, many...), "48 49 00 01"; !strings.HasSuffix(got, want) {
			t.Errorf("the best 52 of 100: %q, want them to end in %q", got, want)
		}
	}
}

func TestSearchOptionsNormalized(t *testing.T) {
	for limit, want := range map[int]int{0: tenancy.DefaultSearchLimit, 1: 1, tenancy.MaxSearchLimit: tenancy.MaxSearchLimit} {
		if got, err := driver.ForSearch(tenancy.SearchOptions{Limit: limit}); err != nil || got.Limit != want {
			t.Errorf("limit %d: %d, %v", limit, got.Limit, err)
		}
	}
	for _, limit := range []int{-1, tenancy.MaxSearchLimit + 1} {
		_, err := driver.ForSearch(tenancy.SearchOptions{Limit: limit})
		wantInvalid(t, "limit", err, "limit")
	}
}
