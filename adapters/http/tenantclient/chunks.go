package tenantclient

import "iter"

// maxChunkBytes is how large the body of a part of a batch becomes at most, unless a single
// item is larger.
const (
	maxChunkBytes = 4 << 20
	perByte       = 6  // JSON may need as many for one of a text
	perItem       = 64 // quotes and names of members
)

// chunks yields all in order, in parts that fit into one request; size is that of the texts of
// one.
func chunks[T any](all []T, size func(T) int) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		cost := func(item T) int { return perByte*size(item) + perItem }
		for begin := 0; begin < len(all); {
			end, bytes := begin, 0
			for ; end < len(all) && (end == begin || bytes+cost(all[end]) <= maxChunkBytes); end++ {
				bytes += cost(all[end])
			}
			if !yield(all[begin:end]) {
				return
			}
			begin = end
		}
	}
}
