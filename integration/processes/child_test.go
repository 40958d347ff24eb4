//go:build unix

package processes

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"
)

const jobEnv = "TENANTSTORE_TEST_JOB"

func jobFromEnv() (j job, ok bool) {
	text := os.Getenv(jobEnv)
	return j, text != "" && json.Unmarshal([]byte(text), &j) == nil
}

// child is a process that does a job and reports on it.
type child struct {
	t       *testing.T
	cmd     *exec.Cmd
	begin   io.Closer
	reports *json.Decoder
}

// startChild starts a process that opens its store and then waits for begin.
func startChild(t *testing.T, j job) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), jobEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	begin, err := cmd.StdinPipe()
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
	t.Cleanup(func() { // should the test have failed before its end
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	c := &child{t, cmd, begin, json.NewDecoder(out)}
	if r, ok := c.next(); !ok || !r.Ready {
		t.Fatalf("the process did not get ready: %+v", r)
	}
	return c
}

// start lets the process begin.
func (c *child) start() {
	c.t.Helper()
	if err := c.begin.Close(); err != nil {
		c.t.Error(err)
	}
}

// next returns the next report; false at the end. A report that breaks off was
// not made.
func (c *child) next() (report, bool) {
	c.t.Helper()
	var r report
	err := c.reports.Decode(&r)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r, false
	}
	if err != nil {
		c.t.Error(err)
		return r, false
	}
	if r.Failed != "" {
		c.t.Errorf("%s of %s failed: %s", r.Op, r.ID, r.Failed)
	}
	return r, true
}

// kill ends the process with SIGKILL.
func (c *child) kill() {
	c.t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		c.t.Error(err)
	}
}

// rest returns the reports up to the end of the process, and waits for that.
func (c *child) rest() []report {
	c.t.Helper()
	var all []report
	for r, ok := c.next(); ok; r, ok = c.next() {
		all = append(all, r)
	}
	err := c.cmd.Wait()
	var exit *exec.ExitError
	killed := errors.As(err, &exit) && exit.ExitCode() == -1
	if err != nil && !killed {
		c.t.Errorf("the process ended with %v", err)
	}
	return all
}
