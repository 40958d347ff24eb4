//go:build unix

package servers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
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
