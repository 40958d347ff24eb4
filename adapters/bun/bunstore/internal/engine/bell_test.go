package engine

import (
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestBell(t *testing.T) {
	p, q := tenancy.Position{Revision: 1, Mark: 7}, tenancy.Position{Revision: 2, Mark: 8}
	var b bell
	closed := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	if b.wait(p) != nil || b.wait(tenancy.Position{}) != nil {
		t.Error("somebody waits at a position up to which nobody has read")
	}
	b.read(p, b.rung())
	first, second := b.wait(p), b.wait(p)
	if first == nil || closed(first) || b.wait(q) != nil {
		t.Error("at the end of the log there is nothing to wait for, or elsewhere there is")
	}
	before := b.rung()
	b.ring()
	if !closed(first) || !closed(second) {
		t.Error("a ring has not woken everybody")
	}
	b.read(p, before)
	if b.wait(p) != nil {
		t.Error("a ring during the read was missed")
	}
	b.read(p, b.rung())
	if c := b.wait(p); c == nil || closed(c) {
		t.Error("an old ring wakes again")
	}
	b.read(q, before) // it began before the ring, so says nothing of the end now
	if b.wait(p) == nil {
		t.Error("an older read counts")
	}
	late := b.wait(p)
	b.read(q, b.rung())
	if !closed(late) || b.wait(q) == nil {
		t.Error("who waits where others have read on is not woken")
	}
}
