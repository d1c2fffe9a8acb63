// Package narthex is the vocabulary of Narthex: the nouns that every other part speaks in, one file a concept.
//
// It is for anyone who wants to check a lab's answers or talk to its gateway: identifiers, attributes and their limits,
// terms, engagements, agreements, grants, locks, entries of the ledger, and the closed set of errors.
//
// It promises that a name or an identifier that parses is canonical, that a zero value refuses (the zero [Term] covers
// nothing, the zero [Budget] is spent, the zero [Grant] is never in force), and that an [Error] never shows a caller more
// than its public sentence.
//
// It trusts nothing: it does no I/O, reads no clock and imports the standard library only. Digests and signatures are
// carried here and checked elsewhere.
//
// Read next: policy for what a call may do, ledger for how it is remembered, docs/life-of-an-engagement.md and
// docs/life-of-a-call.md for how the parts meet.
package narthex
