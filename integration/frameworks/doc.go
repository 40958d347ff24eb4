// Package frameworks tests tenants in programs that are built with others' frameworks: jobs of
// Asynq, messages of NATS, handlers of Connect, gin and echo. It holds tests only, which are
// also the examples for docs/from-request-to-rows.md and docs/http.md. It is a module of its own,
// so that the others do not depend on all of them.
package frameworks
