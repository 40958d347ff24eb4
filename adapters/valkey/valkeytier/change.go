package valkeytier

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/core/entrycodec"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// Apply implements [tier.SharedCache].
func (c *Cache) Apply(ctx context.Context, change tenancy.Change) error {
	header := string(entrycodec.AppendHeader(nil, change.Position))
	calls := make([]invocation, len(change.Keys))
	for i, k := range change.Keys {
		calls[i] = invocation{c.name(k), []string{header}}
	}
	return c.invoke(ctx, removing, c.scripts.apply, calls...)
}

// manyDropped entries of another history are worth a line in the log.
const manyDropped = 20

// Drop implements [tier.SharedCache].
func (c *Cache) Drop(ctx context.Context, e *tier.Entry) error {
	if c.dropped.Add(1) == manyDropped {
		c.cfg.logger.LogAttrs(ctx, slog.LevelWarn, "tenancy: many entries in Valkey are of another history than the database has, and are not served: does another database of tenants use the same key prefix? Give each its own by WithKeyPrefix. After a restored backup it ends by itself",
			slog.String("prefix", c.cfg.prefix), slog.Int("entries", manyDropped))
	}
	header := string(entrycodec.AppendHeader(nil, e.Versioned.AsOf))
	return c.invoke(ctx, removing, c.scripts.drop, invocation{c.name(e.Key), []string{header}})
}

// scanDeadline bounds each step of InvalidateAll, which nobody waits for as a
// request does, unless WithDeadline is longer.
const scanDeadline = time.Second

// InvalidateAll implements [tier.SharedCache]: it removes every key of this cache, and
// returns how many of them were entries. It scans all keys of every server, a
// thousand at a time, which takes about a second for each million; it blocks no
// server. Servers that fail do not keep it from the others.
func (c *Cache) InvalidateAll(ctx context.Context) (int64, error) {
	call, err := c.link.begin(ctx, cmdScan|removing, max(scanDeadline, c.cfg.deadline))
	if err != nil {
		return 0, err
	}
	nodes := call.client.Nodes()
	_ = call.end(nil)
	total, errs := int64(0), []error(nil)
	for _, node := range nodes { // one that is down keeps no other from being cleared
		n, err := c.clearNode(ctx, node)
		total, errs = total+n, append(errs, err)
	}
	return total, errors.Join(errs...)
}

func (c *Cache) clearNode(ctx context.Context, node valkey.Client) (total int64, err error) {
	pattern := globEscape(c.cfg.prefix) + "*"
	for cursor := uint64(0); ; {
		n, next, err := c.clearStep(ctx, node, pattern, cursor)
		total += n
		if err != nil || next == 0 {
			return total, err
		}
		cursor = next
	}
}

// clearStep removes what one step of a scan finds. A replica finds what its
// primary has; only the primary's counts.
func (c *Cache) clearStep(ctx context.Context, node valkey.Client, pattern string, cursor uint64) (n int64, next uint64, err error) {
	call, err := c.link.begin(ctx, cmdScan|removing, max(scanDeadline, c.cfg.deadline))
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = call.end(err) }()
	found, err := node.Do(call.ctx, node.B().Scan().Cursor(cursor).Match(pattern).Count(batchSize).Build()).AsScanEntry()
	if err != nil {
		return 0, 0, cmdScan.failed(err)
	}
	var calls []invocation
	for _, name := range found.Elements {
		if c.owns(name) {
			calls = append(calls, invocation{key: name})
		}
	}
	if len(calls) == 0 {
		return 0, found.Cursor, nil
	}
	removed, err := c.scripts.clear.run(call.ctx, call.client, calls...)
	for _, r := range removed {
		n += r
	}
	return n, found.Cursor, err
}

// owns reports whether this cache has a key of this name, and not another one whose
// prefix begins with the prefix of this one.
func (c *Cache) owns(name string) bool {
	rest, ok := strings.CutPrefix(name, c.cfg.prefix)
	kind, value, _ := strings.Cut(rest, ":")
	return ok && tenancy.Key{Kind: tenancy.KeyKind(kind), Value: value}.Validate() == nil
}

// globEscape returns a pattern that matches text alone.
func globEscape(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(text)
}
