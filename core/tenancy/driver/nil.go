package driver

import "github.com/go-tenancy/tenantstore/core/internal/nilvalue"

// IsNil reports whether v is nil, or a nil pointer or function in an interface: an argument
// that somebody has forgotten to set.
func IsNil(v any) bool { return nilvalue.Is(v) }
