//go:build unix

package comparison

import (
	"context"
	"errors"
	"time"
)

// ErrNotFound says that there is no tenant with that slug.
var ErrNotFound = errors.New("no such tenant")

// Answer is what a request must know of its tenant. It is this small so that no contender
// has to copy more for the comparison than it would for an application.
type Answer struct {
	Status   string
	Revision int64 // of the row's last write; the database counts them
}

// Node is a contender in one process.
type Node interface {
	// Get returns the tenant with that slug, or ErrNotFound.
	Get(ctx context.Context, slug string) (Answer, error)
	// SetStatus writes the status of a tenant, and does for the caches what the contender
	// does after a write. It returns the revision of the write also if the caches failed.
	SetStatus(ctx context.Context, id, status string) (revision int64, err error)
	// Close ends it.
	Close() error
}

// Setting is what all contenders have in common.
type Setting struct {
	DSN     string        // of the PostgreSQL database
	Valkey  string        // host:port
	Prefix  string        // of the keys in Valkey
	TTL     time.Duration // of what is cached
	Entries int           // how many a cache in the process may hold
}

// Place says where a contender keeps what it has read.
type Place string

// The places.
const (
	Nowhere   Place = "no cache"
	InProcess Place = "in the process"
	Shared    Place = "in Valkey"
	Both      Place = "in the process, and in Valkey"
)

// Contender is one way to do the work.
type Contender struct {
	Name  string
	Place Place
	Ours  bool
	Whole bool // it holds all tenants, so that no lookup reaches the database
	// Modules are those whose versions matter, besides bun and pgx.
	Modules []string
	Open    func(ctx context.Context, s Setting) (Node, error)
}

// Contenders returns all of them, those that are alike together.
func Contenders() []Contender {
	const (
		goRedis, goRedisCache = "github.com/redis/go-redis/v9", "github.com/go-redis/cache/v9"
		otter, sturdyc        = "github.com/maypok86/otter/v2", "github.com/viccon/sturdyc"
		ristretto, valkey     = "github.com/dgraph-io/ristretto/v2", "github.com/valkey-io/valkey-go"
	)
	return []Contender{
		{"bun", Nowhere, false, false, nil, openBun},
		{"otter", InProcess, false, false, []string{otter}, openOtter},
		{"sturdyc", InProcess, false, false, []string{sturdyc}, openSturdyc},
		{"ristrettotier", InProcess, true, false, []string{ristretto}, openRistrettotier},
		{"replica", InProcess, true, true, nil, openReplica},
		{"valkey-go", Shared, false, false, []string{valkey}, openValkeyGo},
		{"valkeytier", Shared, true, false, []string{valkey}, openValkeytier},
		{"go-redis/cache", Both, false, false, []string{goRedisCache, goRedis}, openGoRedisCache},
		{"valkey-go DoCache", Both, false, false, []string{valkey}, openDoCache},
		{"ristrettotier over valkeytier", Both, true, false, []string{ristretto, valkey}, openBothTiers},
	}
}
