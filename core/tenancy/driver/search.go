package driver

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// ForSearch returns o with its default filled in, or an [*tenancy.Error] that wraps
// ErrInvalid.
func ForSearch(o tenancy.SearchOptions) (tenancy.SearchOptions, error) {
	if o.Limit < 0 || o.Limit > tenancy.MaxSearchLimit {
		return o, invalid("limit", "must be 0 to %d", tenancy.MaxSearchLimit)
	}
	if o.Limit == 0 {
		o.Limit = tenancy.DefaultSearchLimit
	}
	return o, o.Filter.Validate()
}

// ValidateQuery returns an [*tenancy.Error] that wraps ErrInvalid if query is not UTF-8
// or holds NUL. Any other text is a literal: no character of it is special.
func ValidateQuery(query string) error {
	if !utf8.ValidString(query) || strings.IndexByte(query, 0) >= 0 {
		return invalid("query", "must be UTF-8 without NUL")
	}
	return nil
}

// SearchRank is how well a tenant matches a query; less is better.
type SearchRank int

// The ranks, best first.
const (
	RankExactIdentifier SearchRank = iota
	RankIdentifierPrefix
	RankNameContains
	RankIdentifierContains
	RankNone // no match
)

// RankOf returns the rank of a tenant for a query, given [Fold] of identifier,
// name and query. The empty query is a prefix of every identifier.
func RankOf(identifier, name, query string) SearchRank {
	switch {
	case identifier == query:
		return RankExactIdentifier
	case strings.HasPrefix(identifier, query):
		return RankIdentifierPrefix
	case strings.Contains(name, query):
		return RankNameContains
	case strings.Contains(identifier, query):
		return RankIdentifierContains
	}
	return RankNone
}

// Match is a tenant that a search found.
type Match struct {
	Tenant tenancy.Tenant
	Rank   SearchRank
}

// TopMatches returns the tenants of the best limit matches, by rank, then by
// identifier. It holds no more than twice as many, however many there are. It is
// for stores that rank outside the database.
func TopMatches(matches iter.Seq[Match], limit int) []tenancy.Tenant {
	var best []Match
	cut := false // the first limit are the best of those before them, in order
	for m := range matches {
		if cut && compareMatches(m, best[limit-1]) >= 0 {
			continue
		}
		if best = append(best, m); len(best) == 2*limit {
			slices.SortFunc(best, compareMatches)
			best, cut = best[:limit], true
		}
	}
	slices.SortFunc(best, compareMatches)
	out := make([]tenancy.Tenant, min(limit, len(best)))
	for i := range out {
		out[i] = best[i].Tenant
	}
	return out
}

func compareMatches(a, b Match) int {
	return cmp.Or(cmp.Compare(a.Rank, b.Rank), strings.Compare(a.Tenant.Identifier, b.Tenant.Identifier))
}
