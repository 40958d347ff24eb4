package valkeytier

import (
	"testing"
	"testing/synctest"
	"time"
)

// Trouble that comes and goes is one episode, until it has been away for a while.
func TestEpisode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e episode
		ended := 0
		log := func() { ended++ }
		e.ends(log) // nothing has begun
		for round := range 3 {
			for i := range 20 {
				if news := e.begins("connection"); news != (i == 0) {
					t.Errorf("round %d, %d: news %v", round, i, news)
				}
				e.ends(log)
				e.ends(log)
				time.Sleep(recoveredAfter / 2)
			}
			if !e.begins("WRONGPASS") || e.begins("WRONGPASS", "connection") {
				t.Error("a cause of another kind is news once")
			}
			if ended != round {
				t.Errorf("ended %d times, want %d", ended, round)
			}
			e.ends(log)
			time.Sleep(2 * recoveredAfter)
			synctest.Wait()
			if ended != round+1 {
				t.Errorf("ended %d times, want %d", ended, round+1)
			}
		}
		for i := range 2 * maxKinds {
			if news := e.begins(string(rune('A' + i))); news != (i < maxKinds) {
				t.Errorf("kind %d: news %v", i, news)
			}
		}
		e.ends(log)
		e.close()
		time.Sleep(2 * recoveredAfter)
		if ended != 3 || e.begins("connection") {
			t.Error("a closed episode goes on")
		}
	})
}
