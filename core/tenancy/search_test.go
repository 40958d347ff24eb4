package tenancy_test

import (
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestRankOf(t *testing.T) {
	for _, c := range []struct {
		identifier, name, query string
		want                    tenancy.SearchRank
	}{
		{"acme", "Other", "acme", tenancy.RankExactIdentifier},
		{"acme-x", "acme", "acme", tenancy.RankIdentifierPrefix},
		{"x-acme", "The Acme Group", "acme", tenancy.RankNameContains},
		{"x-acme", "Other", "acme", tenancy.RankIdentifierContains},
		{"x", "Other", "acme", tenancy.RankNone},
		{"acme", "Other", "", tenancy.RankIdentifierPrefix},
		{"x-y", "100 % _", "%", tenancy.RankNameContains},
		{"x-y", "Straße", "STRAẞE", tenancy.RankNameContains},
	} {
		got := tenancy.RankOf(tenancy.Fold(c.identifier), tenancy.Fold(c.name), tenancy.Fold(c.query))
		if got != c.want {
			t.Errorf("RankOf(%q, %q, %q) is %d, want %d", c.identifier, c.name, c.query, got, c.want)
		}
	}
}

func TestTopMatches(t *testing.T) {
	match := func(id string, rank tenancy.SearchRank) tenancy.Match {
		return tenancy.Match{Tenant: tenancy.Tenant{ID: id, Identifier: id}, Rank: rank}
	}
	matches := []tenancy.Match{match("d", 2), match("b", 2), match("c", 0), match("a", 3)}
	if got := ids(tenancy.TopMatches(matches, 3)); got != "c b d" {
		t.Errorf("TopMatches: %s", got)
	}
	if got := ids(tenancy.TopMatches(matches, 10)); got != "c b d a" {
		t.Errorf("TopMatches: %s", got)
	}
	if got := tenancy.TopMatches(nil, 10); len(got) != 0 {
		t.Errorf("TopMatches of none: %v", got)
	}
}

func TestSearchOptionsNormalized(t *testing.T) {
	for limit, want := range map[int]int{0: tenancy.DefaultSearchLimit, 1: 1, tenancy.MaxSearchLimit: tenancy.MaxSearchLimit} {
		if got, err := (tenancy.SearchOptions{Limit: limit}).Normalized(); err != nil || got.Limit != want {
			t.Errorf("limit %d: %d, %v", limit, got.Limit, err)
		}
	}
	for _, limit := range []int{-1, tenancy.MaxSearchLimit + 1} {
		_, err := tenancy.SearchOptions{Limit: limit}.Normalized()
		wantInvalid(t, "limit", err, "limit")
	}
}
