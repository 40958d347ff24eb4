// Package oteltenancy exports the metrics of a stack of stores through the
// OpenTelemetry API, and makes spans of its work.
//
//	store, err := oteltenancy.Wrap(local) // the outermost store: all tiers below are seen
//
// The providers are those of the options, or the global ones. Without an SDK, all of
// it does nothing, at hardly any cost.
//
// # Spans
//
// There is a span where work happens, and none for a hit of a local cache: that adds
// attributes to the span of the caller, if it is recording.
//
//	tenancy.get_by_id and so on  an operation of the store; a lookup only if the local tier could not answer it
//	tenancy.cache.get            a shared cache is asked
//	tenancy.source.load          the store below the last tier is asked
//	tenancy.cache.apply          a shared cache is made to obey a change; a root
//	tenancy.cache.refresh        an entry is loaded ahead of its expiry; a root, linked to the span of the hit that found it due
//
// Their attributes: tenancy.operation; tenancy.tier, which does the work;
// tenancy.served_by, the tier whose answer a lookup got, or source; tenancy.result,
// hit or negative; tenancy.outcome, where a lookup through a tier is ok also if it found
// that there is no tenant; and error.type where the store is to blame: a span has the
// status Error only then, so not for a tenant that does not exist, a conflict, or a
// caller that went away. All spans are internal: that of the client is the driver's.
//
// # Metrics
//
// The same as those of promtenancy: an exporter to Prometheus gives them the same
// names and labels, so that its dashboard and rules serve both. The attribute
// tenancy.tier is the label tenancy_tier. The durations of failed work also have
// error.type. Counts are observable, so that a hit costs what it costs promtenancy;
// see there and package observe.
//
// What becomes of requests is counted by [NewHTTPObserver], which is given to
// tenancyhttp.WithObserver, and not by Wrap.
//
// No attribute ever holds an identifier, a host or the text of an error; the ID of a
// tenant only in spans, with [WithTenantID].
package oteltenancy
