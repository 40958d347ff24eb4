package ristrettotier

// Stats describes what a cache holds, and counts what it lost since NewCache.
type Stats struct {
	Tenants   SpaceStats
	Negatives SpaceStats
}

// SpaceStats describes one of the two spaces of a cache.
type SpaceStats struct {
	Entries  int64 // held now
	Used     int64 // of Capacity
	Capacity int64 // in entries; in bytes for tenants under WithMaxBytes

	// The counts never go back.
	Evictions  int64 // entries that gave way to others
	Rejections int64 // entries that were not kept, because others are used more
	Expired    int64 // entries that were removed because their TTL was over
}

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
	}
}
