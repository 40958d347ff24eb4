package seal

import "errors"

// Sealer seals and opens short texts. Implementations are safe for concurrent
// use.
type Sealer interface {
	// Seal returns text encrypted and bound to place, as printable ASCII.
	Seal(text string, place Place) (string, error)
	// Open returns the text of what Seal returned for the same place. Errors
	// wrap ErrNotSealed, ErrUnknownKey or ErrTampered, and hold neither text nor
	// key.
	Open(sealed string, place Place) (string, error)
	// Stale reports whether a stored text should be sealed again: it is plain,
	// or was sealed with a key that is being rotated out.
	Stale(sealed string) bool
}

// Place is where a sealed text belongs.
type Place struct {
	TenantID string
	Field    string // its JSON name: "database_url"
}

// DatabaseURL is the place of the DatabaseURL of the tenant with this ID.
func DatabaseURL(tenantID string) Place { return Place{TenantID: tenantID, Field: "database_url"} }

// Why a text does not open.
var (
	// ErrNotSealed: the text is not in the sealed form.
	ErrNotSealed = errors.New("seal: text is not sealed")
	// ErrUnknownKey: the text was sealed with a key that the keyring lacks. Add
	// that key behind the first one.
	ErrUnknownKey = errors.New("seal: unknown key")
	// ErrTampered: the text was altered, cut or moved from another place, or
	// the key under this ID is not the one that sealed it.
	ErrTampered = errors.New("seal: text was altered, or belongs to another tenant or field")
)
