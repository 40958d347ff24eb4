package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// This file holds what the checks say when they are not satisfied.

// fails expects err to wrap want.
func (p *probe) fails(err, want error, doing string, args ...any) {
	p.Helper()
	if !errors.Is(err, want) {
		p.Errorf("%s: got error %v, want one that wraps %q", fmt.Sprintf(doing, args...), text(err), want)
	}
}

// failsIn expects err to be an *Error that wraps want and names field.
func (p *probe) failsIn(err, want error, field, doing string, args ...any) {
	p.Helper()
	var e *tenancy.Error
	if !errors.Is(err, want) || !errors.As(err, &e) || e.Field != field {
		p.Errorf("%s: got error %v with field %q, want an *Error that wraps %q with field %q",
			fmt.Sprintf(doing, args...), text(err), fieldOf(err), want, field)
	}
}

func fieldOf(err error) string {
	var e *tenancy.Error
	if errors.As(err, &e) {
		return e.Field
	}
	return ""
}

// text shows an error quoted, and none as nil.
func text(err error) string {
	if err == nil {
		return "nil"
	}
	return fmt.Sprintf("%q", err.Error())
}

// equal expects two values to be ==.
func equal[T comparable](p *probe, got, want T, what string, args ...any) {
	p.Helper()
	if got != want {
		p.Errorf("%s: got %#v, want %#v", fmt.Sprintf(what, args...), got, want)
	}
}

// same expects two tenants to be ==.
func (p *probe) same(got, want tenancy.Tenant, what string, args ...any) {
	p.Helper()
	if d := diff(got, want); d != "" {
		p.Errorf("%s: %s", fmt.Sprintf(what, args...), d)
	}
}

// sameAll expects two lists of tenants to be equal, in order.
func (p *probe) sameAll(got, want []tenancy.Tenant, what string, args ...any) {
	p.Helper()
	if len(got) != len(want) {
		p.Errorf("%s: got %d tenants %s, want %d %s", fmt.Sprintf(what, args...), len(got), idsOf(got), len(want), idsOf(want))
		return
	}
	for i := range got {
		if d := diff(got[i], want[i]); d != "" {
			p.Errorf("%s: tenant %d: %s", fmt.Sprintf(what, args...), i, d)
			return
		}
	}
}

// diff names the fields in which got is not want.
func diff(got, want tenancy.Tenant) string {
	if got == want {
		return ""
	}
	var b strings.Builder
	field := func(name string, differ bool, g, w any) {
		if differ {
			fmt.Fprintf(&b, "%s: got %s, want %s; ", name, short(g), short(w))
		}
	}
	field("ID", got.ID != want.ID, got.ID, want.ID)
	field("Identifier", got.Identifier != want.Identifier, got.Identifier, want.Identifier)
	field("Name", got.Name != want.Name, got.Name, want.Name)
	field("Status", got.Status != want.Status, got.Status, want.Status)
	field("Isolation", got.Isolation != want.Isolation, got.Isolation, want.Isolation)
	field("DatabaseURL", got.DatabaseURL != want.DatabaseURL, got.DatabaseURL.Reveal(), want.DatabaseURL.Reveal())
	field("SchemaName", got.SchemaName != want.SchemaName, got.SchemaName, want.SchemaName)
	field("Metadata", got.Metadata != want.Metadata, got.Metadata.String(), want.Metadata.String())
	field("CreatedAt", got.CreatedAt != want.CreatedAt, stamp(got.CreatedAt), stamp(want.CreatedAt))
	field("UpdatedAt", got.UpdatedAt != want.UpdatedAt, stamp(got.UpdatedAt), stamp(want.UpdatedAt))
	field("Revision", got.Revision != want.Revision, got.Revision, want.Revision)
	field("Mark", got.Mark != want.Mark, got.Mark, want.Mark)
	return strings.TrimSuffix(b.String(), "; ")
}

// stamp shows a time with what makes two equal instants differ by ==.
func stamp(t time.Time) string { return t.Format(time.RFC3339Nano) + " in " + t.Location().String() }

// short shows a value in quotes, and its beginning only if it is long.
func short(v any) string {
	s := fmt.Sprint(v)
	if len(s) > 120 {
		return fmt.Sprintf("%+q… (%d bytes)", s[:100], len(s))
	}
	return fmt.Sprintf("%+q", s)
}

func idsOf(ts []tenancy.Tenant) string {
	ids := make([]string, 0, min(len(ts), 20))
	for _, t := range ts[:min(len(ts), 20)] {
		ids = append(ids, t.ID)
	}
	return short(ids)
}

func inListOrder(ts []tenancy.Tenant) []tenancy.Tenant {
	return slices.SortedFunc(slices.Values(ts), func(a, b tenancy.Tenant) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), strings.Compare(b.ID, a.ID))
	})
}

// writtenLike returns t with what the store set in the write that returned written.
func writtenLike(t, written tenancy.Tenant) tenancy.Tenant {
	t.UpdatedAt, t.Revision, t.Mark = written.UpdatedAt, written.Revision, written.Mark
	return t
}
