// Command before is a program of the version before, for TestUpgradeBesideTheVersionBefore: it
// does what it reads, one command in a line, and prints one line for each.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func main() {
	ctx := context.Background()
	s, err := open(ctx, os.Args[1])
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("open")
	p := program{s: s, done: make(chan error)}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		result, err := p.do(ctx, strings.Fields(lines.Text()))
		if err != nil {
			result = "error " + err.Error()
		}
		fmt.Println(strings.ReplaceAll(result, "\n", " "))
	}
	if err := s.Close(); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

func open(ctx context.Context, where string) (tenancy.Source, error) {
	if strings.HasPrefix(where, "postgres://") {
		return bunpg.Open(ctx, where)
	}
	return bunsqlite.Open(ctx, where)
}

type program struct {
	s    tenancy.Source
	at   tenancy.Position
	busy atomic.Bool
	done chan error
}

func (p *program) do(ctx context.Context, words []string) (string, error) {
	switch words[0] {
	case "create":
		t, err := p.s.Create(ctx, tenancy.Tenant{Identifier: words[1], Name: words[1]})
		return t.ID, err
	case "rename":
		t, err := p.s.GetByIdentifier(ctx, words[1])
		if err == nil {
			t.Identifier = words[2]
			t, err = p.s.Update(ctx, t)
		}
		return t.ID, err
	case "suspend":
		t, err := p.s.GetByIdentifier(ctx, words[1])
		if err == nil {
			t, err = p.s.SetStatus(ctx, t.ID, tenancy.StatusSuspended)
		}
		return t.ID, err
	case "delete":
		t, err := p.s.GetByIdentifier(ctx, words[1])
		if err == nil {
			err = p.s.Delete(ctx, t.ID)
		}
		return t.ID, err
	case "count":
		n, err := p.s.Count(ctx, tenancy.Filter{})
		return fmt.Sprint(n), err
	case "head":
		b, err := p.s.Bounds(ctx)
		p.at = b.Newest
		return "ok", err
	case "changes": // since head, or the changes before
		cs, err := p.s.Changes(ctx, p.at, 0)
		var kinds []string
		for _, c := range cs {
			kinds = append(kinds, string(c.Kind))
			p.at = c.Position
		}
		return strings.Join(kinds, " "), err
	case "begin": // to write all the time
		p.busy.Store(true)
		go func() { p.done <- p.write(ctx) }()
		return "ok", nil
	case "end":
		p.busy.Store(false)
		return "ok", <-p.done
	}
	return "", fmt.Errorf("unknown command %q", words)
}

func (p *program) write(ctx context.Context) error {
	for i := 0; p.busy.Load(); i++ {
		t, err := p.s.Create(ctx, tenancy.Tenant{Identifier: fmt.Sprintf("busy-%d-%d", os.Getpid(), i), Name: "Busy"})
		if err == nil {
			_, err = p.s.UpdateMetadata(ctx, t.ID, tenancy.Metadata{})
		}
		if err == nil {
			t.Identifier, t.Name = t.Identifier+"-x", "Renamed"
			t, err = p.s.Update(ctx, t)
		}
		if err == nil {
			_, err = p.s.GetByIdentifier(ctx, t.Identifier)
		}
		if err == nil {
			err = p.s.Delete(ctx, t.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
