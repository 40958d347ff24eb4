package tenancy

// The limits of Search.
const (
	DefaultSearchLimit = 10
	MaxSearchLimit     = 1000
)

// SearchOptions narrow a search.
type SearchOptions struct {
	Filter Filter
	// Limit is the largest number of results: DefaultSearchLimit if 0, at most
	// MaxSearchLimit.
	Limit int
}
