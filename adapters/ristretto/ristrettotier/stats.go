package ristrettotier

import "github.com/go-tenancy/tenantstore/core/observe"

// Stats says what the cache holds, and counts what it lost since NewCache. Capacity is
// in entries; for tenants under WithMaxBytes it is in bytes. The counts are read one by
// one.
func (c *Cache) Stats() observe.CacheStats {
	return observe.CacheStats{Tenants: c.tenants.stats(), Negatives: c.negatives.stats()}
}

func (s *space) stats() observe.SpaceStats {
	capacity := s.cache.MaxCost()
	return observe.SpaceStats{
		Entries:    s.counts.entries.Load(),
		Used:       capacity - s.cache.RemainingCost(),
		Capacity:   capacity,
		Evictions:  s.counts.evicted.Load(),
		Rejections: s.counts.rejected.Load(),
		Expired:    s.counts.expired.Load(),
		Cleared:    s.counts.cleared.Load(),
	}
}
