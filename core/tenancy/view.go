package tenancy

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"sync/atomic"
)

// DefaultViewSize is for how many tenants a [View] keeps values unless told
// otherwise.
const DefaultViewSize = 8192

const maxViewSize = 1 << 20

// View gives the metadata of tenants as values of the application's type T. It
// decodes, by the rules of [json.Unmarshal], once for as long as a tenant's
// metadata stay what they are:
//
//	var settings tenancy.View[Settings] // one for the program
//
//	s, err := settings.Of(tenant)
//
// The zero View is ready for use. A View is safe for concurrent use, starts no
// goroutine, and must not be copied after its first use.
type View[T any] struct {
	// Size is for about how many tenants values are kept, until those of others
	// take their places: DefaultViewSize if 0, at most 1<<20. With each value, the
	// View keeps the text that it came from. Set it before the first use.
	Size int

	table atomic.Pointer[viewTable[T]]
}

// Of returns the metadata of t as a T. All calls share what T refers to by
// pointers, maps and slices: do not change it.
//
// Metadata that do not decode into a T are an [*Error] that wraps [ErrWithheld]:
// the fault is not in anybody's input, but in what is stored. See [View.Check].
func (v *View[T]) Of(t Tenant) (T, error) {
	table := v.table.Load()
	if table == nil {
		v.table.CompareAndSwap(nil, newViewTable[T](v.Size))
		table = v.table.Load()
	}
	set := table.of(t.ID)
	for i := range set {
		if e := set[i].Load(); e != nil && e.id == t.ID && e.metadata == t.Metadata {
			return e.value, e.err
		}
	}
	e := &viewed[T]{id: t.ID, metadata: t.Metadata}
	e.value, e.err = readStored[T](t)
	set.put(e)
	return e.value, e.err
}

// Check returns an error that wraps [ErrInvalid] if Of could not give the metadata
// as a T. A store that is opened with WithMetadataCheck(v.Check) does not write such
// metadata.
func (*View[T]) Check(m Metadata) error {
	_, err := MetadataAs[T](m)
	return err
}

func readStored[T any](t Tenant) (v T, err error) {
	reason := ""
	if err = t.Metadata.Err(); err == nil {
		v, reason = decodeMetadata[T](t.Metadata)
	}
	if reason != "" {
		err = fmt.Errorf("%w: %s", ErrWithheld, reason)
	}
	if err != nil {
		return v, &Error{Op: "View", ID: t.ID, Identifier: t.Identifier, Field: "metadata", Err: err}
	}
	return v, nil
}

// viewTable has a set of places for each tenant, which is that of others too.
type viewTable[T any] struct {
	seed maphash.Seed
	sets []viewSet[T] // a power of two
}

type viewSet[T any] [4]atomic.Pointer[viewed[T]]

// viewed is what was made of a tenant's metadata. It is used for nothing but equal
// metadata, so that nobody has to say when it is outdated.
type viewed[T any] struct {
	id       string
	metadata Metadata
	value    T
	err      error
}

func newViewTable[T any](size int) *viewTable[T] {
	if size <= 0 {
		size = DefaultViewSize
	}
	sets := 1
	for sets*len(viewSet[T]{}) < min(size, maxViewSize) {
		sets *= 2
	}
	return &viewTable[T]{maphash.MakeSeed(), make([]viewSet[T], sets)}
}

func (v *viewTable[T]) of(id string) *viewSet[T] {
	return &v.sets[maphash.String(v.seed, id)&uint64(len(v.sets)-1)]
}

// put stores e in the place of what was made of the same tenant before, else in a
// free one, else in any.
func (s *viewSet[T]) put(e *viewed[T]) {
	place := rand.IntN(len(s))
	for i := range s {
		old := s[i].Load()
		if old == nil {
			place = i
		} else if old.id == e.id {
			place = i
			break
		}
	}
	s[place].Store(e)
}
