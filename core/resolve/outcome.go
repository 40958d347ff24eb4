package resolve

// Outcome says what becomes of a request: one of a small fixed set, fit for the
// label of a metric.
type Outcome string

// The outcomes.
const (
	OutcomeResolved        Outcome = "resolved"        // passed on with its tenant
	OutcomeSkipped         Outcome = "skipped"         // passed on without a tenant, by a skip rule or Policy.Optional
	OutcomeMissing         Outcome = "missing"         // names no tenant
	OutcomeInvalid         Outcome = "invalid"         // names one in a form that is not allowed
	OutcomeMisdirected     Outcome = "misdirected"     // is for a host that is not served here
	OutcomeUnauthenticated Outcome = "unauthenticated" // has no valid credential
	OutcomeForbidden       Outcome = "forbidden"       // has a credential that names no tenant
	OutcomeConflict        Outcome = "conflict"        // names more than one tenant
	OutcomeUnknown         Outcome = "unknown"         // names a tenant that does not exist
	OutcomeSuspended       Outcome = "suspended"       // names one that is suspended, or has a status that is not known here
	OutcomeProvisioning    Outcome = "provisioning"    // names one that is being set up
	OutcomeDeleted         Outcome = "deleted"         // names one that is deleted
	OutcomeMoved           Outcome = "moved"           // names a former identifier, and is redirected to the present one
	OutcomeUnavailable     Outcome = "unavailable"     // the store, or a resolver, could not answer
	OutcomeCanceled        Outcome = "canceled"        // the client went away before there was an answer
)

// Outcomes returns all of them, for instance to create metrics ahead of time.
func Outcomes() []Outcome {
	return []Outcome{
		OutcomeResolved, OutcomeSkipped, OutcomeMissing, OutcomeInvalid, OutcomeMisdirected, OutcomeUnauthenticated, OutcomeForbidden,
		OutcomeConflict, OutcomeUnknown, OutcomeSuspended, OutcomeProvisioning, OutcomeDeleted, OutcomeMoved, OutcomeUnavailable, OutcomeCanceled,
	}
}
