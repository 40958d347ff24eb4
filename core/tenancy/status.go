package tenancy

// Status is a tenant's place in its life cycle. Any known status may follow any
// other. A store returns a status that it does not know as it is (a newer
// version of the application may have written it) but never writes one.
type Status string

// The known statuses. Only an active tenant is to be served.
const (
	StatusProvisioning Status = "provisioning" // being set up
	StatusActive       Status = "active"       // to be served
	StatusSuspended    Status = "suspended"    // not to be served for now
	StatusDeleted      Status = "deleted"      // soft-deleted; keeps its identifier
)

// Statuses returns the known statuses.
func Statuses() []Status {
	return []Status{StatusProvisioning, StatusActive, StatusSuspended, StatusDeleted}
}

// Known reports whether s is one of [Statuses].
func (s Status) Known() bool {
	switch s {
	case StatusProvisioning, StatusActive, StatusSuspended, StatusDeleted:
		return true
	}
	return false
}

// Validate returns an [*Error] that wraps ErrInvalid if s is not known.
func (s Status) Validate() error {
	if !s.Known() {
		return invalid("status", "%s is not a known status: provisioning, active, suspended or deleted", quote(string(s)))
	}
	return nil
}
