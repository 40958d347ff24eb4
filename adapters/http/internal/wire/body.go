package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// The bodies of requests and answers. T is how a tenant is written or read. A list that an
// answer must have is null in none, so that a client can tell an empty one from the answer
// of somebody else.
type (
	// Tenants is a page of a list, the answer to a search or to a batch.
	Tenants[T any] struct {
		Tenants    []T              `json:"tenants"`
		NextCursor string           `json:"next_cursor,omitempty"`
		AsOf       tenancy.Position `json:"as_of,omitzero"` // of a list
	}
	// Results is the answer to a batch of creations.
	Results[T any] struct {
		Results []Result[T] `json:"results"`
		Problem *Problem    `json:"problem,omitempty"` // why they end early
	}
	// Result is one of them: a tenant or a problem.
	Result[T any] struct {
		Tenant  *T       `json:"tenant,omitempty"`
		Problem *Problem `json:"problem,omitempty"`
	}
	// Access is the answer to what a credential allows.
	Access struct {
		Read    bool   `json:"read"`
		Write   bool   `json:"write"`
		Secrets bool   `json:"secrets"`
		Actor   string `json:"actor,omitempty"`
	}
	// Count is the answer to a count.
	Count struct {
		Count *int `json:"count"`
	}
	// IDs are the body of a batch.
	IDs struct {
		IDs []string `json:"ids"`
	}
	// IDsStatus is the body of a change of many statuses.
	IDsStatus struct {
		IDs    []string       `json:"ids"`
		Status tenancy.Status `json:"status"`
	}
	// Status is the body of a change of one status.
	Status struct {
		Status tenancy.Status `json:"status"`
	}
	// Identifier is the body of a rename.
	Identifier struct {
		Identifier string `json:"identifier"`
	}
	// Domain is the body of a request that names a domain.
	Domain struct {
		Domain string `json:"domain"`
	}
	// Names is the answer that lists the names of one tenant.
	Names struct {
		Names []tenancy.Name `json:"names"`
	}
	// TenantNames is a page of the names of all.
	TenantNames struct {
		Names      []TenantName     `json:"names"`
		NextCursor string           `json:"next_cursor,omitempty"`
		AsOf       tenancy.Position `json:"as_of,omitzero"`
	}
	// TenantName is the JSON form of a [tenancy.TenantName].
	TenantName struct {
		TenantID string `json:"tenant_id"`
		tenancy.Name
	}
)

// TenantNameOf returns the JSON form of n.
func TenantNameOf(n tenancy.TenantName) TenantName { return TenantName{n.TenantID, n.Name} }

// TenantName returns what n is the JSON form of.
func (n TenantName) TenantName() tenancy.TenantName {
	return tenancy.TenantName{TenantID: n.TenantID, Name: Name(n.Name)}
}

// Name returns a name as stores return it.
func Name(n tenancy.Name) tenancy.Name {
	n.CreatedAt, n.VerifiedAt, n.ExpiresAt = driver.NormalizeTime(n.CreatedAt), driver.NormalizeTime(n.VerifiedAt), driver.NormalizeTime(n.ExpiresAt)
	return n
}

// NamesCursor returns the place of n among the names of all tenants, as an opaque text.
func NamesCursor(n tenancy.TenantName) string {
	b, err := json.Marshal([3]string{n.TenantID, string(n.Kind), n.Value})
	if err != nil { // strings can be marshalled
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseNamesCursor undoes NamesCursor. The empty cursor is before the first name.
func ParseNamesCursor(cursor string) (n tenancy.TenantName, err error) {
	if cursor == "" {
		return n, nil
	}
	var place [3]string
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || json.Unmarshal(b, &place) != nil {
		return n, &tenancy.Error{Field: "cursor", Err: fmt.Errorf("%w: is not one that an answer has given", tenancy.ErrInvalid)}
	}
	n.TenantID, n.Kind, n.Value = place[0], tenancy.KeyKind(place[1]), place[2]
	return n, nil
}

// MaxBodyBytes is how large the body of a request may be. The largest tenant needs 2 MiB:
// JSON needs at most six bytes for one of its metadata's 256 KiB.
const MaxBodyBytes = 8 << 20
