package tier

import "github.com/go-tenancy/tenantstore/core/tenancy"

const maxMarks = 1 << 17

// marks remembers the mark of each change that was replayed, 8 bytes each, so
// that a position can be confirmed without a read. It keeps the newest maxMarks
// to 2*maxMarks.
type marks struct {
	first tenancy.Revision // of which list[0] is the mark
	list  []int64
}

// verdict is what is known of a position.
type verdict int

const (
	confirmed verdict = iota // it lies in the history that was followed
	denied                   // it does not
	unknown                  // it is older than what was followed
	ahead                    // it is newer than what was followed
)

func newMarks(p tenancy.Position) marks {
	return marks{first: p.Revision, list: []int64{p.Mark}}
}

func (m *marks) newest() tenancy.Position {
	last := len(m.list) - 1
	return tenancy.Position{Revision: m.first + tenancy.Revision(last), Mark: m.list[last]}
}

func (m *marks) append(mark int64) {
	if len(m.list) == 2*maxMarks {
		m.first += maxMarks
		m.list = append(make([]int64, 0, 2*maxMarks), m.list[maxMarks:]...)
	}
	m.list = append(m.list, mark)
}

func (m *marks) check(p tenancy.Position) verdict {
	switch i := p.Revision - m.first; {
	case i < 0:
		return unknown
	case i >= tenancy.Revision(len(m.list)):
		return ahead
	case m.list[i] != p.Mark:
		return denied
	}
	return confirmed
}

// unmarked reports whether p, which is denied, or the log at that revision has no mark,
// of a store that knows revisions alone.
func (m *marks) unmarked(p tenancy.Position) bool {
	return p.Mark == 0 || m.list[p.Revision-m.first] == 0
}
