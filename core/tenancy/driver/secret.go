package driver

import (
	"github.com/go-tenancy/tenantstore/core/internal/secret"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// WithheldSecret returns a secret in the place of one that is stored and cannot
// be revealed, because its key is gone, for example. The tenant that has it can be
// read and suspended; Create and Update refuse it with ErrInvalid, and nothing is
// ever written from it. The reason says why, without the secret.
func WithheldSecret(reason string) tenancy.Secret { return tenancy.Secret(secret.Withheld(reason)) }
