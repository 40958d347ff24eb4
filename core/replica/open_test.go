package replica_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A source that does not open is no obstacle to a start from the file.
func TestOpenWithoutTheDatabase(t *testing.T) {
	store, _, file, _ := filled(t)
	var there atomic.Bool
	r, err := replica.Open(func(context.Context) (tenancy.Source, error) {
		if !there.Load() {
			return nil, fmt.Errorf("%w: refused", tenancy.ErrUnavailable)
		}
		return store, nil
	}, file, replica.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, r)
	waitRestored(t, r)
	sameAs(t, r, store)
	_, err = r.SetStatus(t.Context(), get(t, r, "acme").ID, tenancy.StatusSuspended)
	if !errors.Is(err, tenancy.ErrUnavailable) || !errors.Is(err, tenancy.ErrNotApplied) {
		t.Errorf("a write: %v, want ErrUnavailable and ErrNotApplied", err)
	}
	there.Store(true)
	waitSynced(t, r)
	if _, err := r.SetStatus(t.Context(), get(t, r, "acme").ID, tenancy.StatusSuspended); err != nil {
		t.Error(err)
	}
	sameAs(t, r, store)
}

// An open that hangs delays the start by half a second, and is ended by Close.
func TestOpenDoesNotHang(t *testing.T) {
	store, _, file, _ := filled(t)
	r, err := replica.Open(func(ctx context.Context) (tenancy.Source, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}, file, replica.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	waitRestored(t, r)
	sameAs(t, r, store)
	stop(t, r)
}

func TestOpenReturnsWhatIsNoOutage(t *testing.T) {
	wrong := errors.New("a misspelt address")
	file := replica.WithSnapshotFile(filepath.Join(t.TempDir(), "x"), time.Hour)
	for name, open := range map[string]func(context.Context) (tenancy.Source, error){
		"no outage": func(context.Context) (tenancy.Source, error) { return (*memstore.Store)(nil), wrong },
		"a pointer": func(context.Context) (tenancy.Source, error) { return (*memstore.Store)(nil), nil },
		"nothing":   func(context.Context) (tenancy.Source, error) { return nil, nil },
		"an option": func(context.Context) (tenancy.Source, error) { return memstore.New(), nil },
	} {
		opts := []replica.Option{file, replica.WithLogger(nil)}
		if name == "an option" {
			opts = append(opts, replica.WithMaxTenants(0))
		}
		if _, err := replica.Open(open, opts...); !errors.Is(err, wrong) && !errors.Is(err, tenancy.ErrInvalid) && !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// unsound is a store that is no source, and counts how often it is closed.
type unsound struct {
	tenancy.Decorator
	closed *atomic.Int64
}

func (u unsound) Close() error {
	u.closed.Add(1)
	return nil
}

// What was opened and is of no use is closed: it is opened again.
func TestWhatIsOpenedAndOfNoUseIsClosed(t *testing.T) {
	var opened, closed atomic.Int64
	useless := struct{ tenancy.Store }{memstore.New()}
	_, err := replica.Open(func(context.Context) (tenancy.Source, error) {
		opened.Add(1)
		return unsound{tenancy.Decorator{Next: useless}, &closed}, nil
	}, replica.WithLogger(nil))
	if !errors.Is(err, errors.ErrUnsupported) || opened.Load() != closed.Load() {
		t.Errorf("%v, %d opened and %d closed", err, opened.Load(), closed.Load())
	}
}

// Close does not wait for an open that ignores the end of its context, and what that opens
// in the end is closed.
func TestCloseDoesNotWaitForAnOpenThatHangs(t *testing.T) {
	release, closed := make(chan struct{}), &atomic.Int64{}
	r, err := replica.Open(func(context.Context) (tenancy.Source, error) {
		<-release
		return unsound{tenancy.Decorator{Next: memstore.New()}, closed}, nil
	}, replica.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	stop(t, r)
	if n := closed.Load(); n != 0 {
		t.Errorf("closed %d times before it was opened", n)
	}
	close(release)
	eventually(t, "it is closed", func() bool { return closed.Load() == 1 })
}
