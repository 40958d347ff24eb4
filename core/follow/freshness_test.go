package follow

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// fresh tests a freshness whose clock runs.
func fresh(t *testing.T, test func(t *testing.T, f *freshness)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &freshness{start: time.Now()}
		go f.run(t.Context())
		synctest.Wait()
		test(t, f)
	})
}

func (f *freshness) want(t *testing.T, serving bool, when string) {
	t.Helper()
	if f.serving() != serving {
		t.Errorf("%s: serving is %t", when, !serving)
	}
}

func TestServedSinceContactForMaxStale(t *testing.T) {
	fresh(t, func(t *testing.T, f *freshness) {
		f.want(t, false, "before the first contact")
		f.limit(time.Minute)
		f.contact(1)
		f.want(t, true, "after contact")
		time.Sleep(59 * time.Second)
		f.want(t, true, "before MaxStale is over")
		f.progress()
		time.Sleep(59 * time.Second)
		f.want(t, true, "after progress")
		time.Sleep(2 * time.Second)
		f.want(t, false, "after MaxStale")
		f.progress()
		f.want(t, false, "progress alone, after MaxStale")
		f.contact(2)
		f.want(t, true, "after contact again")
		f.end()
		f.want(t, false, "after the end")
		f.contact(3)
		f.want(t, false, "a read that ended after that")
	})
}

// Contact is the end of the log: what is beyond a page that was read may be old.
func TestProgressIsNoContact(t *testing.T) {
	fresh(t, func(t *testing.T, f *freshness) {
		f.contact(1)
		contact := f.lastContact()
		time.Sleep(time.Second)
		f.progress()
		if got := f.lastContact(); got != contact {
			t.Errorf("after progress the last contact is %v later", got.Sub(contact))
		}
	})
}

// The shortest limit counts, from the last contact on; without any there is the default.
func TestShortestLimitCounts(t *testing.T) {
	const forEver = 2 * time.Hour
	for _, c := range []struct {
		limits []time.Duration
		want   time.Duration
	}{
		{nil, DefaultMaxStale},
		{[]time.Duration{0}, DefaultMaxStale},
		{[]time.Duration{time.Hour}, time.Hour},
		{[]time.Duration{time.Hour, time.Minute, 2 * time.Minute}, time.Minute},
		{[]time.Duration{-1, time.Hour}, time.Hour},
		{[]time.Duration{time.Hour, -1, 0}, time.Hour},
		{[]time.Duration{-1}, forEver},
		{[]time.Duration{math.MaxInt64}, forEver},
	} {
		fresh(t, func(t *testing.T, f *freshness) {
			f.contact(1)
			for _, d := range c.limits {
				f.limit(d)
			}
			time.Sleep(c.want - 2*tick)
			f.want(t, true, c.want.String())
			if c.want < forEver {
				time.Sleep(3 * tick)
				f.want(t, false, c.want.String())
			}
		})
	}
}

// After distrust, only a read that began later is contact.
func TestDistrust(t *testing.T) {
	fresh(t, func(t *testing.T, f *freshness) {
		f.contact(1)
		f.distrust(2) // while read 2 is under way
		f.want(t, false, "distrusted")
		f.progress()
		f.contact(2)
		f.want(t, false, "after the read that was under way")
		if f.lastContact().IsZero() {
			t.Error("it was contact all the same")
		}
		f.contact(3)
		f.want(t, true, "after the next one")
	})
}
