//go:build unix

package servers

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"
)

const clusterSlots = 16384

// Cluster is a Valkey cluster of primaries without replicas.
type Cluster struct {
	Shards []*Valkey
}

// StartCluster starts a cluster with so many shards, at least 3. The caller
// closes it.
func StartCluster(ctx context.Context, options ValkeyOptions, shards int) (*Cluster, error) {
	options.Settings = maps.Clone(options.Settings)
	if options.Settings == nil {
		options.Settings = map[string]string{}
	}
	options.Settings["cluster-enabled"] = "yes"
	options.Settings["cluster-node-timeout"] = "2000"
	// A lost shard leaves the others at work, as clusters of caches are set up.
	options.Settings["cluster-require-full-coverage"] = "no"
	c := &Cluster{}
	for range shards {
		err := onFreePorts(func() error {
			// By itself the port between servers is 10,000 more than that for
			// clients, which may be taken.
			busPort, err := FreePort(ctx)
			if err != nil {
				return err
			}
			options.Settings = maps.Clone(options.Settings)
			options.Settings["cluster-port"] = strconv.Itoa(busPort)
			v, err := StartValkey(ctx, options)
			if err == nil {
				c.Shards = append(c.Shards, v)
			}
			return err
		})
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	if err := c.form(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// form gives each shard its slots, and waits until all know of all.
func (c *Cluster) form(ctx context.Context) error {
	n := len(c.Shards)
	for i, v := range c.Shards {
		first, last := i*clusterSlots/n, (i+1)*clusterSlots/n-1
		if _, err := v.must(ctx, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last)); err != nil {
			return err
		}
		if _, err := v.must(ctx, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1)); err != nil {
			return err
		}
		if i > 0 {
			if _, err := c.Shards[0].must(ctx, "CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(v.port), v.options.Settings["cluster-port"]); err != nil {
				return err
			}
		}
	}
	for _, v := range c.Shards {
		err := v.wait(ctx, func(info string) bool {
			return strings.Contains(info, "cluster_state:ok") &&
				strings.Contains(info, "cluster_slots_ok:"+strconv.Itoa(clusterSlots)) &&
				strings.Contains(info, "cluster_size:"+strconv.Itoa(n))
		}, "CLUSTER", "INFO")
		if err != nil {
			return err
		}
	}
	return nil
}

// Addrs returns the addresses of all shards.
func (c *Cluster) Addrs() []string { return addrs(c.Shards) }

// Close stops every shard and removes what belongs to it.
func (c *Cluster) Close() error { return closeAll(c.Shards) }

func addrs(servers []*Valkey) []string {
	all := make([]string, len(servers))
	for i, v := range servers {
		all[i] = v.Addr()
	}
	return all
}

func closeAll(servers []*Valkey) error {
	var errs []error
	for _, v := range servers {
		errs = append(errs, v.Close())
	}
	return errors.Join(errs...)
}
