// Package checker judges the reads and writes of several nodes on one database
// while they go on, faults included. It knows nothing of caches: it compares what
// the nodes answer with the change log, read past all of them.
//
// What it calls a violation:
//
//   - stale: on one node, a read that shows a tenant, or that there is none, as it
//     was before something that a read had shown which returned before this one
//     began, under whatever key, or before a write of this node that had returned;
//   - late: a read that does not show a write which was acknowledged, on any node,
//     longer ago than the bound. It is all that a process must show which was restarted
//     and tells so ([Checker.Restart]);
//   - phantom: a tenant that the log does not know in this revision, or two
//     contents of one revision;
//   - lost: an acknowledged write that is not in the log, or not in the rows at
//     the end.
//
// Reads are noted when they return and judged by [Checker.Settle], which somebody
// calls now and then; a note for each key and revision is enough, so that millions of
// reads take little memory. A read that fails is counted and says nothing.
//
// What a read has shown is a revision. Everything that the log holds up to it, the
// node must then show too: this is what reading the log in order promises, and
// more than monotone reads for each key.
//
// The log may be trimmed as far as it was judged, see [Checker.Judged]. Of one that was
// trimmed before, what lies before its oldest change is not judged.
package checker
