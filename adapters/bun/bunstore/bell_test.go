package bunstore

import "testing"

func TestBellWakesEverybodyOnce(t *testing.T) {
	var b bell
	b.ring() // nobody waits
	first, second := b.wait(), b.wait()
	select {
	case <-first:
		t.Error("rung before anybody waited")
	default:
	}
	b.ring()
	<-first
	<-second
	select {
	case <-b.wait():
		t.Error("the next one to wait was woken by an old ring")
	default:
	}
}
