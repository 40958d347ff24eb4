package mysql

import (
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/bun/internal/mysqlerror"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

const (
	// unlogged is for a write that no trigger has logged.
	unlogged = "a trigger of the store is missing or does something else, so that changes would reach neither the log nor the caches: run Migrate"
	// ours is how the texts of the store's own triggers begin.
	ours = "tenantstore: "
	// former is how the text goes on about an identifier that another tenant had.
	former = "another tenant had this identifier"
)

// kinds are those of the server's errors that are not Unavailable.
var kinds = map[uint16]engine.Kind{
	1020: engine.Contended, 1205: engine.Contended, 1213: engine.Contended,
	1062: engine.Duplicate, 1586: engine.Duplicate,
	1048: engine.Refused, 1364: engine.Refused, 1366: engine.Refused, 1406: engine.Refused, 1451: engine.Refused, 1452: engine.Refused, 1644: engine.Refused, 3819: engine.Refused, 4025: engine.Refused,
	1317: engine.Interrupted, 1969: engine.Interrupted, 3024: engine.Interrupted,
	1044: engine.Denied, 1142: engine.Denied, 1143: engine.Denied, 1227: engine.Denied, 1370: engine.Denied, 1419: engine.Denied,
}

// Classify reads the number of the error.
func (s *store) Classify(err error) (engine.Kind, string) {
	number, message := mysqlerror.Of(err)
	if number == 0 {
		if text := err.Error(); strings.Contains(text, "invalid connection") || strings.Contains(text, "busy buffer") { // of the driver, without a type
			return engine.Unavailable, "the connection was lost"
		}
		return engine.Unavailable, engine.Describe(err)
	}
	text := mysqlerror.Explain(number)
	if refusal, is := strings.CutPrefix(message, ours); is && number == 1644 {
		if strings.HasPrefix(refusal, former) {
			return engine.Former, refusal
		}
		return engine.Unavailable, refusal
	}
	if constraint := s.constraintOf(message); constraint != "" {
		text += ": constraint " + constraint
	}
	return kinds[number], text
}

// constraintOf returns which constraint of the store a message names: nothing of the row.
func (s *store) constraintOf(message string) string {
	for _, suffix := range []string{"_identifier_key", "_id_check", "_identifier_check", "_name_check", "_metadata_check", "_created_at_check", "_updated_at_check"} {
		if strings.Contains(message, s.Names.Table+suffix) {
			return s.Names.Table + suffix
		}
	}
	return ""
}
