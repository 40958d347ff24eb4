package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
)

// journal is a file that remembers for which tenants a command has succeeded, so that it can be
// run again for the others. Its first line says which command it is about; the others are
// results, the last of a tenant counts.
type journal struct {
	mu   sync.Mutex
	file *os.File // nil: nothing is remembered
	done map[string]bool
}

// journalHead is the first line.
type journalHead struct {
	Command []string `json:"command"`
}

// result is what a command came to for one tenant.
type result struct {
	TenantID   string  `json:"tenant_id"`
	Identifier string  `json:"identifier"`
	OK         bool    `json:"ok"`
	ExitCode   int     `json:"exit_code"` // -1 if it has none: it did not start, or a signal ended it
	Error      string  `json:"error,omitempty"`
	Seconds    float64 `json:"seconds"`
}

// openJournal opens the journal of a command, and creates it if there is none. No other process
// can open it meanwhile. An empty name stands for no journal.
func openJournal(name string, command []string) (*journal, error) {
	j := &journal{done: map[string]bool{}}
	if name == "" {
		return j, nil
	}
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := j.read(file, command); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), file.Close())
	}
	j.file = file
	return j, nil
}

// read reads what is there already, and leaves the file at its end. A line that a crash has cut
// is removed.
func (j *journal) read(file *os.File, command []string) error {
	if err := lock(file); err != nil {
		return fmt.Errorf("another tenantctl uses it: %w", err)
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	whole := bytes.LastIndexByte(data, '\n') + 1
	if err := file.Truncate(int64(whole)); err != nil {
		return err
	}
	if _, err := file.Seek(int64(whole), io.SeekStart); err != nil {
		return err
	}
	if whole == 0 {
		return writeLine(file, journalHead{command})
	}
	first, rest, _ := bytes.Cut(data[:whole], []byte("\n"))
	var head journalHead
	if err := json.Unmarshal(first, &head); err != nil || head.Command == nil {
		return usageError{errors.New("is no journal of tenantctl each")}
	}
	if !slices.Equal(head.Command, command) {
		return usageError{fmt.Errorf("is the journal of another command: %q", head.Command)}
	}
	for line := range bytes.Lines(rest) {
		var r result
		if err := json.Unmarshal(line, &r); err != nil {
			return usageError{fmt.Errorf("has a line that is no result: %w", err)}
		}
		j.done[r.TenantID] = r.OK
	}
	return nil
}

// add writes a result. It is on the disk when add returns.
func (j *journal) add(r result) error {
	if j.file == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return writeLine(j.file, r)
}

func writeLine(file *os.File, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = file.Write(append(data, '\n'))
	return errors.Join(err, file.Sync())
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}
