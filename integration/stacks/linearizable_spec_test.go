//go:build unix

package stacks

import (
	"errors"
	"fmt"
	"slices"

	"github.com/anishathalye/porcupine"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// What a store of a few tenants does when one operation follows another. Porcupine
// looks for an order of concurrent operations, within the time that each one took,
// in which they did that.

// directory is what such a store holds.
type directory struct {
	rows [3]row
	// newest is the least that the newest revision can be.
	newest tenancy.Revision
}

// row is a tenant, or none if the identifier is empty.
type row struct {
	identifier, name string
	status           tenancy.Status
	metadata         tenancy.Metadata
	revision         tenancy.Revision // 0 if nobody has seen it: written by a call whose outcome is unknown
}

func rowOf(t tenancy.Tenant) row {
	return row{identifier: t.Identifier, name: t.Name, status: t.Status, metadata: t.Metadata, revision: t.Revision}
}

func (r row) exists() bool { return r.identifier != "" }

type verb string

const (
	create          verb = "Create"
	update          verb = "Update"
	setStatus       verb = "SetStatus"
	updateMetadata  verb = "UpdateMetadata"
	remove          verb = "Delete"
	getByID         verb = "Fresh.GetByID"
	getByIdentifier verb = "Fresh.GetByIdentifier"
)

// action is a call.
type action struct {
	verb verb
	at   int // index of the row; of a lookup by identifier, none
	with row // what Create and Update write, the rest take a part of it
}

func (a action) reads() bool { return a.verb == getByID || a.verb == getByIdentifier }

// outcome is what a call returned.
type outcome struct {
	err error // one of errNothing, errSomething and the reasons of package tenancy
	at  int   // where the row was found
	row row
}

var (
	errNothing   = errors.New("failed, and certainly changed nothing")
	errSomething = errors.New("failed, and may have changed something, now or later")
)

// outcomeOf sorts the errors of a store.
func outcomeOf(at int, t tenancy.Tenant, err error) outcome {
	for _, reason := range []error{tenancy.ErrNotFound, tenancy.ErrAlreadyExists, tenancy.ErrConflict} {
		if errors.Is(err, reason) {
			return outcome{err: reason}
		}
	}
	switch {
	case errors.Is(err, tenancy.ErrNotApplied):
		return outcome{err: errNothing}
	case err != nil:
		return outcome{err: errSomething}
	}
	return outcome{at: at, row: rowOf(t)}
}

// reasons returns why a fails on d, if it does. What may be so if a revision were
// known is a doubt.
func (d directory) reasons(a action) (certain, doubts []error) {
	old := d.rows[a.at]
	taken := slices.ContainsFunc(d.rows[:], func(r row) bool { return r.identifier == a.with.identifier && r != old })
	switch {
	case a.verb == create:
		if old.exists() || taken {
			return []error{tenancy.ErrAlreadyExists}, nil
		}
		return nil, nil
	case !old.exists():
		return []error{tenancy.ErrNotFound}, nil
	case a.verb != update:
		return nil, nil
	}
	if taken {
		certain = append(certain, tenancy.ErrAlreadyExists)
	}
	switch old.revision {
	case a.with.revision:
	case 0:
		doubts = append(doubts, tenancy.ErrConflict)
	default:
		certain = append(certain, tenancy.ErrConflict)
	}
	return certain, doubts
}

// after returns what a makes of d, where nothing keeps it from that.
func (d directory) after(a action) directory {
	r := &d.rows[a.at]
	switch a.verb {
	case create, update:
		*r = a.with
	case setStatus:
		r.status = a.with.status
	case updateMetadata:
		merged, _ := r.metadata.Merge(a.with.metadata) // which cannot get too large here
		if merged == r.metadata {
			return d
		}
		r.metadata = merged
	case remove:
		*r = row{}
	}
	r.revision = 0
	d.newest++
	return d
}

// step returns what d can be once a has had this outcome: nothing if it cannot have.
func (d directory) step(a action, out outcome) []any {
	switch {
	case errors.Is(out.err, errNothing):
		return []any{d}
	case a.reads():
		return d.read(a, out)
	}
	certain, doubts := d.reasons(a)
	switch {
	case errors.Is(out.err, errSomething) && len(certain) == 0:
		return []any{d, d.after(a)}
	case errors.Is(out.err, errSomething):
		return []any{d}
	case out.err != nil:
		if slices.Contains(certain, out.err) || slices.Contains(doubts, out.err) {
			return []any{d}
		}
		return nil
	case len(certain) > 0:
		return nil
	}
	next := d.after(a)
	switch {
	case a.verb == remove:
		return []any{next}
	case next == d: // it wrote nothing, and returned what is there
		return d.read(a, out)
	}
	if out.row.revision <= d.newest {
		return nil
	}
	next.rows[a.at].revision = out.row.revision
	next.newest = out.row.revision
	if next.rows[a.at] != out.row {
		return nil
	}
	return []any{next}
}

func (d directory) read(a action, out outcome) []any {
	at := a.at
	if a.verb == getByIdentifier {
		at = slices.IndexFunc(d.rows[:], func(r row) bool { return r.identifier == a.with.identifier })
	}
	if out.err != nil {
		if at < 0 || !d.rows[at].exists() {
			return []any{d}
		}
		return nil
	}
	if at != out.at {
		return nil
	}
	r := &d.rows[at]
	if r.revision == 0 {
		r.revision = out.row.revision
		d.newest = max(d.newest, r.revision)
	}
	if *r != out.row {
		return nil
	}
	return []any{d}
}

// startingWith is the specification of a store that holds d at first.
func startingWith(d directory) porcupine.Model {
	spec := porcupine.NondeterministicModel{
		Init: func() []any { return []any{d} },
		Step: func(state, input, output any) []any {
			return state.(directory).step(input.(action), output.(outcome))
		},
	}
	return spec.ToModel()
}

func (a action) String() string {
	return fmt.Sprintf("%s of %d (%s %s %s %s, revision %d)", a.verb, a.at, a.with.identifier, a.with.name, a.with.status, a.with.metadata, a.with.revision)
}

func (o outcome) String() string {
	if o.err != nil {
		return o.err.Error()
	}
	return fmt.Sprintf("%d: %s %s %s %s, revision %d", o.at, o.row.identifier, o.row.name, o.row.status, o.row.metadata, o.row.revision)
}
