package tier

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A floor is never below the newest change of its key, however many keys fall on a
// bucket. Where there is room, it is not above that of the keys with the same tag.
func TestFloorsAreSafe(t *testing.T) {
	type place struct {
		bucket *bucket
		tag    uint64
	}
	for _, keys := range []int{50, 10 * minBuckets} {
		f, newest := newFence(nil, 0, minBuckets), map[tenancy.Key]tenancy.Revision{}
		ofPlace := map[place]tenancy.Revision{}
		key := func() tenancy.Key {
			k := tenancy.IDKey(fmt.Sprint("t", rand.IntN(keys)))
			if rand.IntN(2) == 0 {
				k.Kind = tenancy.KindIdentifier
			}
			return k
		}
		above := 0
		for r := range tenancy.Revision(100_000) {
			k := key()
			f.raise(k, r+1)
			newest[k] = r + 1
			b, tag := f.bucket(k)
			ofPlace[place{b, tag}] = r + 1
			k = key()
			b, tag = f.bucket(k)
			switch floor := f.floor(k); {
			case floor < newest[k]:
				t.Fatalf("floor %d of a key that has changed at %d", floor, newest[k])
			case floor > ofPlace[place{b, tag}]:
				above++
			}
			if r == 50_000 && keys > 50 {
				f = f.grown(2 * minBuckets)
			}
		}
		if keys == 50 && above > 0 {
			t.Errorf("%d floors above the change of their place, though there was room for all", above)
		}
	}
	f := newFence(nil, 0, minBuckets)
	for _, r := range []tenancy.Revision{maxPlace, maxPlace + 1, math.MaxInt64 - 1, 7} {
		if f.raise(tenancy.IDKey("a"), r); f.floor(tenancy.IDKey("a")) < r {
			t.Errorf("floor %d of a key that has changed at %d", f.floor(tenancy.IDKey("a")), r)
		}
	}
}

// A reader who begins when a floor was raised sees it, whatever is raised meanwhile.
func TestFloorsAreSeen(t *testing.T) {
	var b bucket
	var raised [20]atomic.Int64 // the floors of so many tags, three times the places
	var readers sync.WaitGroup
	var stop atomic.Bool
	for range 3 {
		readers.Go(func() {
			for !stop.Load() {
				tag := rand.Uint64N(uint64(len(raised)))
				least := raised[tag].Load()
				if newest := b.newest.Load(); newest < least {
					t.Errorf("newest is %d after a floor was raised to %d", newest, least)
				}
				if floor := b.floor(tag); floor < least {
					t.Errorf("floor %d after it was raised to %d", floor, least)
				}
			}
		})
	}
	for r := range int64(1_000_000) {
		tag := rand.Uint64N(uint64(len(raised)))
		b.raise(tag, r+1)
		raised[tag].Store(r + 1)
	}
	stop.Store(true)
	readers.Wait()
}

func TestBucketsFollowWhatIsCached(t *testing.T) {
	for entries, want := range map[int64]int{
		-1: minBuckets, 0: minBuckets, 100: minBuckets, 100_000: 1 << 16, 400_000: 1 << 18, math.MaxInt64: maxBuckets,
	} {
		if got := bucketsFor(entries); got != want {
			t.Errorf("%d buckets for %d entries, want %d", got, entries, want)
		}
	}
}
