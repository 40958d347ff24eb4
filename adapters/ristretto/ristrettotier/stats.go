package ristrettotier

import "github.com/go-tenancy/tenantstore/core/tier"

// Stats describes what a cache holds, and counts what it lost since NewCache.
type Stats = tier.CacheStats

// SpaceStats describes one of the two spaces of a cache. Capacity is in entries;
// for tenants under WithMaxBytes it is in bytes.
type SpaceStats = tier.SpaceStats

// Stats returns the counts, read one by one.
func (c *Cache) Stats() Stats {
	return Stats{Tenants: c.tenants.stats(), Negatives: c.negatives.stats()}
}

func (s *space) stats() SpaceStats {
	capacity := s.cache.MaxCost()
	return SpaceStats{
		Entries:    s.counts.entries.Load(),
		Used:       capacity - s.cache.RemainingCost(),
		Capacity:   capacity,
		Evictions:  s.counts.evicted.Load(),
		Rejections: s.counts.rejected.Load(),
		Expired:    s.counts.expired.Load(),
		Cleared:    s.counts.cleared.Load(),
	}
}
