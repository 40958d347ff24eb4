package replica_test

import "fmt"

// The reader of the log and the loader of the model in model_test.go.

// read is the next step of the reader.
func (s *replicaModel) read(most bounds, b *broken, step func(string, func(*replicaModel))) {
	switch s.reading {
	case scanning:
		if s.cursor < tenants {
			step(fmt.Sprintf("page %d is read", s.cursor), func(n *replicaModel) { n.page(b) })
		}
		s.readLog(b, step)
		return
	case loading:
		step("what has changed is loaded", func(n *replicaModel) { n.load(b) })
	case asking:
		s.ask(b, step)
	}
	if most.outages {
		step("the read fails", func(n *replicaModel) {
			if s.suspended { // nobody knows why
				n.serving, n.suspended = false, false
			}
			n.next(b)
		})
	}
}

// next ends a read, and begins another one.
func (s *replicaModel) next(b *broken) {
	s.reading, s.head, s.end, s.trusted = scanning, at{}, false, true
	if s.again {
		s.again = false
		s.goOnFrom(s.pos, b)
	}
}

// page takes what the next page shows.
func (s *replicaModel) page(b *broken) {
	tenant := int(s.cursor)
	if v := s.value(tenant, s.newest()); v != absent {
		s.stage(tenant, v, b)
		s.saw(v)
	}
	if !b.timeless {
		s.saw(s.newest())
	}
	s.cursor++
	if b.hasty {
		s.cursor = tenants
	}
	s.flush()
}

// saw notes what was read ahead of the log.
func (s *replicaModel) saw(p at) {
	if !s.placed || p.r > s.pos.r {
		s.seenNew[p.l][p.r] = true
	}
}

// stage takes what was read of a tenant, unless what is known is newer.
func (s *replicaModel) stage(tenant int, v at, b *broken) {
	known, found := s.memory[tenant], s.found[tenant] || b.oldFound
	if s.staged[tenant].there {
		known, found = s.staged[tenant].value, true
	}
	switch {
	case known != absent && found && known.r > v.r:
	case s.staged[tenant].there && known == v:
	case known == v:
		s.found[tenant] = true
	default:
		s.staged[tenant] = staged{true, v}
	}
}

// flush puts what was read into memory if nobody is served from that.
func (s *replicaModel) flush() {
	if !s.serving || s.suspended {
		s.apply(nowhere)
	}
}

func (s *replicaModel) apply(p at) {
	s.asOf = p
	for tenant := range tenants {
		if s.staged[tenant].there {
			s.memory[tenant], s.found[tenant] = s.staged[tenant].value, true
			s.staged[tenant] = staged{}
		}
	}
}

// readLog reads a page of the log, which may be shorter than it is.
func (s *replicaModel) readLog(b *broken, step func(string, func(*replicaModel))) {
	head := s.newest()
	if s.pos.r < s.oldest || s.pos.r > s.rev || s.lost(s.pos) && !b.noMark {
		step("the log does not go on from the position", func(n *replicaModel) {
			n.reading, n.suspended = asking, s.serving && !b.noSuspend
		})
		return
	}
	read := func(to at, end bool) func(*replicaModel) {
		return func(n *replicaModel) {
			n.reading, n.head, n.end = loading, to, end
			for l := range s.seenNew {
				for r := range s.seenNew[l] {
					n.seenOld[l][r] = s.seenOld[l][r] || s.seenNew[l][r]
				}
			}
			n.seenNew = rows{}
		}
	}
	step("the log is read to its end", read(head, true))
	if head.r > s.pos.r+1 {
		step("a row of the log is read", read(s.row(s.pos.r+1, head.l), false))
	}
}

// load reads what the rows up to head have changed, and shows it if it can.
func (s *replicaModel) load(b *broken) {
	first := s.pos.r + 1
	for r := s.head.r; r >= first; r-- {
		if s.op(s.row(r, s.head.l)) == opReset {
			s.beginScan()
			s.whole = false
			first = r + 1
		}
	}
	var touched [tenants]bool
	for r := first; r <= s.head.r; r++ {
		for tenant := range tenants {
			touched[tenant] = touched[tenant] || s.op(s.row(r, s.head.l)).touches(tenant)
		}
	}
	if first <= s.head.r {
		if s.rev < max(s.head.r, s.newestSeen()) { // the source is asked for what it has lost
			s.reading, s.suspended = asking, s.serving && !b.noSuspend
			return
		}
		for tenant := range tenants {
			if touched[tenant] {
				s.loadOne(tenant, b)
			}
		}
		s.flush()
	}
	ahead, ok := s.confirm(b)
	if !ok {
		s.reading, s.suspended = asking, s.serving && !b.noSuspend
		return
	}
	s.publish(ahead, b)
}

func (s *replicaModel) newestSeen() (newest int8) {
	for l := range s.seenOld {
		for r := range s.seenOld[l] {
			if s.seenOld[l][r] || s.seenNew[l][r] {
				newest = max(newest, int8(r))
			}
		}
	}
	return newest
}

func (s *replicaModel) loadOne(tenant int, b *broken) {
	if v := s.value(tenant, s.newest()); v != absent {
		s.stage(tenant, v, b)
		s.saw(v)
		return
	}
	s.saw(s.newest())
	s.staged[tenant] = staged{there: s.memory[tenant] != absent, value: absent}
}

// confirm compares what was seen with the log up to head. It reports whether something is
// ahead of that, and whether nothing is missing in it.
func (s *replicaModel) confirm(b *broken) (ahead, ok bool) {
	var left rows
	for l := range s.seenOld {
		for r := range s.seenOld[l] {
			p := at{int8(r), int8(l)}
			if !s.seenOld[l][r] && !s.seenNew[l][r] {
				continue
			}
			beyond := p.r > s.head.r
			switch {
			case beyond && (s.seenNew[l][r] || !s.end):
				left[l][r], ahead = true, true
			case b.believed:
			case beyond, !s.contains(s.head, p):
				return false, false
			}
		}
	}
	s.seenOld, s.seenNew = rows{}, left
	return ahead, true
}

// publish shows what was read, if all of it is in the log up to head, and moves there.
func (s *replicaModel) publish(ahead bool, b *broken) {
	switch changes := s.head.r > s.pos.r; {
	case ahead && !b.ahead || s.cursor < tenants:
		s.whole = false
	case changes || !s.whole:
		if !s.swept && !b.noSweep {
			for tenant := range tenants {
				if !s.staged[tenant].there && !s.found[tenant] {
					s.staged[tenant] = staged{true, absent}
				}
			}
		}
		s.swept = true
		s.apply(s.head)
		s.whole = true
	}
	s.pos, s.contact = s.head, true
	if s.whole {
		s.unknown = false
	}
	if !s.end {
		s.reading, s.head = scanning, at{}
		return
	}
	s.serving = s.serving || s.trusted && (s.whole || b.earlyServe)
	s.next(b)
}

// ask finds out why the log does not go on from the position.
func (s *replicaModel) ask(b *broken, step func(string, func(*replicaModel))) {
	trimmed := s.pos.r < s.oldest
	label := "the log has another history"
	if trimmed {
		label = "the log was trimmed"
	}
	step(label, func(n *replicaModel) {
		n.serving = s.serving && (trimmed || b.keepsServed)
		n.unknown = s.unknown || trimmed && s.lost(s.pos)
		n.suspended, n.contact = false, true
		if b.fromNow {
			n.pos, n.seenOld, n.seenNew = s.newest(), rows{}, rows{}
			n.asOf = n.pos // it takes what it has for that
		} else {
			n.goOnFrom(s.newest(), b)
		}
		n.next(b)
	})
}

// goOnFrom goes on without knowing what has changed before p.
func (s *replicaModel) goOnFrom(p at, b *broken) {
	s.pos, s.whole, s.seenOld, s.seenNew = p, false, rows{}, rows{}
	s.beginScan()
}

func (s *replicaModel) beginScan() {
	s.staged, s.found = [tenants]staged{}, [tenants]bool{}
	s.cursor, s.swept = 0, false
}
