package driver

import "strings"

// ReservedIdentifiers are identifiers that a product keeps for itself, such as
// www and api. One that ends in * stands for all that begin so: "xn--*" keeps out
// identifiers that browsers show as other letters. Case does not count.
//
// A Backend that is a [Reserver] gets no tenant to create, and none to rename, with
// such an identifier: [Extend] answers ErrInvalid. A tenant that has one already keeps it.
type ReservedIdentifiers []string

// IsReserved reports whether identifier is one of r.
func (r ReservedIdentifiers) IsReserved(identifier string) bool {
	for _, name := range r {
		prefix, all := strings.CutSuffix(name, "*")
		if n := len(prefix); len(identifier) >= n && (all || len(identifier) == n) && strings.EqualFold(identifier[:n], prefix) {
			return true
		}
	}
	return false
}

func (x *Extended) isReserved(identifier string) bool {
	b, ok := x.b.(Reserver)
	return ok && b.IsReserved(identifier)
}

func reserved() error { return invalid("identifier", "is reserved") }
