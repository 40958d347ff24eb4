package tier

import (
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// terms are what an entry of a local cache is served by, so that a hit need not look for
// them.
type terms struct {
	fence   *fence  // the one under which it was accepted
	bucket  *bucket // of its floor there
	tag     uint64  // in the bucket
	refresh int64   // by the coarse clock: load it again in the background
	expires int64   // by the coarse clock: serve it no more
}

// holds reports whether e is what belongs under key.
func (e *Entry) holds(key tenancy.Key) bool {
	return e.Key == key && (e.Negative() || !key.OfField() || key.Matches(e.Versioned.Tenant))
}

// serves reports whether an entry of the local cache may be served. It was accepted
// under its fence, so its AsOf is not below the base of that one; what may have risen
// since is its floor. Mostly no key of its bucket has changed.
func (s *Store) serves(e *Entry, now int64) bool {
	asOf := int64(e.Versioned.AsOf.Revision)
	return e.fence == s.fence.Load() && now < e.expires && s.reader.Serves(now) &&
		(asOf >= e.bucket.newest.Load() || asOf >= e.bucket.floor(e.tag))
}

// newEntry returns the entry of what was loaded under fence, on the terms of the local
// cache.
func (s *Store) newEntry(key tenancy.Key, v tenancy.Versioned, fence *fence) *Entry {
	e := &Entry{Key: ownKey(key, &v.Tenant), Versioned: v}
	l := s.local.Load()
	if l == nil {
		return e
	}
	e.fence = fence
	e.bucket, e.tag = fence.bucket(key)
	e.TTL = l.cfg.lifetime(e)
	now := s.reader.Now()
	e.expires = now + int64(e.TTL)
	e.refresh = e.expires
	if l.cfg.refreshAhead < 1 && !e.Negative() {
		e.refresh = now + int64(l.cfg.refreshAhead*float64(e.TTL))
	}
	return e
}

// ownKey returns key with a text that an entry may keep: the one that the caller
// looked up may be a part of a whole request.
func ownKey(key tenancy.Key, t *tenancy.Tenant) tenancy.Key {
	switch key.Value {
	case t.ID:
		key.Value = t.ID
	case t.Identifier:
		key.Value = t.Identifier
	default:
		key.Value = strings.Clone(key.Value)
	}
	return key
}

// lifetime returns the TTL of an entry, give or take a tenth, so that entries made
// together do not end together.
func (c *cacheConfig) lifetime(e *Entry) time.Duration {
	d := c.ttl
	if e.Negative() {
		d = c.negativeTTL
	}
	d = min(d, longest)
	return d + time.Duration((rand.Float64()*0.2-0.1)*float64(d))
}

// longest stands for every duration beyond it, which added to a time would lie in the
// past: some 70 years.
const longest = time.Duration(math.MaxInt64 / 4)
