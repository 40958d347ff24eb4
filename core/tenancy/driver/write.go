package driver

import (
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// The functions of this file turn a caller's input into what a store writes.

// ForCreate returns t as Create stores it at now: ID, Status and CreatedAt
// filled where empty, times normalized, UpdatedAt now (or CreatedAt where that
// is later), Revision and Mark cleared; or an [*tenancy.Error] that wraps ErrInvalid.
func ForCreate(t tenancy.Tenant, now time.Time) (tenancy.Tenant, error) {
	if t.ID == "" {
		t.ID = tenancy.NewID()
	}
	if t.Status == "" {
		t.Status = tenancy.StatusActive
	}
	t.UpdatedAt, t.Revision, t.Mark = time.Time{}, 0, 0
	// Before a time far away wraps around in microseconds.
	if err := firstError(t.Validate(), ValidateNewID(t.ID)); err != nil {
		return tenancy.Tenant{}, err
	}
	t.UpdatedAt = NormalizeTime(now)
	if t.CreatedAt = NormalizeTime(t.CreatedAt); t.CreatedAt.IsZero() {
		t.CreatedAt = t.UpdatedAt
	}
	if t.CreatedAt.After(t.UpdatedAt) {
		t.UpdatedAt = t.CreatedAt
	}
	return t, nil
}

// ForUpdate returns t as Update compares and writes it: validated, and with a
// Revision that is positive and has a Mark, or is AnyRevision. CreatedAt and UpdatedAt are cleared:
// the store keeps the one and advances the other ([NextUpdate]).
func ForUpdate(t tenancy.Tenant) (tenancy.Tenant, error) {
	t.CreatedAt, t.UpdatedAt = time.Time{}, time.Time{}
	if err := t.Validate(); err != nil {
		return tenancy.Tenant{}, err
	}
	if t.Revision <= 0 && t.Revision != tenancy.AnyRevision {
		return tenancy.Tenant{}, invalid("revision", "must be the revision of the tenant that was read, or AnyRevision")
	}
	if t.Revision > 0 && t.Mark == 0 {
		return tenancy.Tenant{}, invalid("revision", "names no state of a tenant without its mark: update the tenant that was read, or set Mark, too")
	}
	return t, nil
}

// UniqueIDs validates ids and returns each once, in order of first appearance.
func UniqueIDs(ids []string) ([]string, error) {
	seen := make(map[string]struct{}, len(ids))
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		if _, dup := seen[id]; dup {
			continue
		}
		if err := tenancy.ValidateID(id); err != nil {
			return nil, err
		}
		seen[id] = struct{}{}
		out = append(out, id)
	}
	return out, nil
}

// NormalizeTime returns t as stores keep it: UTC, cut to microseconds, without
// a monotonic reading, so that equal times are ==.
func NormalizeTime(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

// NextUpdate returns the UpdatedAt of a write at now that follows one at prev:
// now, or one microsecond after prev where the clock has not moved past it.
func NextUpdate(prev, now time.Time) time.Time {
	now = NormalizeTime(now)
	if !now.After(prev) {
		return NormalizeTime(prev.Add(time.Microsecond))
	}
	return now
}
