//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
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
