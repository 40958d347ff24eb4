//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// MasterSet is the name under which the sentinels of a [SentinelSet] know their
// primary.
const MasterSet = "tenancy"

const sentinels = 3

// SentinelSet is a primary and a replica under the watch of three sentinels, which
// promote the replica when the primary has not answered for a second.
type SentinelSet struct {
	// Primary and Replica are so called for what they were at the start.
	Primary, Replica *Valkey
	Sentinels        []*Valkey
}

// StartSentinelSet starts one. The caller closes it.
func StartSentinelSet(ctx context.Context, options ValkeyOptions) (*SentinelSet, error) {
	s := &SentinelSet{}
	if err := s.start(ctx, options); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *SentinelSet) start(ctx context.Context, options ValkeyOptions) (err error) {
	if s.Primary, err = StartValkey(ctx, options); err != nil {
		return err
	}
	following := options
	following.Settings = maps.Clone(options.Settings)
	if following.Settings == nil {
		following.Settings = map[string]string{}
	}
	following.Settings["replicaof"] = fmt.Sprintf("127.0.0.1 %d", s.Primary.port)
	if s.Replica, err = StartValkey(ctx, following); err != nil {
		return err
	}
	err = s.Replica.wait(ctx, func(info string) bool { return strings.Contains(info, "master_link_status:up") }, "INFO", "replication")
	if err != nil {
		return err
	}
	for range sentinels {
		v, err := s.newSentinel(ctx, options)
		if err != nil {
			return err
		}
		s.Sentinels = append(s.Sentinels, v)
		if err := v.Start(ctx); err != nil {
			return err
		}
	}
	for _, v := range s.Sentinels { // until each knows of the replica and of the others
		err := v.wait(ctx, func(info string) bool {
			return strings.Contains(info, "slaves=1,sentinels="+strconv.Itoa(sentinels))
		}, "INFO", "sentinel")
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *SentinelSet) newSentinel(ctx context.Context, options ValkeyOptions) (*Valkey, error) {
	options.Settings = nil
	v, err := newValkey(ctx, options)
	if err != nil {
		return nil, err
	}
	v.sentinel = []string{
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d 2\n", MasterSet, s.Primary.port),
		fmt.Sprintf("sentinel down-after-milliseconds %s 1000\n", MasterSet),
		fmt.Sprintf("sentinel failover-timeout %s 3000\n", MasterSet),
	}
	return v, nil
}

// Roles waits until all sentinels name the same primary, and returns it and the
// other server.
func (s *SentinelSet) Roles(ctx context.Context) (primary, replica *Valkey, err error) {
	return s.roles(ctx, nil)
}

// Replaced waits until all sentinels name another primary than v.
func (s *SentinelSet) Replaced(ctx context.Context, v *Valkey) error {
	_, _, err := s.roles(ctx, v)
	return err
}

func (s *SentinelSet) roles(ctx context.Context, unwanted *Valkey) (primary, replica *Valkey, err error) {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		named, err := s.named(ctx)
		if err != nil {
			return nil, nil, err
		}
		for i, v := range []*Valkey{s.Primary, s.Replica} {
			if v.Addr() == named && v != unwanted {
				return v, []*Valkey{s.Replica, s.Primary}[i], nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("the sentinels name %q: %w", named, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

var namedPrimary = regexp.MustCompile(`name=` + MasterSet + `,.*address=([^,]+),`)

// named returns the address that all sentinels name, or "" if they differ.
func (s *SentinelSet) named(ctx context.Context) (address string, err error) {
	for i, v := range s.Sentinels {
		info, err := v.must(ctx, "INFO", "sentinel")
		if err != nil {
			return "", err
		}
		found := namedPrimary.FindStringSubmatch(info)
		if found == nil || i > 0 && found[1] != address {
			return "", nil
		}
		address = found[1]
	}
	return address, nil
}

// Reunite makes the replica, which may have been the primary before it died, follow
// the primary, and waits until it has its data. The sentinels would do so too, after
// some seconds.
func (s *SentinelSet) Reunite(ctx context.Context) error {
	primary, replica, err := s.Roles(ctx)
	if err != nil {
		return err
	}
	for _, words := range [][]string{
		{"CONFIG", "SET", "masteruser", "", "masterauth", ""}, // see Part
		{"REPLICAOF", "127.0.0.1", strconv.Itoa(primary.port)},
		{"CONFIG", "REWRITE"},
	} {
		if _, err := replica.must(ctx, words...); err != nil {
			return err
		}
	}
	return replica.wait(ctx, func(info string) bool { return strings.Contains(info, "master_link_status:up") }, "INFO", "replication")
}

// Part breaks the connection of the replica, so that it gets nothing more of what is
// written, until Reunite.
func (s *SentinelSet) Part(ctx context.Context) error {
	primary, replica, err := s.Roles(ctx)
	if err != nil {
		return err
	}
	if _, err := replica.must(ctx, "CONFIG", "SET", "masteruser", "nobody", "masterauth", "wrong"); err != nil {
		return err
	}
	if _, err := primary.must(ctx, "CLIENT", "KILL", "TYPE", "replica"); err != nil {
		return err
	}
	return replica.wait(ctx, func(info string) bool { return strings.Contains(info, "master_link_status:down") }, "INFO", "replication")
}

// Addrs returns the addresses of the sentinels.
func (s *SentinelSet) Addrs() []string { return addrs(s.Sentinels) }

// Close stops all servers and removes what belongs to them.
func (s *SentinelSet) Close() error {
	all := s.Sentinels
	for _, v := range []*Valkey{s.Primary, s.Replica} {
		if v != nil {
			all = append(all, v)
		}
	}
	return closeAll(all)
}
