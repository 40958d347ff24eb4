package driver

import (
	"github.com/go-tenancy/tenantstore/core/internal/canonical"
	"github.com/go-tenancy/tenantstore/core/internal/secret"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// MetadataFromStored is ParseMetadata for what a database returned, perhaps
// edited by hand: it applies no limit and keeps as it is what ParseMetadata
// would refuse inside the object. What is no JSON object at all, or nests more
// than 9,000 levels deep, is withheld, so that it costs one tenant its metadata,
// and not a page of tenants.
//
// What is in canonical form already, as nearly everything that a store holds, is
// checked and kept: a string is not copied.
func MetadataFromStored[T ~[]byte | ~string](data T) tenancy.Metadata {
	return tenancy.Metadata(canonical.ParseStored(data))
}

// WithheldSecret returns a secret in the place of one that is stored and cannot
// be revealed, because its key is gone, for example. The tenant that has it can be
// read and suspended; Create and Update refuse it with ErrInvalid, and nothing is
// ever written from it. The reason says why, without the secret.
func WithheldSecret(reason string) tenancy.Secret { return tenancy.Secret(secret.Withheld(reason)) }
