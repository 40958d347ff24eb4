package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// sampleLines is what data/README.md promises.
const sampleLines = 23_926

// expected is what the sample must become, worked out without the code under
// test: by identifier, the domain and name of the tenant, and the lines that
// cannot be one.
func expected(t *testing.T) (tenants map[string][2]string, refused []int) {
	t.Helper()
	f, err := os.Open("data/institutions.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	slug := regexp.MustCompile(`\A[a-z][a-z0-9-]{1,61}[a-z0-9]\z`)
	tenants = map[string][2]string{}
	for i, row := range rows[1:] {
		identifier := strings.Join(strings.Split(strings.ToLower(row[0]), "."), "-")
		if !slug.MatchString(identifier) {
			identifier = "t-" + identifier
		}
		if _, taken := tenants[identifier]; taken || !slug.MatchString(identifier) {
			refused = append(refused, i+2) // no record of the sample spans lines
			continue
		}
		tenants[identifier] = [2]string{row[0], row[1]}
	}
	if len(rows)-1 != sampleLines || len(tenants)+len(refused) != sampleLines || len(refused) == 0 {
		t.Fatalf("the sample has %d lines, %d good and %d bad", len(rows)-1, len(tenants), len(refused))
	}
	return tenants, refused
}

// checkSample checks that tenants are those of the sample and no others.
func checkSample(t *testing.T, tenants iter.Seq2[tenancy.Tenant, error]) {
	t.Helper()
	want, _ := expected(t)
	for got, err := range tenants {
		if err != nil {
			t.Fatal(err)
		}
		row, ok := want[got.Identifier]
		about, err := tenancy.MetadataAs[institution](got.Metadata)
		if !ok || err != nil || got.Name != row[1] || about.Domain != row[0] || got.Status != tenancy.StatusActive {
			t.Errorf("got %+v, want domain and name %q", got, row)
		}
		delete(want, got.Identifier)
	}
	for identifier, row := range want {
		t.Errorf("%s, %q, is missing", identifier, row)
	}
}

func TestImport(t *testing.T) {
	_, refused := expected(t)
	store, log := memstore.New(), &logBuffer{}
	report, err := importInstitutions(t.Context(), store, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if report.Created != sampleLines-len(refused) || report.Failed != len(refused) || report.Unchanged != 0 {
		t.Errorf("got %+v", report.Counts)
	}
	all := tenancy.All(t.Context(), store, tenancy.ListOptions{})
	checkSample(t, all)
	checkRefused(t, log)
	if strings.Contains(log.String(), "level=WARN") {
		t.Errorf("a newcomer is warned:\n%s", log)
	}
	if progress := strings.Count(log.String(), "msg=importing"); progress < 10 {
		t.Errorf("progress is shown %d times", progress)
	}

	// Once more: nothing is written, and the same lines are reported.
	again, err := importInstitutions(t.Context(), store, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if again.Created != 0 || again.Unchanged != sampleLines-len(refused) || again.Failed != len(refused) {
		t.Errorf("the second import: got %+v", again.Counts)
	}
	checkSample(t, all)
}

// checkRefused checks that the log reports what cannot be imported.
func checkRefused(t *testing.T, log *logBuffer) {
	t.Helper()
	_, refused := expected(t)
	for _, line := range refused {
		if !strings.Contains(log.String(), fmt.Sprintf("line=%d ", line)) {
			t.Errorf("line %d is not reported", line)
		}
	}
}

// stumbling ends with an error after some batches.
type stumbling struct {
	tenancy.Store
	batches int
	err     error
}

func (s *stumbling) CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	if s.batches == 0 {
		return nil, s.err
	}
	s.batches--
	return s.Store.CreateBatch(ctx, ts)
}

func TestInterruptedImportIsResumed(t *testing.T) {
	store, log := memstore.New(), slog.New(slog.DiscardHandler)
	interruption := errors.New("pulled the plug")
	for _, batches := range []int{0, 3, 5} {
		if err := importOnce(t.Context(), &stumbling{store, batches, interruption}, log); !errors.Is(err, interruption) {
			t.Fatalf("got %v", err)
		}
		if _, err := store.GetByIdentifier(t.Context(), importMark); err != nil {
			t.Fatalf("the mark of the import under way: %v", err)
		}
	}
	if err := importOnce(t.Context(), store, log); err != nil {
		t.Fatal(err)
	}
	checkSample(t, tenancy.All(t.Context(), store, tenancy.ListOptions{}))
}

// together answers no Count before all of a group have counted, so that each finds the store empty.
type together struct {
	tenancy.Store
	all *sync.WaitGroup
}

func (s *together) Count(ctx context.Context, filter tenancy.Filter) (int, error) {
	n, err := s.Store.Count(ctx, filter)
	s.all.Done()
	s.all.Wait()
	return n, err
}

// Instances that start together on an empty store all come up.
func TestImportByInstancesThatStartTogether(t *testing.T) {
	const instances = 3
	store, log := memstore.New(), slog.New(slog.DiscardHandler)
	var all, done sync.WaitGroup
	all.Add(instances)
	for range instances {
		done.Go(func() {
			if err := importOnce(t.Context(), &together{store, &all}, log); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	checkSample(t, tenancy.All(t.Context(), store, tenancy.ListOptions{}))
}

// What an operator did to the sample stays done.
func TestImportRunsOnce(t *testing.T) {
	store, log := memstore.New(), slog.New(slog.DiscardHandler)
	if err := importOnce(t.Context(), store, log); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(t.Context(), domainID("mit.edu")); err != nil {
		t.Fatal(err)
	}
	if err := importOnce(t.Context(), store, log); err != nil {
		t.Fatal(err)
	}
	if _, err := store.GetByIdentifier(t.Context(), "mit-edu"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("a deleted tenant came back: %v", err)
	}

	own := memstore.New()
	if _, err := own.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	if err := importOnce(t.Context(), own, log); err != nil {
		t.Fatal(err)
	}
	if n, err := own.Count(t.Context(), tenancy.Filter{}); err != nil || n != 1 {
		t.Errorf("a store in use was filled: %d tenants, %v", n, err)
	}
}

func TestIdentifierOf(t *testing.T) {
	for domain, want := range map[string]string{
		"mit.edu": "mit-edu", "IC.edu": "ic-edu", "1060.ru": "t-1060-ru", "a.b": "a-b", "ab": "t-ab",
	} {
		if got := identifierOf(domain); got != want {
			t.Errorf("identifierOf(%q) = %q, want %q", domain, got, want)
		}
	}
}

// The example of RFC 9562, appendix A.4.
func TestDomainID(t *testing.T) {
	if got, want := domainID("www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
