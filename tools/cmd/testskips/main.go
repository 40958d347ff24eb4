// Command testskips runs a command that prints the events of go test -json, and
// shows them as go test does without -v, with one difference: at the end it
// lists which tests skipped, and why.
//
//	testskips [-C directory] command [argument ...]
//
// The exit status is that of the command.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
)

func main() {
	dir := flag.String("C", ".", "directory to run the command in")
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	err := run(os.Stdout, *dir, flag.Args())
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testskips:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, dir string, command []string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=") // of the workspace, whatever it was for testskips
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	skips, err := show(w, events)
	if err != nil {
		// Let the command end rather than hang on a full pipe.
		_, drainErr := io.Copy(io.Discard, events)
		return errors.Join(err, drainErr, cmd.Wait())
	}
	skips.print(w)
	return cmd.Wait()
}

// event is one of test2json's (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// show prints events up to their end, and returns what skipped.
func show(w io.Writer, events io.Reader) (skips, error) {
	type test struct{ pkg, name string }
	output := make(map[test]string) // of tests that have not ended
	var skipped skips
	for decoder := json.NewDecoder(events); ; {
		var e event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			return skipped, nil
		} else if err != nil {
			return skipped, err
		}
		t := test{e.Package, e.Test}
		switch {
		case e.Action == "output" && e.Test != "":
			output[t] += e.Output
		case e.Action == "output" && e.Output == "PASS\n": // go test prints it with -v only
		case e.Output != "": // of a package or of a build
			fmt.Fprint(w, e.Output)
		case e.Action == "fail" && e.Test != "":
			fmt.Fprint(w, output[t])
			delete(output, t)
		case e.Action == "skip" && e.Test != "":
			skipped.add(e.Package, e.Test, output[t])
			delete(output, t)
		case e.Action == "pass":
			delete(output, t)
		}
	}
}
