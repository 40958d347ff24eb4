//go:build unix

package stacks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const siteEnv = "TENANTSTORE_TEST_SITE"

// order is a write that a process is to make.
type order struct {
	Op     string // of tenancy.Store
	Tenant tenancy.Tenant
	Patch  tenancy.Metadata
	// Die ends the process when the database has committed the write, before its
	// stack knows.
	Die bool
}

// answer is what became of an order. The first one says that the process is ready.
type answer struct {
	Tenant tenancy.Tenant
	Failed string // why; empty if it has not
	Exists bool   // because the identifier was taken
	Last   bool   // the process dies now
}

// process is another process with a stack of its own, that reads all the time and
// writes when it is told to. Whoever uses it does so alone.
type process struct {
	site    site
	cmd     *exec.Cmd // nil while it does not run
	orders  io.WriteCloser
	answers *json.Decoder
	// die makes the next write that succeeds the last.
	die bool
	// outlived says that it was not.
	outlived error
}

// start starts the process, and waits until its stack is open.
func (p *process) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := json.Marshal(p.site)
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), siteEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	orders, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.orders, p.answers, p.die = cmd, orders, json.NewDecoder(out), false
	if a, err := p.next(); err != nil || a.Failed != "" {
		return errors.Join(fmt.Errorf("the process did not get ready: %s", a.Failed), err, p.kill())
	}
	return nil
}

func (p *process) next() (answer, error) {
	var a answer
	err := p.answers.Decode(&a)
	return a, err
}

// kill ends the process with SIGKILL, if it runs.
func (p *process) kill() error {
	if p.cmd == nil {
		return p.outlived
	}
	err := p.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	var killed *exec.ExitError
	if wait := p.cmd.Wait(); !errors.As(wait, &killed) || killed.ExitCode() != -1 {
		err = errors.Join(err, wait, errors.New("the process ended by itself"))
	}
	p.cmd = nil
	return err
}

// pause makes the process hang with SIGSTOP, and resume lets it go on.
func (p *process) pause() error  { return p.cmd.Process.Signal(syscall.SIGSTOP) }
func (p *process) resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// killAfter kills the process that soon, whatever it does then. The caller waits for
// done before it uses p again.
func (p *process) killAfter(d time.Duration) (done <-chan struct{}) {
	killed := make(chan struct{})
	running := p.cmd.Process
	time.AfterFunc(d, func() {
		defer close(killed)
		_ = running.Kill() // it may have died already
	})
	return killed
}

func (p *process) do(o order) (tenancy.Tenant, error) {
	o.Die = p.die
	if err := json.NewEncoder(p.orders).Encode(o); err != nil {
		return tenancy.Tenant{}, fmt.Errorf("%w: %w", tenancy.ErrUnavailable, err)
	}
	a, err := p.next()
	switch {
	case err != nil:
		return tenancy.Tenant{}, fmt.Errorf("%w: %w", tenancy.ErrUnavailable, err)
	case a.Exists:
		return tenancy.Tenant{}, tenancy.ErrAlreadyExists
	case a.Failed != "":
		return tenancy.Tenant{}, fmt.Errorf("%w: %s", tenancy.ErrUnavailable, a.Failed)
	}
	if o.Die {
		if !a.Last {
			p.outlived = errors.New("a process has not died after its commit")
		}
		err = p.kill() // it does so by itself
	}
	return a.Tenant, err
}

func (p *process) Create(_ context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return p.do(order{Op: "Create", Tenant: t})
}

func (p *process) Update(_ context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return p.do(order{Op: "Update", Tenant: t})
}

func (p *process) SetStatus(_ context.Context, id string, status tenancy.Status) (tenancy.Tenant, error) {
	return p.do(order{Op: "SetStatus", Tenant: tenancy.Tenant{ID: id, Status: status}})
}

func (p *process) UpdateMetadata(_ context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	return p.do(order{Op: "UpdateMetadata", Tenant: tenancy.Tenant{ID: id}, Patch: patch})
}

func (p *process) Delete(_ context.Context, id string) error {
	_, err := p.do(order{Op: "Delete", Tenant: tenancy.Tenant{ID: id}})
	return err
}
