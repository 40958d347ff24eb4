package valkeytier

import (
	"context"
	"testing"
	"time"
)

// A context that the client has made from that of a call may outlive the call: its
// timer asks its parent for values then.
func TestDeadlineOutlivedByItsChildren(t *testing.T) {
	for range 20 {
		now := time.Now()
		d := newDeadline(t.Context(), now, time.Minute)
		child, cancel := context.WithDeadline(d, now.Add(time.Millisecond))
		defer cancel()
		d.release()
		newDeadline(t.Context(), now, time.Minute).release()
		<-child.Done()
		if d.Err() != nil {
			t.Fatal(d.Err())
		}
	}
}
