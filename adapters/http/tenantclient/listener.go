package tenantclient

import (
	"bufio"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const (
	// downInterval is after how long Wait returns while the stream is down, and how often
	// it is opened again: at the latest, for it begins with less.
	downInterval = time.Second
	minPause     = 50 * time.Millisecond
	// silence is after how long a stream counts as broken: three bookmarks are missing.
	silence = 45 * time.Second
	// maxLineBytes is how long a line of the stream may be.
	maxLineBytes = 1 << 20
)

// listener keeps a stream of changes open, which wakes those that wait for one. What it says
// only wakes: the log is read by Changes, and is right without the stream.
type listener struct {
	b     *backend
	ctx   context.Context
	close func()

	mu      sync.Mutex
	started bool
	up      bool             // the stream has said how far the log goes
	newest  tenancy.Position // that
	changed chan struct{}    // closed at the next change of these
	done    sync.WaitGroup
}

func newListener(b *backend) *listener {
	l := &listener{b: b, changed: make(chan struct{})}
	var cancel func()
	l.ctx, cancel = context.WithCancel(context.Background())
	l.close = func() {
		cancel()
		l.mu.Lock()   // so that it does not start any more
		l.mu.Unlock() //nolint:staticcheck // nothing is to be done in between
		l.done.Wait()
	}
	return l
}

// wait implements [tenancy.Log].
func (l *listener) wait(ctx context.Context, after tenancy.Position) error {
	begun := time.Now()
	part := 0.9 + 0.2*rand.Float64() // a fleet that was woken together does not poll together
	for {
		up, newest, changed := l.state()
		if up && (newest.Revision > after.Revision || newest.Revision == after.Revision && newest != after) {
			return ctx.Err()
		}
		left := time.Duration(part*float64(l.patience(up))) - time.Since(begun)
		if left <= 0 {
			return ctx.Err()
		}
		timer := time.NewTimer(left)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// patience is about how long Wait waits.
func (l *listener) patience(up bool) time.Duration {
	if up {
		return l.b.poll
	}
	return min(l.b.poll, downInterval)
}

// state starts the listener, if nobody has.
func (l *listener) state() (up bool, newest tenancy.Position, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.started && l.ctx.Err() == nil {
		l.started = true
		l.done.Go(l.run)
	}
	return l.up, l.newest, l.changed
}

func (l *listener) set(up bool, newest tenancy.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if up == l.up && newest == l.newest {
		return
	}
	l.up, l.newest = up, newest
	close(l.changed)
	l.changed = make(chan struct{})
}

// run opens the stream again and again until Close.
func (l *listener) run() {
	for pause := minPause; l.ctx.Err() == nil; {
		heard := l.listen()
		l.set(false, tenancy.Position{})
		if pause = min(2*pause, downInterval); heard {
			pause = minPause
		}
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-timer.C:
		case <-l.ctx.Done():
			timer.Stop()
		}
	}
}

// listen opens the stream and reads it to its end. It reports whether it heard anything.
func (l *listener) listen() (heard bool) {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	alive := time.AfterFunc(silence, cancel)
	defer alive.Stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.b.base+"/v1/watch", nil)
	if err != nil {
		return false
	}
	l.b.authorize(r)
	response, err := l.b.http.Do(r)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK || response.Header.Get(wire.ServiceHeader) != wire.ServiceVersion {
		return false
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, maxLineBytes)
	for lines.Scan() {
		var line wire.Line
		if json.Unmarshal(lines.Bytes(), &line) != nil || line.Type != wire.LineChange && line.Type != wire.LineBookmark {
			return heard // its end, or nothing that is understood
		}
		alive.Reset(silence)
		heard = true
		l.set(true, line.Position)
	}
	return heard
}
