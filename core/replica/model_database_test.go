package replica_test

// The database of the model in model_test.go: a log of rows, each of which changes one of
// two tenants, or both. It commits, loses its newest rows when it is restored, goes on
// differently, and is trimmed. A mark is modelled as the lineage of its row: 0 until the
// first restore, then 1, and so on.

// The largest bounds.
const (
	mostRevisions = 3
	mostRestores  = 2
	tenants       = 2
)

// at is a row of the log: its revision and its lineage. It stands for the position of that
// row, and for the state that a tenant has since then.
type at struct{ r, l int8 }

// absent is no tenant, and nowhere no position.
var (
	absent  = at{-1, 0}
	nowhere = at{-1, 0}
)

// op is what a row has done.
type op int8

const (
	opNone op = iota
	opWriteA
	opWriteB
	opDeleteA
	opDeleteB
	opReset // both tenants are gone, and the log does not say which
)

func opWrite(tenant int) op  { return opWriteA + op(tenant) }
func opDelete(tenant int) op { return opDeleteA + op(tenant) }

func (o op) touches(tenant int) bool {
	return o == opWrite(tenant) || o == opDelete(tenant) || o == opReset
}

type logModel struct {
	rev, lin, oldest int8
	base, top        [mostRestores + 1]int8 // where each lineage branched off, and its newest row ever
	ops              [mostRestores + 1][mostRevisions + 1]op
}

func (d *logModel) commit(o op) {
	d.rev++
	d.top[d.lin] = max(d.top[d.lin], d.rev)
	d.ops[d.lin][d.rev] = o
}

func (d *logModel) restore(to int8) {
	d.lin++
	d.base[d.lin], d.top[d.lin], d.rev = to, to, to
}

// lineage returns the lineage of row r in the history that ends with lineage l.
func (d *logModel) lineage(r, l int8) int8 {
	for l > 0 && r <= d.base[l] {
		l--
	}
	return l
}

func (d *logModel) row(r, l int8) at { return at{r, d.lineage(r, l)} }
func (d *logModel) op(p at) op       { return d.ops[p.l][p.r] }
func (d *logModel) newest() at       { return d.row(d.rev, d.lin) }

// contains reports whether row v lies in the history that p ends.
func (d *logModel) contains(p, v at) bool { return v.r <= p.r && d.lineage(v.r, p.l) == v.l }

func (d *logModel) lost(v at) bool { return !d.contains(d.newest(), v) }

// changed returns the row that has decided over a tenant as of p: row 0 has made both.
func (d *logModel) changed(tenant int, p at) at {
	for ; p.r > 0; p.r-- {
		p.l = d.lineage(p.r, p.l)
		if d.op(p).touches(tenant) {
			return p
		}
	}
	return at{0, 0}
}

// value returns the state of a tenant as of p, or absent.
func (d *logModel) value(tenant int, p at) at {
	v := d.changed(tenant, p)
	if v.r > 0 && d.op(v) != opWrite(tenant) {
		return absent
	}
	return v
}

// later returns the one of two rows that comes later in the history of the database, if that
// has lost neither; else the one that it has not lost.
func (d *logModel) later(a, b at) at {
	if a == nowhere || d.lost(a) || d.contains(b, a) {
		return b
	}
	return a
}
