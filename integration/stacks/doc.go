// Package stacks holds the tests of whole stacks, caches over databases, as a
// service runs them: the conformance suite on each stack, what must hold on three
// nodes, and runs under random faults by real means, judged by package checker.
//
// The short form of each is a part of make test. The long one is make test-soak:
// every stack on every database, and as many reads under faults as -soak.reads
// says. A run prints its seed; -soak.seed repeats its choices, as far as threads and
// servers let it.
package stacks
