package valkeytier

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/core/entrycodec"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// leaseTime is how long the holder of a lease has for its load: a longer one is
// not put.
const leaseTime = 3 * time.Second

func milliseconds(d time.Duration) string {
	return strconv.FormatInt(max(d.Milliseconds(), 1), 10)
}

// A lease is 'L', a version and the token. An entry begins with 'E': see
// entrycodec.Codec.
const (
	leaseMark    = 'L'
	leaseVersion = 1
	leaseSize    = 10
)

func newToken() tier.Token { return tier.Token(rand.Uint64() | 1) }

func lease(t tier.Token) string {
	b := [leaseSize]byte{leaseMark, leaseVersion}
	binary.BigEndian.PutUint64(b[2:], uint64(t))
	return string(b[:])
}

func isLease(value string) bool { return len(value) == leaseSize && value[0] == leaseMark }

// name returns the key of Valkey for key.
func (c *Cache) name(key tenancy.Key) string {
	return c.cfg.prefix + string(key.Kind) + ":" + key.Value
}

// flaw is a reason why what is under a key cannot be used.
type flaw int

const (
	wrongType flaw = iota
	corrupt
	unknownVersion
	unopened
	flaws // how many
)

var errForeign = fmt.Errorf("%w: it belongs to another key", entrycodec.ErrCorrupt)

// decode returns the entry in value.
func (c *Cache) decode(key tenancy.Key, value string) (*tier.Entry, error) {
	found, v, err := c.cfg.codec.Decode(value)
	if err != nil {
		return nil, err
	}
	if found != key {
		return nil, errForeign
	}
	return &tier.Entry{Key: found, Versioned: v}, nil
}

func flawOf(err error) flaw {
	switch {
	case isWrongType(err):
		return wrongType
	case errors.Is(err, entrycodec.ErrCorrupt):
		return corrupt
	case errors.Is(err, entrycodec.ErrVersion):
		return unknownVersion
	}
	return unopened
}

func isWrongType(err error) bool {
	var answer *valkey.ValkeyError
	return errors.As(err, &answer) && strings.HasPrefix(answer.Error(), "WRONGTYPE")
}

// flawCounts counts the values that could not be used, by flaw.
type flawCounts [flaws]atomic.Int64

// note counts a flaw, and logs the first of each kind.
func (c *Cache) note(name string, err error) {
	if c.flawed[flawOf(err)].Add(1) == 1 {
		c.cfg.logger.Warn("tenancy: a value in Valkey cannot be used and is replaced; further ones of this kind are only counted",
			slog.String("key", name), slog.String("error", err.Error()))
	}
}
