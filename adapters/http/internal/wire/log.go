package wire

import (
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// The types of the lines of a stream.
const (
	LineChange   = "change"
	LineBookmark = "bookmark" // the log has been read to its end, which is the position
	LineTenant   = "tenant"   // of a snapshot
	LineName     = "name"     // of a snapshot
	LineEnd      = "end"      // the last one: why the stream ends
)

// The reasons for which a server ends a stream, beside the codes of problems.
const (
	EndAge      = "age"      // streams end after some minutes
	EndSlow     = "slow"     // the client was too slow: its next change is not kept any more
	EndClosing  = "closing"  // the server stops
	EndComplete = "complete" // the snapshot is whole
)

// Line is a line of a stream that is neither a change, a tenant nor a name.
type Line struct {
	Type     string           `json:"type"`
	Position tenancy.Position `json:"position"`
	Reason   string           `json:"reason,omitempty"`
}

// Key is the JSON form of a [tenancy.Key].
type Key struct {
	Kind  tenancy.KeyKind `json:"kind"`
	Value string          `json:"value"`
}

// Change is the JSON form of a [tenancy.Change], in a page and in a stream alike.
type Change struct {
	Type     string             `json:"type"` // LineChange
	Position tenancy.Position   `json:"position"`
	Kind     tenancy.ChangeKind `json:"kind"`
	TenantID string             `json:"tenant_id,omitempty"`
	Keys     []Key              `json:"keys,omitempty"`
	At       time.Time          `json:"at,omitzero"`
	Actor    string             `json:"actor,omitempty"`
	Fields   []string           `json:"fields,omitempty"`
}

// ChangeOf returns the JSON form of c.
func ChangeOf(c tenancy.Change) Change {
	out := Change{
		Type: LineChange, Position: c.Position, Kind: c.Kind, TenantID: c.TenantID, At: c.At, Actor: c.Actor, Fields: c.Fields,
	}
	for _, k := range c.Keys {
		out.Keys = append(out.Keys, Key(k))
	}
	return out
}

// Change returns what c is the JSON form of.
func (c Change) Change() tenancy.Change {
	out := tenancy.Change{
		Position: c.Position, Kind: c.Kind, TenantID: c.TenantID, At: driver.NormalizeTime(c.At), Actor: c.Actor, Fields: c.Fields,
	}
	for _, k := range c.Keys {
		out.Keys = append(out.Keys, tenancy.Key(k))
	}
	return out
}

// Bounds is the JSON form of [tenancy.Bounds].
type Bounds struct {
	Oldest *tenancy.Position `json:"oldest"`
	Newest *tenancy.Position `json:"newest"`
}

// Changes is a page of the log.
type Changes[C any] struct {
	Changes []C `json:"changes"`
}

// Lookups are the body of a load.
type Lookups struct {
	Lookups []Lookup `json:"lookups"`
}

// Lookup is the JSON form of a [tenancy.Lookup]. Latest stands for a Min of that, which
// readers that keep numbers as floats could not write.
type Lookup struct {
	Key
	Min    tenancy.Revision `json:"min,omitempty"`
	Latest bool             `json:"latest,omitempty"`
}

// LookupOf returns the JSON form of l.
func LookupOf(l tenancy.Lookup) Lookup {
	if l.Min == tenancy.Latest {
		return Lookup{Key: Key(l.Key), Latest: true}
	}
	return Lookup{Key: Key(l.Key), Min: l.Min}
}

// Lookup returns what l is the JSON form of.
func (l Lookup) Lookup() tenancy.Lookup {
	if l.Latest {
		l.Min = tenancy.Latest
	}
	return tenancy.Lookup{Key: tenancy.Key(l.Key), Min: l.Min}
}

// Loaded is the answer to a load: a result for each lookup. T is how a tenant is written or
// read.
type Loaded[T any] struct {
	Results []Versioned[T] `json:"results"`
}

// Versioned is the JSON form of a [tenancy.Versioned].
type Versioned[T any] struct {
	AsOf   tenancy.Position `json:"as_of"`
	Tenant *T               `json:"tenant"` // null: there is none
}
