package tenantio

import "fmt"

// Counts says how far an import is. Their sum is the number of records read,
// which leaves out the CSV header and empty lines.
type Counts struct {
	Line      int // where the last record that is dealt with began, from 1
	Created   int
	Updated   int
	Unchanged int // stored already, with equal content
	Failed    int
}

// Report is what an import did.
type Report struct {
	Counts
	// Errors are the first lines that failed, at most [ImportOptions].MaxErrors.
	Errors []*LineError
}

// LineError is why one line was not imported.
type LineError struct {
	Line int   // where the record begins, from 1
	Err  error // a [*tenancy.Error], or what the reader or the sequence failed with
}

// Error returns one line of text without secrets.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns e.Err.
func (e *LineError) Unwrap() error { return e.Err }
