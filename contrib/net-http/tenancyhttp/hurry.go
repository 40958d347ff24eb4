package tenancyhttp

import (
	"context"
	"net/http"
	"time"
)

// endGrace is for the last words of a request that has ended.
const endGrace = 5 * time.Second

// hurry sees to it that a handler which is writing or reading when ctx ends comes back
// from that: a client that takes nothing, or sends nothing, would hold it for ever, and
// io.Copy does not know of contexts. The handler calls done when it has returned.
func hurry(ctx context.Context, w http.ResponseWriter) (done func()) {
	hurried := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(hurried)
		setDeadlines(w, time.Now().Add(endGrace))
	})
	return func() {
		if !stop() {
			<-hurried
			setDeadlines(w, time.Time{}) // the next request of the connection has its own
		}
	}
}

// setDeadlines does nothing for what is not net/http's, and knows none.
func setDeadlines(w http.ResponseWriter, t time.Time) {
	c := http.NewResponseController(w)
	_, _ = c.SetReadDeadline(t), c.SetWriteDeadline(t)
}
