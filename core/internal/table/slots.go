package table

import (
	"hash/maphash"
	"sync/atomic"
)

// kind is which key of a tenant leads to it.
type kind bool

const (
	id         kind = false
	identifier kind = true
)

func (k kind) of(r *Record) string {
	if k == identifier {
		return r.Identifier
	}
	return r.ID
}

// slots are a hash table with open addressing and linear probing. Its writer changes a
// slot by atomic stores, never moves a record within an array, and replaces the array to
// grow: a reader that holds an old one finds what was there when it began, or what
// stands in its place.
type slots struct {
	kind  kind
	seed  maphash.Seed
	array atomic.Pointer[[]slot] // its length is a power of two
	live  int                    // slots with a record
	used  int                    // slots with a hash, of removed records too
}

// slot with hash 0 is free, and ends the search. One without a record is free for the
// writer only.
type slot struct {
	hash   atomic.Uint64
	record atomic.Pointer[Record]
}

const minSlots = 16

// init makes s empty slots for a kind of key.
func (s *slots) init(k kind) {
	s.kind, s.seed = k, maphash.MakeSeed()
	s.clear()
}

func (s *slots) clear() {
	array := make([]slot, minSlots)
	s.array.Store(&array)
	s.live, s.used = 0, 0
}

func (s *slots) hash(key string) uint64 { return max(maphash.String(s.seed, key), 1) }

// find returns the newest record under key, or nil.
func (s *slots) find(key string) *Record {
	hash := s.hash(key)
	for {
		array := s.array.Load()
		if r := s.findIn(*array, hash, key); r != nil || s.array.Load() == array {
			return r
		} // else another tenant may have got the key in the new array
	}
}

func (s *slots) findIn(array []slot, hash uint64, key string) *Record {
	for i := hash; ; i++ {
		slot := &array[i&uint64(len(array)-1)]
		switch slot.hash.Load() {
		case 0:
			return nil
		case hash:
			for there := slot.record.Load(); there != nil; {
				if r := there.newest(); r != nil && s.kind.of(r) == key {
					return r
				}
				was := there
				if there = slot.record.Load(); there == was {
					break // else another tenant has got the key
				}
			}
		}
	}
}

// slot returns the slot under key, or nil, for the writer.
func (s *slots) slot(key string) *slot {
	hash, array := s.hash(key), *s.array.Load()
	for i := hash; ; i++ {
		slot := &array[i&uint64(len(array)-1)]
		switch slot.hash.Load() {
		case 0:
			return nil
		case hash:
			if r := slot.record.Load(); r != nil && s.kind.of(r) == key {
				return slot
			}
		}
	}
}

// fork has the key of r lead to r when the link to it is published, and until then to
// what is there now.
func (s *slots) fork(r *Record, to *link) {
	key := s.kind.of(r)
	now := &Record{absent: true}
	now.ID, now.Identifier = r.ID, r.Identifier
	if slot := s.slot(key); slot != nil {
		there := slot.record.Load()
		now.Record, now.absent = there.Record, there.absent
	}
	now.next.Store(to)
	s.put(key, now)
}

// put stores r under key, in the place of what is there.
func (s *slots) put(key string, r *Record) {
	if slot := s.slot(key); slot != nil {
		slot.record.Store(r)
		return
	}
	if array := *s.array.Load(); 3*(s.used+1) > 2*len(array) {
		s.rebuild()
	}
	hash, array := s.hash(key), *s.array.Load()
	i := hash
	for array[i&uint64(len(array)-1)].record.Load() != nil {
		i++
	}
	free := &array[i&uint64(len(array)-1)]
	if free.hash.Load() == 0 {
		s.used++
	}
	s.live++
	free.record.Store(r) // first, so that whoever finds the hash finds a record
	free.hash.Store(hash)
}

// drop removes r from under key, if it is there.
func (s *slots) drop(key string, r *Record) {
	if slot := s.slot(key); slot != nil && slot.record.Load() == r {
		slot.record.Store(nil)
		s.live--
	}
}

// rebuild replaces the array by one with room for twice the records, without the removed.
func (s *slots) rebuild() {
	n := minSlots
	for n < 3*s.live {
		n *= 2
	}
	old, array := *s.array.Load(), make([]slot, n)
	for i := range old {
		r, hash := old[i].record.Load(), old[i].hash.Load()
		if r == nil {
			continue
		}
		at := hash
		for array[at&uint64(n-1)].hash.Load() != 0 {
			at++
		}
		array[at&uint64(n-1)].record.Store(r)
		array[at&uint64(n-1)].hash.Store(hash)
	}
	s.used = s.live
	s.array.Store(&array)
}

// all yields the newest records.
func (s *slots) all(yield func(*Record) bool) {
	array := *s.array.Load()
	for i := range array {
		if r := array[i].record.Load(); r != nil {
			if r = r.newest(); r != nil && !yield(r) {
				return
			}
		}
	}
}
