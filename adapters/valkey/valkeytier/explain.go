package valkeytier

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/valkey-io/valkey-go"
)

// advice says what to do about errors that an operator must fix: of those with this
// text at the beginning, or anywhere if it begins with "…".
var advice = []struct{ text, advice string }{
	{"WRONGPASS", "check ClientOption.Username and Password; if they have ended, AuthCredentialsFn supplies new ones"},
	{"NOAUTH", "check ClientOption.Username and Password"},
	{"…without any password configured", "the server has no password: leave ClientOption.Password out"},
	{"DENIED", "the server takes connections from its own host only: give it a password, or set protected-mode no"},
	{"NOPERM", "give the user the permissions of README.md"},
	{"ACL", "give the user the permissions of README.md"},
	{"…can't run this command", "give the user the permissions of README.md"},
	{"…can't access at least one of the keys", "give the user the permissions of README.md"},
	{"…syntax error", "the server is too old: use Valkey, or Redis 7.0 or newer"},
	{"…unknown subcommand", "the server, or a proxy before it, is too old or does not pass this command on"},
	{"…nknown command", "the server, or a proxy before it, is too old or does not pass this command on"},
	{"…nsupported command", "a proxy before the server does not pass this command on"},
	{"OOM", "set maxmemory-policy to allkeys-lru"},
	{"READONLY", "the address is that of a replica"},
	{"MISCONF", "the server cannot save its data and takes no writes: see its log; a cache needs no persistence"},
	{"NOREPLICAS", "the server takes no writes without replicas: see min-replicas-to-write"},
	{"LOADING", "the server loads its data, which ends by itself"},
	{"MASTERDOWN", "the address is that of a replica without its primary"},
	{"CLUSTERDOWN", "the cluster lacks servers for some of its slots"},
	{"MOVED", "the server belongs to a cluster: leave ClientOption.ForceSingleClient out"},
	{"BUSY", "somebody's script takes too long: see SCRIPT KILL"},
	{"…max number of clients", "raise maxclients"},
	{"…DB index is out of range", "check ClientOption.SelectDB"},
	{"…SELECT is not allowed in cluster mode", "leave ClientOption.SelectDB out"},
	{"…received unknown message type", "does its port want TLS, or is it another than Valkey?"},
	{"…first record does not look like a TLS handshake", "the server does not speak TLS there: leave ClientOption.TLSConfig out"},
}

// explain returns the text of err, and what to do about it if that is known.
func explain(err error) string {
	text := withoutArguments(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return text + " (it did not answer in time)"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return text + " (the connection was closed: was the server stopped, does its port want TLS, does it take no more clients, or is it another than Valkey?)"
	}
	said := text
	if answer := (*valkey.ValkeyError)(nil); errors.As(err, &answer) {
		said = answer.Error()
	}
	for _, a := range advice {
		part, anywhere := strings.CutPrefix(a.text, "…")
		if strings.HasPrefix(said, part) || anywhere && strings.Contains(said, part) {
			return text + " (" + a.advice + ")"
		}
	}
	return text
}

// kind tells apart causes of trouble that are worth a line each: the answers of a server
// by their code. That connections fail, in whatever way, is one.
func kind(err error) string {
	var failed *commandError
	var answer *valkey.ValkeyError
	switch {
	case errors.As(err, &failed) && failed.refused():
		return "refused"
	case errors.As(err, &answer):
		code, _, _ := strings.Cut(answer.Error(), " ")
		return code
	}
	return "connection"
}

// maxKinds of causes of one episode are logged.
const maxKinds = 5

// episode is a time of trouble, for the log: a line at its beginning, one for each
// further kind of cause, and one at its end, which is when all has been well for so
// long that nobody would call it flapping.
type episode struct {
	mu     sync.Mutex
	kinds  map[string]bool // nil if there is no trouble
	calm   *time.Timer     // runs since the trouble is over, perhaps
	closed bool
}

// begins notes trouble, and reports whether one of its kinds is new.
func (e *episode) begins(kinds ...string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.calm != nil {
		e.calm.Stop()
		e.calm = nil
	}
	news := false
	for _, k := range kinds {
		if e.closed || e.kinds[k] || len(e.kinds) > 0 && k == "connection" || len(e.kinds) >= maxKinds {
			continue
		}
		if e.kinds == nil {
			e.kinds = map[string]bool{}
		}
		e.kinds[k], news = true, true
	}
	return news
}

// ends notes that the trouble is over. It calls log when it has been for a while.
func (e *episode) ends(log func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.kinds == nil || e.calm != nil || e.closed {
		return
	}
	var calm *time.Timer
	calm = time.AfterFunc(recoveredAfter, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.calm != calm {
			return
		}
		e.kinds, e.calm = nil, nil
		log()
	})
	e.calm = calm
}

// close ends it without a line.
func (e *episode) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed = true; e.calm != nil {
		e.calm.Stop()
		e.calm = nil
	}
}
