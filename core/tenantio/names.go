package tenantio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const namesField = "names"

// namesText returns names as they stand in a file: as JSON, without tokens.
func namesText(names []tenancy.Name) (string, error) {
	if len(names) == 0 {
		return "", nil
	}
	names = slices.Clone(names)
	for i := range names {
		names[i].Token = ""
	}
	text, err := json.Marshal(names)
	return string(text), err
}

func parseNames(text string) (names []tenancy.Name, err error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if d.Decode(&names) != nil || d.More() {
		return nil, invalid(namesField, "must be a JSON array of names as Export writes them")
	}
	for _, n := range names {
		k := tenancy.Key{Kind: n.Kind, Value: n.Value}
		if err := k.Validate(); err != nil {
			return nil, inField(namesField, err)
		}
		if k.OfField() {
			return nil, invalid(namesField, "must have the kind %s or %s", tenancy.KindDomain, tenancy.KindFormer)
		}
	}
	return names, nil
}

// listNames returns the names of all tenants, by their IDs.
func listNames(ctx context.Context, store tenancy.Lister) (map[string][]tenancy.Name, error) {
	named, ok := store.(interface {
		ListNames(ctx context.Context, after tenancy.TenantName, limit int) (tenancy.NamePage, error)
	})
	if !ok {
		return nil, fmt.Errorf("%w: the store lists no names", errors.ErrUnsupported)
	}
	all := map[string][]tenancy.Name{}
	for after := (tenancy.TenantName{}); ; {
		page, err := named.ListNames(ctx, after, tenancy.MaxPageLimit)
		if err != nil {
			return nil, err
		}
		for _, n := range page.Names {
			all[n.TenantID] = append(all[n.TenantID], n.Name)
		}
		if len(page.Names) < tenancy.MaxPageLimit {
			return all, nil
		}
		after = page.Names[len(page.Names)-1]
	}
}

// addNames gives the tenants of the batch that are stored the domains that their lines state.
func (b *batch) addNames(ctx context.Context) error {
	for i, r := range b.records {
		if len(r.Names) == 0 || b.done[i].fate == failed || b.done[i].fate == unknown {
			continue
		}
		added, err := addDomains(ctx, b.store, b.ids[i], r.Names)
		switch {
		case isOfTheLine(err):
			b.done[i] = outcome{failed, err}
		case err != nil:
			return err
		case added && b.done[i].fate == unchanged:
			b.done[i].fate = updated
		}
	}
	return nil
}

func addDomains(ctx context.Context, store tenancy.Store, id string, names []tenancy.Name) (added bool, err error) {
	have, err := store.NamesOf(ctx, id)
	if err != nil {
		return false, err
	}
	for _, n := range names {
		if n.Kind != tenancy.KindDomain {
			continue
		}
		var is tenancy.Name
		if i := slices.IndexFunc(have, func(h tenancy.Name) bool { return h.Kind == n.Kind && h.Value == n.Value }); i >= 0 {
			is = have[i]
		}
		for _, step := range []struct {
			due bool
			do  func() error
		}{
			{is.Value == "", func() error { _, err := store.AddDomain(ctx, id, n.Value); return err }},
			{!n.VerifiedAt.IsZero() && is.VerifiedAt.IsZero(), func() error { _, err := store.VerifyDomain(ctx, id, n.Value); return err }},
			{n.Primary && !is.Primary, func() error { _, err := store.SetPrimaryDomain(ctx, id, n.Value); return err }},
		} {
			if !step.due {
				continue
			}
			if err := step.do(); err != nil {
				return added, err
			}
			added = true
		}
	}
	return added, nil
}
