package observe

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/resolve"
)

// requests is what NewRequests makes.
type requests struct {
	counts    map[decision]func(context.Context)
	durations map[resolve.Outcome]Record
}

type decision struct {
	resolver string
	outcome  resolve.Outcome
}

// NewRequests returns an observer of requests. It makes all that it needs ahead:
// count returns what counts the requests of one resolver and outcome, duration where
// the durations of one outcome go. Requests of resolvers that are not among
// [resolve.ResolverNames] count as those of [resolve.NameOther], so that the number of
// series is fixed.
func NewRequests(count func(resolver string, outcome resolve.Outcome) func(context.Context), duration func(resolve.Outcome) Record) resolve.Observer {
	r := &requests{map[decision]func(context.Context){}, map[resolve.Outcome]Record{}}
	for _, outcome := range resolve.Outcomes() {
		r.durations[outcome] = duration(outcome)
		for _, resolver := range resolve.ResolverNames() {
			r.counts[decision{resolver, outcome}] = count(resolver, outcome)
		}
	}
	return r
}

// ObserveRequest implements [resolve.Observer].
func (r *requests) ObserveRequest(ctx context.Context, e resolve.Event) {
	count, ok := r.counts[decision{e.Resolver, e.Outcome}]
	if !ok {
		if count, ok = r.counts[decision{resolve.NameOther, e.Outcome}]; !ok {
			return // no outcome of package resolve
		}
	}
	count(ctx)
	r.durations[e.Outcome](ctx, e.Duration, nil) // the outcome says how it ended
}
