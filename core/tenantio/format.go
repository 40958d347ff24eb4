package tenantio

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Format is how tenants are written in a file. See the package documentation.
type Format string

// The formats. Their values are the usual extensions of such files.
const (
	JSONLines Format = "jsonl"
	CSV       Format = "csv"
)

// MaxLineBytes is the length up to which a line is read. The largest tenant
// needs less: JSON needs at most six bytes for one of its metadata's 256 KiB.
const MaxLineBytes = 2 << 20

func (f Format) validate() error {
	if f != JSONLines && f != CSV {
		return invalid("format", "%q is neither %q nor %q", string(f), JSONLines, CSV)
	}
	return nil
}

// invalid returns a [*tenancy.Error] that wraps ErrInvalid. What it quotes must
// be short and without secrets.
func invalid(field, format string, args ...any) error {
	return &tenancy.Error{Field: field, Err: fmt.Errorf("%w: %s", tenancy.ErrInvalid, fmt.Sprintf(format, args...))}
}

// shown returns a name for an error, unless it looks like a database URL: where the
// header of a CSV is missing, its names are values.
func shown(name string) string {
	if strings.ContainsAny(name, ":/=@") {
		return ""
	}
	return fmt.Sprintf(", %.40q", name)
}

// inField returns err, from a parser of tenancy, as the error of field.
func inField(field string, err error) error {
	var e *tenancy.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	return &tenancy.Error{Field: field, Err: err}
}
