package valkeytier

import (
	"context"
	"errors"
	"math/bits"
	"slices"
	"strings"

	"github.com/valkey-io/valkey-go"
)

// command is a command of the server that the cache or the bus cannot do without,
// or a set of them.
type command uint8

const (
	cmdSet command = 1 << iota
	cmdGet
	cmdMGet
	cmdDel // in scripts
	cmdEvalsha
	cmdEval
	cmdScan
	cmdPublish
	commands = iota // how many
)

// What parts of the work need.
const (
	scripting = cmdEvalsha | cmdEval | cmdGet
	filling   = scripting | cmdSet // to look up what can then be filled, too
	removing  = scripting | cmdDel
	caching   = filling | removing | cmdMGet | cmdScan
)

var commandNames = [commands]string{"SET", "GET", "MGET", "DEL", "EVALSHA", "EVAL", "SCAN", "PUBLISH"}

// effects says what becomes of the cache without a command that it can do without.
var effects = map[command]string{
	cmdMGet: "many tenants at once are looked up by a GET for each",
	cmdDel:  "outdated entries are not served, but stay until they expire",
	cmdScan: "InvalidateAll leaves the entries in Valkey, where they are not served",
}

func (c command) index() int { return bits.TrailingZeros8(uint8(c)) }

// each returns the commands of the set one by one.
func (c command) each() (all []command) {
	for i := range commands {
		if one := command(1) << i; c&one != 0 {
			all = append(all, one)
		}
	}
	return all
}

func (c command) String() string {
	var names []string
	for _, one := range c.each() {
		names = append(names, commandNames[one.index()])
	}
	return strings.Join(names, ", ")
}

// commandError is the failure of a command.
type commandError struct {
	command command
	keys    []string // of which it was about
	err     error
}

// failed returns the error of a call of c, or nil.
func (c command) failed(err error, keys ...string) error {
	if err == nil {
		return nil
	}
	return &commandError{c, keys, err}
}

func (e *commandError) Unwrap() error { return e.err }

func (e *commandError) Error() string { return e.command.String() + ": " + withoutArguments(e.err) }

// withoutArguments returns the text of err without the arguments of the command, in
// which servers show passwords and values (unknown command 'AUTH', with args beginning
// with: 'secret'), and without the name of the script.
func withoutArguments(err error) string {
	text, _, _ := strings.Cut(err.Error(), ", with args beginning with")
	if i := strings.LastIndex(text, " script: "); i >= 0 && strings.Contains(text[i:], "@user_script") {
		text = text[:i]
	}
	return strings.TrimSpace(text)
}

// refusals are what servers and proxies say of a command that they do not know, that
// the user may not use, or that they know in another form only.
var refusals = []string{
	"noperm", "acl failure", "permission", "can't run this command", "can't access at least one of the keys",
	"unknown", "unsupported", "not supported", "not allowed", "disabled", "syntax error", "wrong number of arguments",
}

// refused reports whether the server, or a proxy before it, has said no to the command
// itself, as it will again, whatever its state. Errors that come of a state have codes
// of their own: LOADING, OOM, READONLY.
func (e *commandError) refused() bool {
	answer, ok := valkey.IsValkeyErr(e.err)
	if !ok {
		return false
	}
	text := withoutArguments(answer)
	code, _, _ := strings.Cut(text, " ")
	if code == strings.ToUpper(code) && code != "NOPERM" && code != "ACL" {
		return false
	}
	return slices.ContainsFunc(refusals, func(no string) bool { return strings.Contains(strings.ToLower(text), no) })
}

// probe asks the server for a command in the way of the cache, and changes nothing
// that lasts: it may hold a lease under the first of keys for a millisecond.
func (s scripts) probe(ctx context.Context, c valkey.Client, one command, keys []string) error {
	var err error
	switch key := keys[0]; one {
	case cmdGet:
		err = c.Do(ctx, c.B().Get().Key(key).Build()).Error()
	case cmdMGet:
		err = c.Do(ctx, c.B().Mget().Key(keys...).Build()).Error()
	case cmdSet:
		err = c.Do(ctx, c.B().Set().Key(key).Value(lease(0)).Nx().Get().PxMilliseconds(1).Build()).Error()
	case cmdDel:
		_, err = s.release.run(ctx, c, invocation{key, []string{lease(0)}})
	case cmdEvalsha:
		err = c.Do(ctx, c.B().Evalsha().Sha1(s.nothing.digest).Numkeys(1).Key(key).Build()).Error()
		if answer, ok := valkey.IsValkeyErr(err); ok && answer.IsNoScript() {
			return nil
		}
	case cmdEval:
		err = c.Do(ctx, c.B().Eval().Script(s.nothing.text).Numkeys(1).Key(key).Build()).Error()
	case cmdScan:
		err = c.Do(ctx, c.B().Scan().Cursor(0).Count(1).Build()).Error()
	case cmdPublish:
		return publish(ctx, c, key, probeMessage)
	}
	if valkey.IsValkeyNil(err) || isWrongType(err) {
		return nil
	}
	if failed := (*commandError)(nil); errors.As(err, &failed) { // in a script
		if failed.command != one && failed.refused() {
			return nil // which is found out for that command
		}
		return err
	}
	return one.failed(err, keys...)
}
