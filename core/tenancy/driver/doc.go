// Package driver is for authors of stores, as database/sql/driver is for authors of
// databases' drivers. Who only uses a store needs nothing of it.
//
// Write a [Backend], nine methods, and let [Extend] make a [tenancy.Store] of it. Extend
// checks and completes input, completes errors, handles Close and ended contexts, and
// derives the rest. What a Backend can do better than that, it says by an interface:
// [ManyGetter], [Exister], [Counter], [Searcher], [StatusSetter], [BatchCreator]. What
// nobody can derive is optional: [Purger], [Reserver], [MetadataChecker], [Names], and
// [Source], the change log from which caches are kept coherent.
//
// [IsNil] finds arguments that somebody has forgotten. The other functions are the parts of stores that must be alike everywhere: times
// ([NormalizeTime], [NextUpdate]), pages ([PageOf], [ListKey]), search ([Fold], [RankOf],
// [TopMatches]), what a change says ([KeysOf], [FieldsOf]), errors ([ErrorIn]). Whoever
// does not use Extend checks input by [ForCreate], [ForUpdate], [ForList], [ForSearch] and
// [UniqueIDs].
//
// conformance/storetest decides whether a store keeps the contract.
package driver
