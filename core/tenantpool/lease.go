package tenantpool

// Lease is the right to use a resource, until Release. It must not be copied.
type Lease[R any] struct{ entry *entry[R] }

// Resource returns the resource. It panics after Release.
func (l *Lease[R]) Resource() R { return l.entry.resource }

// Done returns a channel that is closed when the resource should be given back soon: its tenant
// is no longer served or has another resource, or the pool is being closed. Work that takes long
// must heed it; see [WithDrain].
func (l *Lease[R]) Done() <-chan struct{} { return l.entry.leave }

// Release gives the resource back. Only the first call has an effect.
func (l *Lease[R]) Release() {
	if e := l.entry; e != nil {
		l.entry = nil
		e.pool.release(e)
	}
}
