package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

func main() { os.Exit(start()) }

func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	if err := run(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		return 1
	}
	return 0
}

// config says what is measured, and where results go.
type config struct {
	dir          string // for what is gone at the end
	root         string // of the repository
	rows         []int  // tenants of each store, ascending
	kinds        []kind
	only         []string // names of measurements; all if empty
	resume       bool     // keep what is measured already
	render       bool     // measure nothing
	postgres     string   // DSN of a server; needed for kind postgres
	valkey       string   // host:port
	effort       effort
	progress     io.Writer
	afterMeasure func(result) // for tests; may be nil
}

func parse(args []string, progress io.Writer) (config, error) {
	c := config{
		postgres: os.Getenv("TENANTSTORE_POSTGRES"), valkey: os.Getenv("TENANTSTORE_VALKEY"),
		effort: fullEffort(), progress: progress,
	}
	f := flag.NewFlagSet("scale", flag.ContinueOnError)
	f.SetOutput(progress)
	f.StringVar(&c.root, "root", ".", "the repository, whose `directory` docs is written to")
	f.BoolVar(&c.resume, "continue", false, "measure only what docs/benchmarks.json lacks")
	f.BoolVar(&c.render, "render", false, "measure nothing, draw the page from docs/benchmarks.json")
	f.Func("only", "measure only these, and keep other results: "+strings.Join(names(), ", "), func(s string) error {
		c.only = strings.Split(s, ",")
		for _, name := range c.only {
			if !slices.Contains(names(), name) {
				return fmt.Errorf("there is no %q", name)
			}
		}
		return nil
	})
	rows := f.String("rows", "1000,100000,1000000", "`numbers` of tenants")
	kinds := f.String("db", "sqlite,postgres", "`databases`")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	err := c.fill(*rows, *kinds)
	if err != nil {
		fmt.Fprintln(progress, "scale:", err)
	}
	return c, err
}

func (c *config) fill(rows, kinds string) error {
	for s := range strings.SplitSeq(rows, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < minRows {
			return fmt.Errorf("-rows: %q is not a number from %d", s, minRows)
		}
		c.rows = append(c.rows, n)
	}
	slices.Sort(c.rows)
	c.rows = slices.Compact(c.rows)
	for s := range strings.SplitSeq(kinds, ",") {
		if s != string(sqlite) && s != string(postgres) {
			return fmt.Errorf("-db: there is no %q", s)
		}
		c.kinds = append(c.kinds, kind(s))
	}
	if !c.render && slices.Contains(c.kinds, postgres) && c.postgres == "" {
		return errors.New("TENANTSTORE_POSTGRES names no server: run make bench-scale, or say -db sqlite")
	}
	return nil
}

func run(ctx context.Context, c config) error {
	kept, err := readResults(c.root)
	if err != nil {
		return err
	}
	if !c.render {
		if !c.resume && len(c.only) == 0 {
			kept = results{}
		}
		if err := measure(ctx, c, &kept); err != nil {
			return err
		}
	}
	return render(c.root, kept)
}
