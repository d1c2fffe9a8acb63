package narthex

import (
	"errors"
	"fmt"
)

// Kind is the closed set of what can go wrong for a caller. The zero Kind is Internal.
type Kind int

const (
	// Internal is a fault of ours; the caller learns nothing more.
	Internal Kind = iota
	// Invalid is input that breaks a rule which the message names.
	Invalid
	// Unauthenticated is a caller we do not know.
	Unauthenticated
	// Withheld is no, without saying whether the thing exists.
	Withheld
	// Refused is no, to a caller who may know why.
	Refused
	// Conflict is a change that no longer fits what it was made for.
	Conflict
	// Exhausted is a budget or rate that is spent.
	Exhausted
	// Unavailable is something that may work later: the upstream, the store.
	Unavailable
)

// KindFacts is what the outside sees of a kind of error.
type KindFacts struct {
	Name   string // as in the error object's type
	Status int    // of HTTP
	Exit   int    // of the command line
	Retry  bool   // whether the same request may succeed later
}

var kinds = map[Kind]KindFacts{
	Internal:        {"internal", 500, 1, false},
	Invalid:         {"invalid", 400, 2, false},
	Unauthenticated: {"unauthenticated", 401, 3, false},
	Withheld:        {"withheld", 404, 4, false},
	Refused:         {"refused", 403, 5, false},
	Conflict:        {"conflict", 409, 6, false},
	Exhausted:       {"exhausted", 429, 7, false},
	Unavailable:     {"unavailable", 503, 8, true},
}

// Kinds lists every kind, for tests and tables.
func Kinds() []Kind {
	return []Kind{Internal, Invalid, Unauthenticated, Withheld, Refused, Conflict, Exhausted, Unavailable}
}

// Facts gives the kind's name, status, exit code and advice; an unknown kind has Internal's.
func (k Kind) Facts() KindFacts {
	if f, known := kinds[k]; known {
		return f
	}
	return kinds[Internal]
}

func (k Kind) String() string { return k.Facts().Name }

// KindNamed gives the kind of a name; an unknown name is Internal.
func KindNamed(name string) Kind {
	for kind, facts := range kinds {
		if facts.Name == name {
			return kind
		}
	}
	return Internal
}

// Error is an error with a public face. Public says what happened, why and what to do next, is safe to show to the caller,
// and never holds a secret or what an outsider wrote. Err is for operators and never crosses the wire.
type Error struct {
	Kind   Kind
	Code   string // a machine's word for it, such as limit_exceeded; may be empty
	Param  string // the field at fault, or empty
	Public string
	Reason *Reason // the clause and limit behind a refusal, or nil
	Err    error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Public
	}
	return e.Public + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// AsError gives the Error in err's chain. Anything foreign becomes Internal with a fixed public sentence.
func AsError(err error) *Error {
	var found *Error
	if errors.As(err, &found) {
		return found
	}
	return &Error{Kind: Internal, Code: "internal", Public: "Something went wrong on our side and nothing was done; the operators have a record. Try again, and tell them the request's id if it happens again.", Err: err}
}

// IsKind says whether err is an Error of that kind.
func IsKind(err error, kind Kind) bool { return err != nil && AsError(err).Kind == kind }

// Invalidf makes an Invalid error from a sentence; arguments must be our own words.
func Invalidf(format string, args ...any) *Error { return errorf(Invalid, "invalid", format, args) }

// Refusedf makes a Refused error.
func Refusedf(format string, args ...any) *Error { return errorf(Refused, "refused", format, args) }

// Conflictf makes a Conflict error.
func Conflictf(format string, args ...any) *Error { return errorf(Conflict, "conflict", format, args) }

// Unavailablef makes an Unavailable error.
func Unavailablef(format string, args ...any) *Error {
	return errorf(Unavailable, "unavailable", format, args)
}

// WithheldError makes the one answer for what is absent and for what the caller may not know of; it has no variable part.
func WithheldError() *Error {
	return &Error{Kind: Withheld, Code: "withheld", Public: "There is no such thing, or none that you may see. Check the name, and that you use the right log-in or key."}
}

// UnauthenticatedError makes the one answer to a caller without a valid credential; it has no variable part.
func UnauthenticatedError() *Error {
	return &Error{Kind: Unauthenticated, Code: "unauthenticated", Public: "No valid credential came with the request. Send exactly one, as 'Authorization: Bearer …'; get a new one where yours has ended."}
}

// For names the field that the error is about and returns the error.
func (e *Error) For(param string) *Error {
	e.Param = param
	return e
}

// Because keeps the operators' cause and returns the error.
func (e *Error) Because(err error) *Error {
	e.Err = err
	return e
}

func errorf(kind Kind, code, format string, args []any) *Error {
	return &Error{Kind: kind, Code: code, Public: fmt.Sprintf(format, args...)}
}
