package bunsqlite_test

import (
	"bufio"
	"database/sql/driver"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const wrongClock = "TENANTSTORE_TEST_WRONG_CLOCK"

var keptForAnHour = bunsqlite.WithStore(bunstore.WithRetention(0, time.Hour))

// Another process has a clock that is a year wrong, and writes and trims. The log is not
// old because one of the two thinks so: a follower that has fallen behind finds its place,
// whoever trims, and in whatever order they have written.
func TestTrimBesideAWrongClock(t *testing.T) {
	if wrong := os.Getenv(wrongClock); wrong != "" {
		wrongProcess(t, wrong)
		return
	}
	const year = 365 * 24 * time.Hour
	for name, wrong := range map[string]time.Duration{"behind": -year, "ahead": year} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tenants.db")
			s := open(t, path, keptForAnHour)
			h, err := s.Bounds(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestTrimBesideAWrongClock$", "-test.v")
			command.Env = append(os.Environ(), wrongClock+"="+wrong.String()+" "+path)
			in, err1 := command.StdinPipe()
			out, err2 := command.StdoutPipe()
			if err1 != nil || err2 != nil || command.Start() != nil {
				t.Fatal(err1, err2)
			}
			answers := bufio.NewScanner(out)
			for round := range 60 {
				create(t, s, fmt.Sprintf("right-%d", round))
				_, _ = fmt.Fprintln(in, round)
				for answers.Scan() && !strings.HasPrefix(answers.Text(), "trimmed") {
				}
				if got := answers.Text(); got != "trimmed 0" {
					t.Fatalf("round %d: the other process: %q", round, got)
				}
				if n, err := s.Trim(t.Context()); n != 0 || err != nil {
					t.Fatalf("round %d: trimmed %d rows, %v", round, n, err)
				}
			}
			_ = in.Close()
			rest, _ := io.ReadAll(out)
			if err := command.Wait(); err != nil {
				t.Errorf("the other process: %v: %s", err, rest)
			}
			if cs, err := s.Changes(t.Context(), h.Newest, tenancy.MaxChangesLimit); err != nil || len(cs) < 120 {
				t.Errorf("a follower that was there before gets %d changes, %v", len(cs), err)
			} else if off := cs[1].At.Sub(cs[0].At) - wrong; off.Abs() > year/2 {
				t.Errorf("the other clock is not wrong: %v, %v", cs[0].At, cs[1].At)
			}
		})
	}
}

// wrongProcess writes and trims once for each line that it reads.
func wrongProcess(t *testing.T, arguments string) {
	text, path, _ := strings.Cut(arguments, " ")
	wrong, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	sqlite.MustRegisterScalarFunction("julianday", 1, func(*sqlite.FunctionContext, []driver.Value) (driver.Value, error) {
		const epoch = 2440587.5 // in Julian days
		return epoch + float64(time.Now().Add(wrong).UnixMilli())/86_400_000, nil
	})
	s := open(t, path, keptForAnHour)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		for i := range 1 + len(in.Text())%2 {
			create(t, s, fmt.Sprintf("wrong-%s-%d", in.Text(), i))
		}
		n, err := s.Trim(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("trimmed", n)
	}
}
