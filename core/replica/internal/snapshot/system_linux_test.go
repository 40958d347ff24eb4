package snapshot

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A test that needs another process runs the program again, with this variable.
const pathEnv = "TENANTSTORE_TEST_SNAPSHOT"

// child runs this test again, in another process, which finds path in pathEnv.
func child(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), pathEnv+"="+path)
	return cmd
}

// generation n of a file has a few blocks, and says in its mark which it is.
func generation(n int) (Header, []tenancy.Tenant) {
	rows := many()[:leastRows+n%7]
	h := header(rows)
	h.At.Mark = int64(n)
	return h, rows
}

const leastRows = 800

var many = sync.OnceValue(func() []tenancy.Tenant { return tenants(leastRows + 7) })

// A process that is killed while it writes leaves a whole file: the one that it was to
// replace or the new one, and never one that is older than what Write has returned for.
func TestKilledWriter(t *testing.T) {
	if path := os.Getenv(pathEnv); path != "" {
		first := 1
		if h, _, err := read(path, nil); err == nil {
			first = int(h.At.Mark) + 1
		}
		pause, _ := strconv.Atoi(os.Getenv(pauseEnv)) // none but for some
		for n := first; ; n++ {
			h, rows := generation(n)
			values := slices.Values(rows)
			if pause > 0 && n == first+2 {
				values = pausing(rows, pause)
			}
			if err := Write(t.Context(), path, nil, h, values, nil); err != nil {
				fmt.Println("failed", err)
				return
			}
			fmt.Println("written", n)
		}
	}
	kills := 200
	if testing.Short() {
		kills = 20
	}
	path := filepath.Join(t.TempDir(), "tenants.snap")
	last, torn := 0, 0
	for i := range kills {
		cmd := child(t, path)
		if i%2 == 0 { // every other one is surely in the middle of a write
			cmd.Env = append(cmd.Env, fmt.Sprint(pauseEnv, "=", 1+rand.IntN(leastRows)))
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for written := 0; written < 2 && lines.Scan(); written++ { // it is in its third write or so
			last = noteWritten(t, lines.Text(), last)
		}
		if i%2 == 0 {
			lines.Scan() // it pauses
		} else {
			time.Sleep(time.Duration(rand.Int64N(int64(10 * time.Millisecond)))) // anywhere in it
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			last = noteWritten(t, lines.Text(), last)
		}
		_ = cmd.Wait() // it was killed
		if _, err := os.Stat(path + ".tmp"); err == nil {
			torn++
		}
		h, got, err := read(path, nil)
		_, want := generation(int(h.At.Mark))
		if err != nil || int(h.At.Mark) < last || !same(got, want) {
			t.Fatalf("kill %d: generation %d with %d rows, %v; %d was written", i, h.At.Mark, len(got), err, last)
		}
	}
	if torn < kills/2 {
		t.Errorf("%d of %d kills met a write, want every other one: the test proves nothing", torn, kills)
	}
	t.Logf("%d kills, %d in the middle of a write, %d files", kills, torn, last)
	h, rows := generation(last + 2)
	if err := Write(t.Context(), path, nil, h, slices.Values(rows), nil); err != nil { // over what a kill has left
		t.Error(err)
	}
}

const pauseEnv = "TENANTSTORE_SNAPSHOT_PAUSE"

// pausing yields rows, and says so and stays when it has come to the row of this number.
func pausing(rows []tenancy.Tenant, number int) iter.Seq[tenancy.Tenant] {
	return func(yield func(tenancy.Tenant) bool) {
		for i, row := range rows {
			if i+1 == number {
				fmt.Println("pauses")
				time.Sleep(time.Hour) // until it is killed
			}
			if !yield(row) {
				return
			}
		}
	}
}

func noteWritten(t *testing.T, line string, last int) int {
	t.Helper()
	text, ok := strings.CutPrefix(line, "written ")
	n, err := strconv.Atoi(text)
	if !ok || err != nil || n <= last {
		t.Fatalf("the child says %q after generation %d", line, last)
	}
	return n
}

// Two processes with one path do not disturb each other: one writes, the other is told.
func TestTwoWriters(t *testing.T) {
	if path := os.Getenv(pathEnv); path != "" {
		unlock, err := lock(path + ".lock")
		if err != nil {
			fmt.Println("failed", err)
			return
		}
		defer unlock()
		fmt.Println("locked")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		return
	}
	path := filepath.Join(t.TempDir(), "tenants.snap")
	rows := tenants(10)
	write(t, path, nil, rows)
	cmd := child(t, path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	more := tenants(11)
	if err := Write(t.Context(), path, nil, header(more), slices.Values(more), nil); !errors.Is(err, ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
	if _, got, err := read(path, nil); err != nil || !same(got, rows) {
		t.Errorf("while another writes: %d rows, %v, want the file before", len(got), err)
	}
	if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	write(t, path, nil, more) // the lock has ended with its process
}

func TestManyWritersAndReaders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.snap")
	h, rows := generation(1)
	if err := Write(t.Context(), path, nil, h, slices.Values(rows), nil); err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	for w := range 4 {
		work.Go(func() {
			for i := range 20 {
				h, rows := generation(100*w + i)
				if err := Write(t.Context(), path, nil, h, slices.Values(rows), nil); err != nil && !errors.Is(err, ErrBusy) {
					t.Error(err)
				}
				h, got, err := read(path, nil)
				_, want := generation(int(h.At.Mark))
				if err != nil || !same(got, want) {
					t.Errorf("generation %d: %d rows, %v", h.At.Mark, len(got), err)
				}
			}
		})
	}
	work.Wait()
}

// A disk that is full costs the new file, and not the one before.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.snap")
	before := tenants(3)
	if path := os.Getenv(pathEnv); path != "" {
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: 3 * blockSize / 2, Max: 3 * blockSize / 2}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		h, rows := generation(1)
		err := Write(t.Context(), path, nil, h, slices.Values(rows), nil)
		if !errors.Is(err, syscall.EFBIG) {
			t.Errorf("%v, want EFBIG", err)
		}
		if _, err := os.Stat(path + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("what was written is left: %v", err)
		}
		return
	}
	write(t, path, nil, before)
	if out, err := child(t, path).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if _, got, err := read(path, nil); err != nil || !same(got, before) {
		t.Errorf("%d rows, %v, want the file before", len(got), err)
	}
}

// What is no regular file is neither read, which may hang, nor replaced.
func TestNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	write(t, target, nil, tenants(1))
	link, pipe, folder := filepath.Join(dir, "link"), filepath.Join(dir, "pipe"), filepath.Join(dir, "folder")
	if err := errors.Join(os.Symlink(target, link), syscall.Mkfifo(pipe, 0o600), os.Mkdir(folder, 0o700)); err != nil {
		t.Fatal(err)
	}
	rows := tenants(2)
	for _, path := range []string{link, pipe, folder, "/dev/null"} {
		if _, err := Open(path); !errors.Is(err, ErrForeign) {
			t.Errorf("Open %s: %v, want ErrForeign", path, err)
		}
		if err := Write(t.Context(), path, nil, header(rows), slices.Values(rows), nil); !errors.Is(err, ErrForeign) {
			t.Errorf("Write %s: %v, want ErrForeign", path, err)
		}
	}
	if _, got, err := read(target, nil); err != nil || len(got) != 1 {
		t.Errorf("behind a link: %d rows, %v, want what was there", len(got), err)
	}
	for _, lockOrNext := range []string{".lock", ".tmp"} { // links that somebody has put there
		path, victim := filepath.Join(dir, "a"+lockOrNext[1:]), filepath.Join(dir, "victim"+lockOrNext)
		if err := errors.Join(os.WriteFile(victim, []byte("precious"), 0o600), os.Symlink(victim, path+lockOrNext)); err != nil {
			t.Fatal(err)
		}
		_ = Write(t.Context(), path, nil, header(rows), slices.Values(rows), nil) // may fail
		if data, err := os.ReadFile(victim); err != nil || string(data) != "precious" {
			t.Errorf("%s led to %q, %v, want it untouched", lockOrNext, data, err)
		}
	}
}

func TestNotAllowed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tenants.snap")
	rows := tenants(1)
	write(t, path, nil, rows)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// As somebody else, for this thread alone, which then ends.
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if os.Getuid() == 0 {
			if err := syscall.Setfsuid(65534); err != nil {
				t.Error(err)
				return
			}
		} else if err := errors.Join(os.Chmod(path, 0), os.Chmod(dir, 0o555)); err != nil {
			t.Error(err)
			return
		}
		if _, err := Open(path); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("Open: %v, want ErrPermission", err)
		}
		other := filepath.Join(dir, "other.snap")
		if err := Write(t.Context(), other, nil, header(rows), slices.Values(rows), nil); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("Write: %v, want ErrPermission", err)
		}
	}()
	<-done
	if os.Getuid() != 0 {
		_ = os.Chmod(dir, 0o700)
	}
	missing := filepath.Join(dir, "none", "tenants.snap")
	if err := Write(t.Context(), missing, nil, header(rows), slices.Values(rows), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Write: %v, want ErrNotExist", err)
	}
	if _, err := Open(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open: %v, want ErrNotExist", err)
	}
}
