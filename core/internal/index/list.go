package index

import (
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// chunkSize is how many records a chunk holds at most.
const chunkSize = 512

// List holds records in the reverse of list order, so that the newest tenant,
// which most inserts are, goes to the end. It is cut into chunks, so that a write
// moves the pointers of one chunk only.
type List struct {
	chunks [][]*Record // none is empty
	n      int         // number of records
}

// find returns the place of k: the chunk, and the place in it.
func (x *List) find(k driver.ListKey) (chunk, at int, found bool) {
	chunk, _ = slices.BinarySearchFunc(x.chunks, k, func(c []*Record, k driver.ListKey) int {
		return compare(c[len(c)-1], k)
	})
	if chunk == len(x.chunks) {
		return chunk, 0, false
	}
	at, found = slices.BinarySearchFunc(x.chunks[chunk], k, compare)
	return chunk, at, found
}

// compare returns -1 if the list has r before the place k, 1 if after.
func compare(r *Record, k driver.ListKey) int { return k.Compare(driver.ListKeyOf(r.Tenant)) }

// Insert adds records, which the list does not hold, and sorts rs. Those that come to lie
// side by side are found a place and moved to it together.
func (x *List) Insert(rs ...*Record) {
	slices.SortFunc(rs, func(a, b *Record) int { return compare(a, driver.ListKeyOf(b.Tenant)) })
	x.n += len(rs)
	for len(rs) > 0 {
		c, at, _ := x.find(driver.ListKeyOf(rs[0].Tenant))
		n := len(rs)
		if c < len(x.chunks) {
			next := driver.ListKeyOf(x.chunks[c][at].Tenant)
			n, _ = slices.BinarySearchFunc(rs[1:], next, compare)
			n++
		} else { // behind all others
			if c == 0 || len(x.chunks[c-1]) == chunkSize {
				x.chunks = append(x.chunks, nil)
			}
			c = len(x.chunks) - 1
			at = len(x.chunks[c])
		}
		x.chunks[c] = slices.Insert(x.chunks[c], at, rs[:n]...)
		x.cut(c)
		rs = rs[n:]
	}
}

// cut cuts a chunk that is too long into equal ones.
func (x *List) cut(c int) {
	long := x.chunks[c]
	if len(long) <= chunkSize {
		return
	}
	pieces := (len(long) + chunkSize - 1) / chunkSize
	var chunks [][]*Record
	for piece := range slices.Chunk(long, (len(long)+pieces-1)/pieces) {
		chunks = append(chunks, slices.Clone(piece))
	}
	x.chunks = slices.Replace(x.chunks, c, c+1, chunks...)
}

// Remove removes r, if the list holds it.
func (x *List) Remove(r *Record) {
	c, at, found := x.find(driver.ListKeyOf(r.Tenant))
	if !found {
		return
	}
	x.chunks[c] = slices.Delete(x.chunks[c], at, at+1)
	if len(x.chunks[c]) == 0 {
		x.chunks = slices.Delete(x.chunks, c, c+1)
	}
	x.n--
}

// Len returns the number of records.
func (x *List) Len() int { return x.n }

// Records returns the records in the reverse of list order.
func (x *List) Records() []*Record { return slices.Concat(x.chunks...) }

// rest is what is still to come of a list, the next record last.
type rest struct {
	chunks [][]*Record // those of which nothing was taken yet
	chunk  []*Record   // what is left of the one under way: something, unless n is 0
	n      int         // number of records
}

// after returns what the list holds after the place, or from the start.
func (x *List) after(place driver.ListKey) rest {
	all := rest{chunks: x.chunks, n: x.n}
	if place.IsZero() {
		return all.drop(0)
	}
	c, at, _ := x.find(place)
	if c == len(x.chunks) {
		return all.drop(0)
	}
	n := at
	for _, earlier := range x.chunks[:c] {
		n += len(earlier)
	}
	return rest{x.chunks[:c], x.chunks[c][:at], n}.drop(0)
}

// drop returns what comes after the next n records, of which there are so many.
func (r rest) drop(n int) rest {
	r.n -= n
	for n >= len(r.chunk) && len(r.chunks) > 0 {
		n -= len(r.chunk)
		last := len(r.chunks) - 1
		r.chunks, r.chunk = r.chunks[:last], r.chunks[last]
	}
	r.chunk = r.chunk[:len(r.chunk)-n]
	return r
}

// next returns the record that comes next; there is one.
func (r rest) next() *Record { return r.chunk[len(r.chunk)-1] }

// page returns at most limit tenants of the lists in list order, after the
// place and then skipping offset.
func page(lists []*List, after driver.ListKey, offset, limit int) []tenancy.Tenant {
	rests := make([]rest, len(lists))
	total := 0
	for i, x := range lists {
		rests[i] = x.after(after)
		total += rests[i].n
	}
	out := make([]tenancy.Tenant, 0, max(0, min(limit, total-offset)))
	if cap(out) == 0 {
		return out
	}
	skip(rests, offset)
	for len(out) < cap(out) {
		i := first(rests, 1)
		out = append(out, rests[i].next().Tenant)
		rests[i] = rests[i].drop(1)
	}
	return out
}

// skip removes the n records that List shows first; there are more. It takes them
// off in large pieces: of k lists, the one whose (n/k)th record comes first holds
// n/k of the n.
func skip(rests []rest, n int) {
	for n > 0 {
		piece := max(1, n/len(rests))
		i := first(rests, piece)
		taken := min(piece, rests[i].n)
		rests[i] = rests[i].drop(taken)
		n -= taken
	}
}

// first returns which list's nth record, or last if it is shorter, List shows
// first.
func first(rests []rest, n int) int {
	found, best := -1, driver.ListKey{}
	for i, r := range rests {
		if r.n == 0 {
			continue
		}
		k := driver.ListKeyOf(r.drop(min(n, r.n) - 1).next().Tenant)
		if found < 0 || k.Compare(best) < 0 {
			found, best = i, k
		}
	}
	return found
}
