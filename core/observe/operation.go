package observe

import "fmt"

// Operation is a method of a store.
type Operation uint8

// The operations. Watch is none: it lasts as long as its caller wants.
const (
	GetByID Operation = iota
	GetByIdentifier
	GetByDomain
	FormerOwner
	Exists
	GetByIDs
	List
	Count
	Search
	Create
	CreateBatch
	Update
	SetStatus
	BulkUpdateStatus
	UpdateMetadata
	Delete
	Purge
	NamesOf
	ListNames
	AddDomain
	VerifyDomain
	SetPrimaryDomain
	RemoveDomain
	Bounds
	Load
	Changes
	operations
)

var operationNames = [operations]string{
	"get_by_id", "get_by_identifier", "get_by_domain", "former_owner", "exists", "get_by_ids", "list", "count", "search",
	"create", "create_batch", "update", "set_status", "bulk_update_status", "update_metadata", "delete", "purge",
	"names_of", "list_names", "add_domain", "verify_domain", "set_primary_domain", "remove_domain",
	"bounds", "load", "changes",
}

// Operations returns all of them, those that are sampled first.
func Operations() []Operation {
	all := make([]Operation, operations)
	for i := range all {
		all[i] = Operation(i)
	}
	return all
}

// String returns the name in snake case: "get_by_id".
func (o Operation) String() string {
	if o < operations {
		return operationNames[o]
	}
	return fmt.Sprintf("operation_%d", uint8(o))
}

// Sampled reports whether only some calls of the operation are measured.
func (o Operation) Sampled() bool { return o < sampled }

// sampled is how many operations are.
const sampled = Exists + 1
