package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// minRows is how many tenants a store must have: the one that is rare is among them.
const minRows = rareTenant + 1

const (
	rareTenant = 42
	rareWord   = "Zyzzyva" // only in the name of rareTenant
	commonWord = "universi"
	twoLetters = "zy"
)

// samples are the domains and names of real institutions, of which tenants are made.
type samples struct{ domains, names []string }

func readSamples(root string) (s samples, err error) {
	path := filepath.Join(root, "examples", "quickstart", "data", "institutions.csv")
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	for _, r := range records[1:] { // after the header
		s.domains = append(s.domains, r[0])
		s.names = append(s.names, r[1])
	}
	return s, nil
}

// id is like a UUID version 7: later tenants sort later.
func (samples) id(i int) string {
	return fmt.Sprintf("0190%04x-%04x-7%03x-8%03x-%012x", i>>16, i&0xffff, i*7919&0xfff, i*104729&0xfff, int64(i)*2654435761&0xffffffffffff)
}

func (s samples) identifier(i int) string {
	slug := strings.ReplaceAll(strings.ToLower(s.domains[i%len(s.domains)]), ".", "-")
	return fmt.Sprintf("t-%.40s-%d", slug, i)
}

// name is that of an institution, and after all of them the beginning of one and the
// end of another.
func (s samples) name(i int) string {
	n := len(s.names)
	first := strings.Fields(s.names[i%n])
	if i == rareTenant {
		first = append(first, rareWord)
	}
	if i < n {
		return strings.Join(first, " ")
	}
	second := strings.Fields(s.names[(i*7919+i/n)%n])
	return strings.Join(append(first[:(len(first)+1)/2:len(first)], second[len(second)/2:]...), " ")
}

func (s samples) tenant(i int) (tenancy.Tenant, error) {
	t := tenancy.Tenant{ID: s.id(i), Identifier: s.identifier(i), Name: s.name(i), Status: tenancy.StatusActive}
	if i%20 == 0 {
		t.Status = tenancy.StatusSuspended
	}
	var err error
	t.Metadata, err = tenancy.NewMetadata(map[string]any{"domain": s.domains[i%len(s.domains)], "plan": "pro", "seats": i % 500})
	return t, err
}

func (s samples) tenants(from, n int) ([]tenancy.Tenant, error) {
	ts := make([]tenancy.Tenant, n)
	for i := range ts {
		var err error
		if ts[i], err = s.tenant(from + i); err != nil {
			return nil, err
		}
	}
	return ts, nil
}

// lines returns tenants as JSON Lines.
func lines(ts []tenancy.Tenant) ([]byte, error) {
	var out []byte
	for _, t := range ts {
		line, err := json.Marshal(map[string]any{
			"id": t.ID, "identifier": t.Identifier, "name": t.Name, "status": t.Status, "metadata": t.Metadata,
		})
		if err != nil {
			return nil, err
		}
		out = append(append(out, line...), '\n')
	}
	return out, nil
}

// pick returns the number of the ith tenant to read, in an order that defeats
// neighbouring rows.
func (s *site) pick(i int) int { return i * 7919 % s.rows }
