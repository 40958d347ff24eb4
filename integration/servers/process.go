//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// process is a child that ends, on Linux, when this program does.
type process struct {
	pid   int
	log   string // the file with what it says
	ended chan struct{}
	how   string // it ended; to be read when ended is closed
}

// command returns a program that is to run as user, or as who runs this program if that is
// nil, in dir, and knows nothing of this environment but PATH. Whoever outlives the context
// of its start gets one without its end.
func command(ctx context.Context, user *syscall.Credential, dir, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	if user != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	}
	return cmd
}

// serve runs cmd like start, with a log at path, and returns when answers returns nil. The error of one that does not come to this has its log; it is dead then.
func serve(ctx context.Context, cmd *exec.Cmd, path string, onDeath syscall.Signal, answers func(context.Context) error) (*process, error) {
	log, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	name := filepath.Base(cmd.Path)
	p, err := start(cmd, log, onDeath)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	if err := p.await(ctx, answers); err != nil {
		text, readErr := os.ReadFile(path)
		return nil, errors.Join(fmt.Errorf("%s did not start: %w\n%s", name, err, text), readErr, p.killTree())
	}
	return p, nil
}

// await looks until answers returns nil.
func (p *process) await(ctx context.Context, answers func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		err := answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-p.ended:
			return errors.New("it ended: " + p.how)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// start runs cmd in a process group of its own, so that ^C at a terminal
// reaches this program only, which stops its children in good order. What it says
// goes to log, of which it has its own handle. onDeath is the signal that the child
// gets should this program die.
func start(cmd *exec.Cmd, log *os.File, onDeath syscall.Signal) (*process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	signalOnDeath(cmd.SysProcAttr, onDeath)
	cmd.Stdout, cmd.Stderr = log, log
	p := &process{log: log.Name(), ended: make(chan struct{})}
	started := make(chan error)
	go func() { // ends with the child
		// Linux takes the death of the thread that started the child for the
		// death of its parent: keep the thread.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			_ = cmd.Wait() // ProcessState says the same
			p.how = cmd.ProcessState.String()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// stop sends sig and waits for the end; after patience it kills. It is an error if
// the child has ended before: whoever used it may not have noticed.
func (p *process) stop(sig syscall.Signal, patience time.Duration) error {
	if !p.alive() {
		said, err := os.ReadFile(p.log)
		said = said[max(0, len(said)-2000):]
		return errors.Join(fmt.Errorf("a server ended by itself (%s), and said last:\n%s", p.how, said), err)
	}
	if err := syscall.Kill(p.pid, sig); err != nil && err != syscall.ESRCH {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
	}
	if err := p.killTree(); err != nil {
		return err
	}
	return fmt.Errorf("process %d did not stop within %v and was killed", p.pid, patience)
}

// killTree ends the child and the children of its own with SIGKILL, all of them
// as if at once: nobody of them sees another one die and cleans up.
func (p *process) killTree() error {
	if !p.alive() {
		return nil
	}
	// A stopped parent neither notices the end of a child nor starts another.
	if err := syscall.Kill(p.pid, syscall.SIGSTOP); err != nil {
		return err
	}
	children, err := childrenOf(p.pid)
	if err != nil {
		return err
	}
	for _, pid := range append(children, p.pid) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
			return err
		}
	}
	<-p.ended
	return waitGone(children)
}

// signalTree sends sig to the child, and then to the children of its own.
func (p *process) signalTree(sig syscall.Signal) error {
	if err := syscall.Kill(p.pid, sig); err != nil {
		return err
	}
	children, err := childrenOf(p.pid)
	if err != nil {
		return err
	}
	for _, pid := range children {
		if err := syscall.Kill(pid, sig); err != nil && err != syscall.ESRCH {
			return err
		}
	}
	return nil
}

func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// waitGone waits until processes that were killed have left the system.
func waitGone(pids []int) error {
	deadline := time.Now().Add(10 * time.Second)
	for _, pid := range pids {
		for exists(pid) {
			if time.Now().After(deadline) {
				return fmt.Errorf("process %d survives SIGKILL", pid)
			}
			time.Sleep(time.Millisecond) // between two looks at the condition
		}
	}
	return nil
}
