package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// eachRun is one run of each.
type eachRun struct {
	a       *app
	command []string
	journal *journal
	timeout time.Duration
	kill    <-chan struct{} // closed when what still runs is to be killed
	output  sync.Mutex      // of standard error, for whole lines

	mu     sync.Mutex
	report eachReport
	failed error // of the journal
}

// eachReport says what each did. Tenants is the sum of the counts.
type eachReport struct {
	Tenants   int      `json:"tenants"`
	Succeeded int      `json:"succeeded"`
	Before    int      `json:"succeeded_before"` // by the journal
	Failed    int      `json:"failed"`
	Left      int      `json:"left"` // not begun
	Failures  []result `json:"failures"`
}

func newEach(a *app) *cobra.Command {
	var statuses []string
	var name string
	var jobs, canary int
	r := &eachRun{a: a}
	cmd := &cobra.Command{
		Use: "each [flags] -- COMMAND [ARGUMENT…]", Short: "Run a command once for each tenant", Args: cobra.MinimumNArgs(1),
		Long: "Run a command once for each tenant, several at once. It finds the tenant in TENANT_ID, TENANT_IDENTIFIER,\n" +
			"TENANT_NAME, TENANT_STATUS, TENANT_ISOLATION and TENANT_SCHEMA_NAME, with --secrets also in\n" +
			"TENANT_DATABASE_URL, and as JSON on standard input. What it prints appears on standard error, each line after\n" +
			"the identifier.\n\n" +
			"A command that fails does not stop the others, makes the exit code 10, and stands in the report. With\n" +
			"--journal, the same command line goes on where it was interrupted: tenants for which the command has succeeded\n" +
			"are left out. ^C starts no more commands and waits for those that run; a second one kills them. Only a kill -9\n" +
			"of tenantctl leaves a command running whose success nobody notes, and which is run again.",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if jobs < 1 || canary < 0 {
				return usageError{errors.New("--jobs must be 1 at least, and --canary 0")}
			}
			r.command = args
			if r.journal, err = openJournal(name, args); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, r.journal.close()) }()
			tenants, err := a.selected(cmd.Context(), statuses)
			if err != nil {
				return err
			}
			killed, stop := a.secondSignal(cmd.Context())
			defer stop()
			r.kill = killed
			return r.run(cmd.Context(), tenants, jobs, canary)
		},
	}
	filterFlags(cmd, &statuses)
	cmd.Flags().Lookup("status").Usage = "tenants with this `status`; may be repeated (all but deleted)"
	a.secretFlag(cmd)
	a.progressFlag(cmd)
	cmd.Flags().Lookup("secrets").Usage = "give database URLs to the command"
	cmd.Flags().StringVar(&name, "journal", "", "`file` that remembers for which tenants the command has succeeded; created if it does not exist")
	cmd.Flags().IntVarP(&jobs, "jobs", "j", 4, "how many commands run at once")
	cmd.Flags().IntVar(&canary, "canary", 0, "run the first `n` one by one, and go on only if they succeed")
	cmd.Flags().DurationVar(&r.timeout, "timeout", 0, "kill a command after this time; 0 for never")
	return cmd
}

// selected returns the tenants with one of the statuses, the oldest first; without statuses, all
// but the deleted ones.
func (a *app) selected(ctx context.Context, statuses []string) (tenants []tenancy.Tenant, err error) {
	filter := filterOf(statuses)
	if len(statuses) == 0 {
		filter.Statuses = slices.DeleteFunc(tenancy.Statuses(), func(s tenancy.Status) bool { return s == tenancy.StatusDeleted })
	}
	err = a.with(ctx, func(store tenancy.Source) error {
		for t, err := range tenancy.All(ctx, store, tenancy.ListOptions{Filter: filter, OmitSecrets: !a.secrets}) {
			if err != nil {
				return err
			}
			tenants = append(tenants, t)
		}
		return nil
	})
	slices.Reverse(tenants)
	return tenants, err
}

// secondSignal returns a channel that is closed when a signal comes after ctx has ended.
func (a *app) secondSignal(ctx context.Context) (killed <-chan struct{}, stop func()) {
	signals, closed, over := make(chan os.Signal, 4), make(chan struct{}), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-ctx.Done():
		case <-over:
			return
		}
		<-signals // the one that has ended ctx
		fmt.Fprintln(a.errs, "tenantctl: waiting for the commands that run; a second signal kills them")
		select {
		case <-signals:
			close(closed)
		case <-over:
		}
	}()
	return closed, func() {
		signal.Stop(signals)
		close(over)
	}
}

// run runs the command for all tenants, and prints the report.
func (r *eachRun) run(ctx context.Context, tenants []tenancy.Tenant, jobs, canary int) error {
	r.report = eachReport{Tenants: len(tenants), Failures: []result{}}
	tenants = slices.DeleteFunc(tenants, func(t tenancy.Tenant) bool { return r.journal.done[t.ID] })
	r.report.Before = r.report.Tenants - len(tenants)
	canary = min(canary, len(tenants))
	for _, t := range tenants[:canary] {
		if r.report.Failed == 0 && r.failed == nil && ctx.Err() == nil {
			r.note(r.one(t))
		}
	}
	if r.report.Failed == 0 {
		r.some(ctx, tenants[canary:], jobs)
	}
	r.report.Left = r.report.Tenants - r.report.Before - r.report.Succeeded - r.report.Failed

	err := r.failed
	switch {
	case ctx.Err() != nil:
		err = errors.Join(err, errInterrupted)
	case r.report.Failed > 0:
		err = errors.Join(err, fmt.Errorf("%d commands failed: %w", r.report.Failed, errFound))
	}
	return errors.Join(r.print(), err)
}

// some runs the command for some tenants. It ends when they are through, when ctx ends, or when
// the journal cannot be written.
func (r *eachRun) some(ctx context.Context, tenants []tenancy.Tenant, jobs int) {
	say := r.a.reporter()
	queue := make(chan tenancy.Tenant)
	var group sync.WaitGroup
	for range jobs {
		group.Go(func() {
			for t := range queue {
				r.note(r.one(t))
			}
		})
	}
	for _, t := range tenants {
		r.mu.Lock()
		done := r.report.Succeeded + r.report.Failed
		stop := r.failed != nil || ctx.Err() != nil
		say("%d of %d tenants, %d failed", r.report.Before+done, r.report.Tenants, r.report.Failed)
		r.mu.Unlock()
		if stop {
			break
		}
		select {
		case queue <- t:
		case <-ctx.Done():
		}
	}
	close(queue)
	group.Wait()
}

// note notes a result, in the journal first.
func (r *eachRun) note(one result) {
	err := r.journal.add(one)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = errors.Join(r.failed, err)
	if one.OK {
		r.report.Succeeded++
		return
	}
	r.report.Failed++
	r.report.Failures = append(r.report.Failures, one)
}

// one runs the command for one tenant.
func (r *eachRun) one(t tenancy.Tenant) result {
	began := time.Now()
	err := r.execute(t)
	one := result{TenantID: t.ID, Identifier: t.Identifier, OK: err == nil, Seconds: time.Since(began).Round(time.Millisecond).Seconds()}
	var exit *exec.ExitError
	if err != nil {
		one.ExitCode, one.Error = -1, err.Error()
	}
	if errors.As(err, &exit) {
		one.ExitCode = exit.ExitCode()
	}
	return one
}

func (r *eachRun) execute(t tenancy.Tenant) error {
	value := r.a.tenants().value(t)
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	cmd := exec.Command(r.command[0], r.command[1:]...) //nolint:noctx // it is waited for when ctx ends, and killed below
	cmd.Env = append(os.Environ(),
		"TENANT_ID="+t.ID, "TENANT_IDENTIFIER="+t.Identifier, "TENANT_NAME="+t.Name, "TENANT_STATUS="+string(t.Status),
		"TENANT_ISOLATION="+string(t.Isolation), "TENANT_SCHEMA_NAME="+t.SchemaName)
	if r.a.secrets {
		if err := t.DatabaseURL.Err(); err != nil {
			return err
		}
		cmd.Env = append(cmd.Env, "TENANT_DATABASE_URL="+t.DatabaseURL.Reveal())
	}
	lines := &lineWriter{to: r.a.errs, mu: &r.output, prefix: t.Identifier + " | "}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(data), lines, lines
	cmd.WaitDelay = 10 * time.Second // for what it has started, and what keeps its output open
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go r.killer(cmd.Process, ended)
	err = cmd.Wait()
	close(ended)
	lines.end()
	return err
}

// killer kills a command when its time is over, or a second signal comes.
func (r *eachRun) killer(p *os.Process, ended <-chan struct{}) {
	var late <-chan time.Time
	if r.timeout > 0 {
		timer := time.NewTimer(r.timeout)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-late:
	case <-r.kill:
	case <-ended:
		return
	}
	_ = kill(p) // it may have ended
}

// print prints the report.
func (r *eachRun) print() error {
	switch failures := sequence(r.report.Failures); r.a.form {
	case formTable:
		err := printOne(r.a, eachReports, r.report)
		if err == nil && r.report.Failed > 0 {
			_, err = fmt.Fprintln(r.a.out)
			err = errors.Join(err, printAll(r.a, results, failures))
		}
		return err
	case formName:
		return printAll(r.a, results, failures)
	}
	return printOne(r.a, eachReports, r.report)
}

var eachReports = view[eachReport]{columns: []column[eachReport]{
	{head: "TENANTS", cell: func(r eachReport) string { return strconv.Itoa(r.Tenants) }},
	{head: "SUCCEEDED", cell: func(r eachReport) string { return strconv.Itoa(r.Succeeded) }},
	{head: "SUCCEEDED BEFORE", cell: func(r eachReport) string { return strconv.Itoa(r.Before) }},
	{head: "FAILED", cell: func(r eachReport) string { return strconv.Itoa(r.Failed) }},
	{head: "LEFT", cell: func(r eachReport) string { return strconv.Itoa(r.Left) }},
}}

var results = view[result]{
	columns: []column[result]{
		{head: "FAILED", cell: func(r result) string { return r.Identifier }},
		{head: "ID", cell: func(r result) string { return r.TenantID }},
		{head: "EXIT CODE", cell: func(r result) string { return strconv.Itoa(r.ExitCode) }},
		{head: "ERROR", cell: func(r result) string { return r.Error }},
		{head: "SECONDS", cell: func(r result) string { return strconv.FormatFloat(r.Seconds, 'f', 3, 64) }},
	},
	name: func(r result) string { return r.Identifier },
}

// maxLine is the length at which a line of a command is broken.
const maxLine = 64 << 10

// lineWriter writes whole lines, each after a prefix, so that those of several commands do not
// mix. It has one writer.
type lineWriter struct {
	to     io.Writer
	mu     *sync.Mutex
	prefix string
	begun  []byte // a line whose end has not come
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.begun = append(w.begun, p...)
	for {
		i := bytes.IndexByte(w.begun, '\n')
		if i < 0 {
			break
		}
		w.line(w.begun[:i])
		w.begun = w.begun[i+1:]
	}
	if len(w.begun) >= maxLine {
		w.end()
	}
	return len(p), nil
}

// end writes a line that has no end.
func (w *lineWriter) end() {
	if len(w.begun) > 0 {
		w.line(w.begun)
		w.begun = nil
	}
}

func (w *lineWriter) line(text []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintln(w.to, w.prefix+strings.ToValidUTF8(string(text), "\ufffd"))
}
