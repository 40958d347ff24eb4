//go:build unix

package servers

import (
	"errors"
	"net"
	"strconv"
	"testing"
)

// A port that somebody takes between the look for it and the start costs another
// attempt.
func TestTakenPortIsTriedAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	for _, redis := range []bool{false, true} {
		attempts := 0
		options := ValkeyOptions{Redis: redis, Settings: map[string]string{"cluster-enabled": "yes", "cluster-port": taken}}
		needValkey(t, options)
		err = onFreePorts(func() error {
			if attempts++; attempts == 3 {
				return nil
			}
			v, err := newValkey(t.Context(), options)
			if err != nil {
				return err
			}
			return errors.Join(v.Start(t.Context()), v.Close())
		})
		if err != nil || attempts != 3 {
			t.Errorf("%d attempts, %v; want 3 and no error", attempts, err)
		}
	}
	other, attempts := errors.New("no such program"), 0
	if err := onFreePorts(func() error { attempts++; return other }); !errors.Is(err, other) || attempts != 1 {
		t.Errorf("%d attempts, %v; want 1", attempts, err)
	}
}
