package driver

import (
	"github.com/go-tenancy/tenantstore/core/internal/canonical"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// MetadataFromStored is ParseMetadata for what a database returned, perhaps
// edited by hand: it applies no limit and keeps as it is what ParseMetadata
// would refuse inside the object. What is no JSON object at all, or nests more
// than 9,000 levels deep, is withheld, so that it costs one tenant its metadata,
// and not a page of tenants.
func MetadataFromStored(data []byte) tenancy.Metadata {
	return tenancy.Metadata(canonical.ParseStored(data))
}

// MetadataFromCanonical returns the Metadata whose String is text, without the
// cost of bringing it into its form: several times faster than ParseMetadata. It
// keeps text. It is for caches, which give back what String returned
// and know that it was not altered.
//
// Text that is not one JSON object without white space is an [*tenancy.Error] that wraps
// ErrInvalid. The finer points of the form are not checked: == is meaningless
// for text that does not have them.
func MetadataFromCanonical(text string) (tenancy.Metadata, error) {
	o, ok := canonical.FromCanonical(text)
	if !ok {
		return tenancy.Metadata{}, invalid("metadata", "must be one JSON object in canonical form")
	}
	return tenancy.Metadata(o), nil
}
