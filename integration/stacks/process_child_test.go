//go:build unix

package stacks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// childSite returns the site of this process, if a test has started it as one.
func childSite() (s site, ok bool) {
	text := os.Getenv(siteEnv)
	return s, text != "" && json.Unmarshal([]byte(text), &s) == nil
}

// run is a process: it opens a stack, reads, and does what it is told to, until its
// input ends. It returns the exit status.
func (s site) run() int {
	if err := s.serve(os.Stdin, json.NewEncoder(os.Stdout)); err != nil {
		fmt.Fprintln(os.Stderr, "a process of the test:", err)
		return 1
	}
	return 0
}

func (s site) serve(in io.Reader, out *json.Encoder) error {
	db, err := s.database()
	if err != nil {
		return err
	}
	mortal := &mortal{Store: db, out: out}
	store, err := s.stack(mortal)
	if err != nil {
		return err
	}
	if err := out.Encode(answer{}); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	for range 2 {
		reading.Go(func() { readAround(ctx, store) })
	}
	err = obey(store, mortal, json.NewDecoder(in), out)
	stop()
	reading.Wait()
	return errors.Join(err, store.Close())
}

// readAround looks up all kinds of keys, so that the process holds leases and fills
// caches whenever it is killed or stopped.
func readAround(ctx context.Context, store tenancy.Store) {
	for wait(ctx, time.Millisecond) {
		if rand.N(2) == 0 {
			_, _ = store.GetByID(ctx, cellID(rand.N(cells)))
		} else {
			_, _ = store.GetByIdentifier(ctx, slugOf(rand.N(slugs)))
		}
	}
}

func obey(store tenancy.Store, mortal *mortal, orders *json.Decoder, out *json.Encoder) error {
	for {
		var o order
		if err := orders.Decode(&o); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		mortal.die.Store(o.Die)
		t, err := carryOut(store, o)
		mortal.die.Store(false)
		a := answer{Tenant: t, Exists: errors.Is(err, tenancy.ErrAlreadyExists)}
		if err != nil {
			a.Failed = err.Error()
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}

func carryOut(store tenancy.Store, o order) (tenancy.Tenant, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	switch o.Op {
	case "Create":
		return store.Create(ctx, o.Tenant)
	case "Update":
		return store.Update(ctx, o.Tenant)
	case "SetStatus":
		return store.SetStatus(ctx, o.Tenant.ID, o.Tenant.Status)
	case "UpdateMetadata":
		return store.UpdateMetadata(ctx, o.Tenant.ID, o.Patch)
	case "Delete":
		return tenancy.Tenant{}, store.Delete(ctx, o.Tenant.ID)
	}
	return tenancy.Tenant{}, fmt.Errorf("unknown order %q", o.Op)
}

// mortal kills its process with SIGKILL after a write, if it is told to: the database
// has committed, and no tier knows of it. It answers the order first.
type mortal struct {
	*bunstore.Store
	out *json.Encoder
	die atomic.Bool
}

func (m *mortal) wrote(t tenancy.Tenant, err error) (tenancy.Tenant, error) {
	if err != nil || !m.die.Load() {
		return t, err
	}
	if err := m.out.Encode(answer{Tenant: t, Last: true}); err != nil {
		return t, err
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		return t, err
	}
	select {}
}

func (m *mortal) Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return m.wrote(m.Store.Create(ctx, t))
}

func (m *mortal) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return m.wrote(m.Store.Update(ctx, t))
}

func (m *mortal) SetStatus(ctx context.Context, id string, status tenancy.Status) (tenancy.Tenant, error) {
	return m.wrote(m.Store.SetStatus(ctx, id, status))
}

func (m *mortal) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	return m.wrote(m.Store.UpdateMetadata(ctx, id, patch))
}

func (m *mortal) Delete(ctx context.Context, id string) error {
	_, err := m.wrote(tenancy.Tenant{}, m.Store.Delete(ctx, id))
	return err
}
