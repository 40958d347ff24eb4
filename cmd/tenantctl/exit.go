package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Errors of this program.
var (
	// errUsage: the command line is wrong. See usageError.
	errUsage = errors.New("usage")
	// errRefused: the user did not confirm.
	errRefused = errors.New("not confirmed")
	// errFound: the command did its work, and something is wrong or has failed.
	errFound = errors.New("something is wrong")
	// errInterrupted: a signal came.
	errInterrupted = errors.New("interrupted")
)

// usageError says what is wrong with the command line.
type usageError struct{ error }

func (e usageError) Unwrap() []error { return []error{errUsage, e.error} }

// exitCodes are in the order of precedence: an error may wrap several reasons.
var exitCodes = []struct {
	code    int
	reason  error
	meaning string
}{
	{130, errInterrupted, "a signal interrupted it"},
	{130, context.Canceled, ""},
	{2, errUsage, "the command line is wrong"},
	{10, errFound, "the command did its work, and found or met failures: a finding of `doctor`, a node of `coherence`, a line of `import`, a tenant of `each`"},
	{9, errRefused, "the user did not confirm"},
	{3, tenancy.ErrNotFound, "there is no such tenant or domain"},
	{4, tenancy.ErrInvalid, "an argument or a value breaks a rule"},
	{5, tenancy.ErrAlreadyExists, "another tenant has the ID, identifier or domain"},
	{6, tenancy.ErrConflict, "the tenant was changed in the meantime"},
	{11, tenancy.ErrWithheld, "a secret or metadata is stored that cannot be read"},
	{8, tenancy.ErrCompacted, "the change log does not hold the position"},
	{12, errors.ErrUnsupported, "this kind of store cannot do it"},
	{7, tenancy.ErrUnavailable, "the store cannot be reached, or cannot answer"},
	{7, tenancy.ErrClosed, ""},
	{7, context.DeadlineExceeded, ""},
}

// exitCode returns the exit code for an error. 1 is for what is not in the table.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	for _, e := range exitCodes {
		if errors.Is(err, e.reason) {
			return e.code
		}
	}
	return 1
}

// exit says what is wrong, and returns the exit code.
func (a *app) exit(ctx context.Context, err error) int {
	if err == nil {
		return 0
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	fmt.Fprintln(a.errs, "tenantctl:", err)
	if errors.Is(err, errUsage) {
		fmt.Fprintln(a.errs, "Run tenantctl --help, or tenantctl COMMAND --help.")
	}
	return exitCode(err)
}
