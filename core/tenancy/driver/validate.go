package driver

import (
	"io/fs"
	"strings"
	"unicode"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// ValidateNewID is ValidateID for the ID of a tenant that is created. IDs end up in
// paths, in the names of files, in logs and on screens, so a new one consists of
// printable characters ([unicode.IsPrint]: no control characters and line breaks,
// nothing invisible, nothing that turns the direction of text around), without
// spaces at its ends, and is no path that leads elsewhere: between slashes and
// backslashes there is something that is neither "." nor "..". IDs that are stored
// already are returned, and can be updated, as they are.
func ValidateNewID(id string) error {
	if err := tenancy.ValidateID(id); err != nil {
		return err
	}
	for _, r := range id {
		if !unicode.IsPrint(r) {
			return invalid("id", "must consist of printable characters, and has %U", r)
		}
	}
	if strings.TrimSpace(id) != id {
		return invalid("id", "must not begin or end with a space")
	}
	if path := strings.ReplaceAll(id, `\`, "/"); path == "." || !fs.ValidPath(path) {
		return invalid("id", `must not be, or hold between slashes, nothing, "." or ".."`)
	}
	return nil
}
