package valkeytier_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// newError returns the error of New with these options, or nil.
func newError(t *testing.T, option valkey.ClientOption, opts ...valkeytier.Option) error {
	t.Helper()
	s, err := valkeytier.New(newPrimary(), option, append(opts, valkeytier.WithLogger(nil))...)
	if err == nil {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	return err
}

func TestRefusedOptions(t *testing.T) {
	good := valkey.ClientOption{InitAddress: []string{"127.0.0.1:1"}}
	replicas := good
	replicas.SendToReplicas = func(valkey.Completed) bool { return true }
	for name, err := range map[string]error{
		"nil":               newError(t, good, nil),
		"no address":        newError(t, valkey.ClientOption{}),
		"replicas":          newError(t, replicas),
		"no prefix":         newError(t, good, valkeytier.WithKeyPrefix("")),
		"ambiguous prefix":  newError(t, good, valkeytier.WithKeyPrefix("tenancy:id:")),
		"ambiguous too":     newError(t, good, valkeytier.WithKeyPrefix("a:identifier:b:")),
		"another separator": newError(t, good, valkeytier.WithKeyPrefix("eu-id:x:")),
		"a hash tag":        newError(t, good, valkeytier.WithKeyPrefix("{eu}identifier:")),
		"long prefix":       newError(t, good, valkeytier.WithKeyPrefix(strings.Repeat("x", 1025))),
	} {
		if !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	for _, prefix := range []string{"android:eu:grid:", "id:", "tenancy:id", "identifier:ééid:", "covid:identifiers:"} {
		if err := newError(t, good, valkeytier.WithKeyPrefix(prefix)); err != nil {
			t.Error(err)
		}
	}
	if _, err := valkeytier.New(nil, good, valkeytier.WithBus()); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("without a store: %v, want ErrInvalid", err)
	}
}

// Every number is taken up to its bound, and refused beyond it.
func TestNumbersAtTheEdge(t *testing.T) {
	good := valkey.ClientOption{InitAddress: []string{"127.0.0.1:1"}}
	for name, c := range map[string]struct {
		good, bad []valkeytier.Option
	}{
		"WithDeadline must be above 0 and 1m0s at most": {
			each(valkeytier.WithDeadline, 1, time.Minute),
			each(valkeytier.WithDeadline, math.MinInt64, -1, 0, time.Minute+1, math.MaxInt64-1, math.MaxInt64),
		},
		"WithMaxCalls must be 1 to 1048576": {
			each(valkeytier.WithMaxCalls, 1, 1<<20),
			each(valkeytier.WithMaxCalls, math.MinInt, -1, 0, 1<<20+1, math.MaxInt-1, math.MaxInt),
		},
	} {
		for i, o := range c.bad {
			if err := newError(t, good, o); !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), name) {
				t.Errorf("%d: %v, want ErrInvalid that says %q", i, err, name)
			}
		}
		for i, o := range c.good {
			if err := newError(t, good, o); err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
	}
}

func each[T any](option func(T) valkeytier.Option, values ...T) (all []valkeytier.Option) {
	for _, v := range values {
		all = append(all, option(v))
	}
	return all
}

// What is no address is refused before anything is sent, with its reason and without
// what stands in it; blanks around one do no harm.
func TestAddresses(t *testing.T) {
	for address, why := range map[string]string{
		"127.0.0.1:6379":                       "",
		" 127.0.0.1:6379\n":                    "",
		"\tlocalhost:1 ":                       "",
		"[::1]:6379":                           "",
		"valkey_1.internal:6379":               "",
		"":                                     "it is empty",
		"  ":                                   "it is empty",
		"canary":                               "the port is missing",
		"127.0.0.1":                            "the port is missing",
		"[::1]":                                "the port is missing",
		"::1":                                  "brackets",
		"::1:6379":                             "brackets",
		":6379":                                "the host is missing",
		"canary:":                              "the port must be a number",
		"canary:redis":                         "the port must be a number",
		"canary:0":                             "the port must be a number",
		"canary:65536":                         "the port must be a number",
		"canary:-1":                            "the port must be a number",
		"user:canary:6379":                     "brackets",
		"redis://user:canary@127.0.0.1:6379/0": "it is a URL",
		"REDISS://user:canary@127.0.0.1:6379":  "it is a URL",
		"valkey://user:canary@127.0.0.1:6379":  "it is a URL",
		"unix:///run/canary.sock":              "it is a URL",
		"user:canary@127.0.0.1:6379":           `"@"`,
		"canary@127.0.0.1:6379":                `"@"`,
		"127.0.0.1:6379/canary":                `"/"`,
		"/run/canary.sock":                     `"/"`,
		`"127.0.0.1:6379"`:                     "quotation mark",
		"'127.0.0.1:6379'":                     "quotation mark",
		"127.0.0.1:6379,127.0.0.2:6379":        "comma",
		"127.0.0.1:6379,password=canary":       "comma",
		"127.0.0.1 :6379":                      "a blank",
		"127.0.0.1:6379 password canary":       "a blank",
		"127.0.0.1:6379\r\nAUTH canary":        "a line break",
		"127.0.0.1\x00:6379":                   "control character",
	} {
		for _, in := range [][]string{{address}, {"127.0.0.1:1", address}} {
			option := valkey.ClientOption{InitAddress: in}
			cache := newError(t, option)
			b, bus := valkeytier.NewBus(option, valkeytier.WithLogger(nil))
			if bus == nil {
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			}
			if why == "" {
				if err := errors.Join(cache, bus); err != nil {
					t.Errorf("%q: %v", address, err)
				}
				continue
			}
			for _, err := range []error{cache, bus} {
				if !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "canary") {
					t.Errorf("%q: %v, want ErrInvalid that says %q and not what is there", address, err, why)
				}
			}
		}
	}
}
