package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/cmd/internal/programtest"
)

// fill creates tenants t-0000 and so on.
func (c ctl) fill(n int) {
	c.t.Helper()
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "{\"identifier\":\"t-%04d\",\"name\":\"T %d\",\"database_url\":\"postgres://canary\",\"created_at\":%q}\n", i, i, begin.Add(time.Duration(i)*time.Second).Format(time.RFC3339))
	}
	c.with(lines.String(), "import", "-").want(0)
}

// script writes a shell script, and returns its path.
func (c ctl) script(text string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, "command.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		c.t.Fatal(err)
	}
	return path
}

func TestEach(t *testing.T) {
	each(t, func(t *testing.T, c ctl) {
		c.fill(20)
		c.ok("delete", "t-0000", "--yes")
		c.ok("suspend", "t-0001")
		script := c.script(`echo "hello $TENANT_NAME $TENANT_STATUS url=$TENANT_DATABASE_URL"; cat; case $TENANT_IDENTIFIER in t-0003) exit 7;; t-0004) kill -9 $$;; esac`)
		o := c.run("each", "-o", "json", "--", "sh", script).want(10)
		o.says("t-0002 | hello T 2 active url=\n").says("t-0001 | hello T 1 suspended").says(`"identifier":"t-0005"`)
		if strings.Contains(o.errs, "canary") || strings.Contains(o.errs, "t-0000 |") {
			t.Errorf("a secret, or a deleted tenant: %s", o.errs)
		}
		report := decode[eachReport](o)
		failed := map[string]int{}
		for _, f := range report.Failures {
			failed[f.Identifier] = f.ExitCode
		}
		if report.Tenants != 19 || report.Succeeded != 17 || report.Failed != 2 || report.Left != 0 || failed["t-0003"] != 7 || failed["t-0004"] != -1 {
			t.Errorf("%+v", report)
		}
		if got := c.run("each", "--status", "active", "-o", "name", "--", "sh", script).want(10).names(); len(got) != 2 {
			t.Errorf("-o name: %q", got)
		}
		c.run("each", "-o", "table", "--", "sh", script).want(10).prints("SUCCEEDED BEFORE", "exit status 7")
		c.ok("each", "--status", "suspended", "--secrets", "--", "sh", script).says("url=postgres://canary")
		report = decode[eachReport](c.run("each", "--canary", "3", "-o", "json", "--", "sh", script).want(10))
		if report.Succeeded != 2 || report.Failed != 1 || report.Left != 16 {
			t.Errorf("--canary: %+v", report)
		}
		report = decode[eachReport](c.run("each", "--status", "suspended", "--timeout", "10ms", "-o", "json", "--", "sleep", "1000").want(10))
		if report.Failed != 1 || report.Failures[0].ExitCode != -1 {
			t.Errorf("--timeout: %+v", report)
		}
		c.run("each", "-o", "json", "--", filepath.Join(c.dir, "no-such-program")).want(10)
		c.run("each").want(2)
		c.run("each", "-j", "0", "--", "true").want(2)
	})
}

// ran returns the tenants for which the command has run, by its own notes in a file, sorted.
func (c ctl) ran(file string) []string {
	c.t.Helper()
	data, err := os.ReadFile(filepath.Join(c.dir, file))
	if err != nil && !os.IsNotExist(err) {
		c.t.Fatal(err)
	}
	names := strings.Fields(string(data))
	slices.Sort(names)
	return names
}

// succeeded returns the tenants for which a journal has a success, sorted.
func (c ctl) succeeded(journal string) (names []string) {
	c.t.Helper()
	data, err := os.ReadFile(journal)
	if err != nil && !os.IsNotExist(err) {
		c.t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var r result
		if json.Unmarshal([]byte(line), &r) == nil && r.OK { // the last may be cut
			names = append(names, r.Identifier)
		}
	}
	slices.Sort(names)
	return names
}

// without returns names that others lacks.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(others, n) })
}

// touch creates a file.
func (c ctl) touch(name string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), nil, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// A thousand tenants; tenantctl is killed in the middle, then interrupted, then let go on. No
// command that had succeeded by then is run again, and in the end it has for all.
func TestEachIsResumed(t *testing.T) {
	const n = 1000
	c := sqliteCtl(t)
	c.fill(n)
	all := c.ok("list", "-o", "name").names()
	slices.Sort(all)
	journal := filepath.Join(c.dir, "journal")
	// From $HOLD on it waits for a file, so that there is a middle on every machine. One write
	// of a short line to a file that is open for appending is whole.
	script := c.script(`[ "$TENANT_IDENTIFIER" \< "$HOLD" ] || while ! test -e go$RUN; do sleep 0.05; done; echo "$TENANT_IDENTIFIER" >>ran$RUN`)
	args := []string{"each", "--journal", journal, "-j", "8", "-o", "json", "--", "sh", script}

	c.env = []string{"RUN=1", "HOLD=t-0300"}
	killed := c.command(args...)
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	programtest.Eventually(t, "300 successes", func() bool { return len(c.succeeded(journal)) == 300 })
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait()
	c.touch("go1") // what it has left behind ends
	before := c.succeeded(journal)
	if len(before) != 300 || len(without(before, c.ran("ran1"))) != 0 {
		t.Fatalf("%d are in the journal, of which %q have not run", len(before), without(before, c.ran("ran1")))
	}
	file, err := os.OpenFile(journal, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = file.WriteString(`{"tenant_id":"x","identifier":"t-00`) // as a crash of the machine may leave it
	}
	if err != nil || file.Close() != nil {
		t.Fatal(err)
	}

	c.env = []string{"RUN=2", "HOLD=t-0600"}
	interrupted := c.command(args...)
	var out strings.Builder
	interrupted.Stdout = &out
	errs, err := interrupted.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := interrupted.Start(); err != nil {
		t.Fatal(err)
	}
	programtest.Eventually(t, "600 successes", func() bool { return len(c.succeeded(journal)) == 600 })
	c.run(args...).want(1).says("another tenantctl uses it")
	if err := interrupted.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(errs); lines.Scan() && !strings.Contains(lines.Text(), "waiting for the commands"); {
	}
	c.touch("go2")
	if _ = interrupted.Wait(); interrupted.ProcessState.ExitCode() != 130 {
		t.Errorf("exit code %d after SIGINT, want 130", interrupted.ProcessState.ExitCode())
	}
	var report eachReport
	if err := json.Unmarshal([]byte(out.String()), &report); err != nil || report.Left == 0 || report.Failed != 0 || report.Before != len(before) {
		t.Errorf("report of the interrupted run: %+v, %v", report, err)
	}
	middle := c.succeeded(journal)
	if !slices.Equal(c.ran("ran2"), without(middle, before)) { // ^C lets what runs end, and notes it
		t.Errorf("the interrupted run ran %q, and noted %q", c.ran("ran2"), without(middle, before))
	}

	c.run("each", "--journal", journal, "--", "true").want(2).says("another command")
	c.env = []string{"RUN=3", "HOLD=x"}
	report = decode[eachReport](c.ok(args...))
	if report.Tenants != n || report.Before != len(middle) || report.Succeeded != n-len(middle) {
		t.Errorf("report of the last run: %+v, with %d before", report, len(middle))
	}
	if !slices.Equal(c.ran("ran3"), without(all, middle)) {
		t.Errorf("the last run ran %q, want %q", c.ran("ran3"), without(all, middle))
	}
	if report = decode[eachReport](c.ok(args...)); report.Before != n || report.Succeeded != 0 {
		t.Errorf("once more: %+v", report)
	}
}

// A second signal kills the commands; they count as failed, and are run again.
func TestEachIsKilledByASecondSignal(t *testing.T) {
	c := sqliteCtl(t)
	c.fill(3)
	journal := filepath.Join(c.dir, "journal")
	args := []string{"each", "--journal", journal, "-j", "2", "-o", "json", "--", "sh", c.script(`echo "$TENANT_IDENTIFIER" >>ran; test -e go-on || exec sleep 1000`)}
	cmd := c.command(args...)
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	programtest.Eventually(t, "two commands", func() bool { return len(c.ran("ran")) == 2 })
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the exit code tells
		close(ended)
	}()
	for over := false; !over; { // the first ends nothing; signals that come at once may be one
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		select {
		case <-ended:
			over = true
		case <-time.After(50 * time.Millisecond):
		}
	}
	var report eachReport
	if err := json.Unmarshal([]byte(out.String()), &report); err != nil || cmd.ProcessState.ExitCode() != 130 || report.Failed != 2 || report.Left != 1 {
		t.Errorf("exit code %d, %+v, %v", cmd.ProcessState.ExitCode(), report, err)
	}
	c.touch("go-on")
	if report = decode[eachReport](c.ok(args...)); report.Succeeded != 3 {
		t.Errorf("again: %+v", report)
	}
	if got := c.ran("ran"); !slices.Equal(got, []string{"t-0000", "t-0000", "t-0001", "t-0001", "t-0002"}) {
		t.Errorf("runs: %q", got)
	}
}
