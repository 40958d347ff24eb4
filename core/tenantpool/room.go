package tenantpool

import "slices"

// room counts the places for resources that WithMax allows.
type room[R any] struct {
	free    int         // places that nobody has
	opening int         // places of resources that are being opened
	closing int         // places that will be free soon: their resources are being closed
	queue   []*entry[R] // those that wait for a place, in their order
}

// give gives a place to the one that has waited for the longest time.
func (r *room[R]) give() {
	if len(r.queue) == 0 {
		r.free++
		return
	}
	r.opening++
	close(r.queue[0].place)
	r.queue = slices.Delete(r.queue, 0, 1)
}

// waits reports whether e waits for a place.
func (r *room[R]) waits(e *entry[R]) bool { return slices.Contains(r.queue, e) }

// remove removes e from those that wait.
func (r *room[R]) remove(e *entry[R]) {
	r.queue = slices.DeleteFunc(r.queue, func(other *entry[R]) bool { return other == e })
}

// waitForRoom reports whether there is a place for the resource of e, which has it then.
func (p *Pool[R]) waitForRoom(e *entry[R]) bool {
	p.mu.Lock()
	switch {
	case p.room.free > 0:
		p.room.free--
		p.room.opening++
		p.mu.Unlock()
		return true
	case e.waiters == 0:
		p.mu.Unlock()
		return false
	}
	p.room.queue = append(p.room.queue, e)
	p.makeRoom()
	p.mu.Unlock()
	select {
	case <-e.place:
		return true
	case <-e.leave:
	case <-e.watch.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dismiss(e, unwanted)
	select {
	case <-e.place: // it came meanwhile
		p.room.opening--
		p.room.give()
	default:
	}
	return false
}

// makeRoom closes as many unused resources as are waited for, those first that were not used
// for the longest time. The caller has mu.
func (p *Pool[R]) makeRoom() {
	for len(p.room.queue) > p.room.closing {
		var oldest *entry[R]
		for _, e := range p.entries {
			if e.phase == open && e.leases == 0 && (oldest == nil || e.used < oldest.used) {
				oldest = e
			}
		}
		if oldest == nil {
			return
		}
		p.dismiss(oldest, evicted)
	}
}
