package valkeytier

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"strings"

	"github.com/valkey-io/valkey-go"
)

// The scripts. Each has one key, so that it runs on a cluster. They compare
// revisions byte by byte: Lua compares strings by the server's locale.
const (
	// call(name, …) is redis.call whose error says which command failed: not every
	// server does.
	luaCall = `
local function call(name, ...)
  local answer = redis.pcall(name, ...)
  if type(answer) == 'table' and answer['err'] then error({err = answer['err'] .. ' (' .. name .. ')'}) end
  return answer
end
`
	// older(v, w): the entry v is as of a smaller revision than the header w.
	luaOlder = luaCall + `
local function older(v, w)
  for i = 3, 10 do
    local a, b = string.byte(v, i), string.byte(w, i)
    if a ~= b then return a < b end
  end
  return false
end
`
	// put: ARGV is lease, value, milliseconds. Over nothing it is refused: the
	// lease may have been deleted by a change.
	luaPut = luaOlder + `
local v = call('GET', KEYS[1])
if not v then return 0 end
if v == ARGV[1] or (string.sub(v, 1, 1) == 'E' and #v >= 18 and older(v, ARGV[2])) then
  call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return 1
end
return 0
`
	// apply: ARGV is the header of the change. All that is no entry as of its
	// revision or later goes.
	luaApply = luaOlder + `
local v = call('GET', KEYS[1])
if not v then return 0 end
if string.sub(v, 1, 1) == 'E' and #v >= 18 and not older(v, ARGV[1]) then return 0 end
return call('DEL', KEYS[1])
`
	// release: ARGV is the lease. DEL is called even if there is nothing, for the
	// probe.
	luaRelease = luaCall + `
local v = call('GET', KEYS[1])
if v and v ~= ARGV[1] then return 0 end
return call('DEL', KEYS[1])
`
	// drop: ARGV is the header of the entry, of which the version may differ.
	luaDrop = luaCall + `
local v = call('GET', KEYS[1])
if v and string.sub(v, 1, 1) == 'E' and string.sub(v, 3, 18) == string.sub(ARGV[1], 3, 18) then
  return call('DEL', KEYS[1])
end
return 0
`
	// repair: ARGV is a value that cannot be read, a lease, milliseconds. It puts
	// the lease in the place of that value, or of one of another type.
	luaRepair = luaCall + `
local v = redis.pcall('GET', KEYS[1])
if v == ARGV[1] or (type(v) == 'table' and string.sub(v['err'], 1, 9) == 'WRONGTYPE') then
  call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return 1
end
return 0
`
	// clear: removes whatever is there, and returns 1 for an entry.
	luaClear = luaCall + `
local v = redis.pcall('GET', KEYS[1])
call('DEL', KEYS[1])
if type(v) == 'string' and string.sub(v, 1, 1) == 'E' then return 1 end
return 0
`
	// nothing is for probes.
	luaNothing = `return 0`
)

// script is a Lua script that the server knows by its SHA-1 digest.
type script struct{ text, digest string }

func newScript(text string) script {
	digest := sha1.Sum([]byte(text))
	return script{text, hex.EncodeToString(digest[:])}
}

type scripts struct{ put, apply, release, drop, repair, clear, nothing script }

func newScripts() scripts {
	return scripts{
		put: newScript(luaPut), apply: newScript(luaApply), release: newScript(luaRelease),
		drop: newScript(luaDrop), repair: newScript(luaRepair), clear: newScript(luaClear), nothing: newScript(luaNothing),
	}
}

// invocation is a key and the arguments for it.
type invocation struct {
	key  string
	args []string
}

// run invokes s once for each of calls, in one round trip, or two if a server
// does not know the script yet. It returns what each invocation returned; the
// error is the first one.
func (s script) run(ctx context.Context, c valkey.Client, calls ...invocation) ([]int64, error) {
	commands := make([]valkey.Completed, len(calls))
	for i, call := range calls {
		commands[i] = c.B().Evalsha().Sha1(s.digest).Numkeys(1).Key(call.key).Arg(call.args...).Build()
	}
	results := make([]int64, len(calls))
	var unknown []int
	var failed error
	for i, r := range c.DoMulti(ctx, commands...) {
		var err error
		if results[i], err = r.AsInt64(); err == nil {
			continue
		}
		if e, ok := valkey.IsValkeyErr(err); ok && e.IsNoScript() {
			unknown = append(unknown, i)
		} else if failed == nil {
			failed = inScript(cmdEvalsha, err, calls[i].key)
		}
	}
	if len(unknown) == 0 {
		return results, failed
	}
	commands = commands[:0:0]
	for _, i := range unknown {
		commands = append(commands, c.B().Eval().Script(s.text).Numkeys(1).Key(calls[i].key).Arg(calls[i].args...).Build())
	}
	for j, r := range c.DoMulti(ctx, commands...) {
		i := unknown[j]
		var err error
		if results[i], err = r.AsInt64(); err != nil && failed == nil {
			failed = inScript(cmdEval, err, calls[i].key)
		}
	}
	return results, failed
}

// inScript returns the failure of by, or of the command in the script that luaCall
// names.
func inScript(by command, err error, key string) error {
	for _, inside := range (cmdGet | cmdSet | cmdDel).each() {
		if strings.Contains(err.Error(), "("+inside.String()+")") {
			by = inside
		}
	}
	return by.failed(err, key)
}
