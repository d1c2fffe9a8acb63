package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"narthex"
	"narthex/client"
	"narthex/ledger"
)

// What a failure looks like, on standard error:
//
//   - "error:" and one line of what happened and why; "cause:" with what the machine said, where there is one; "hint:" and what
//     to do next.
//   - No capital at the beginning, no full stop at the end, no stack, no code of ours.
//   - The exit code is that of the kind of error. Wrong use is Invalid.
//   - With --json, the error object of the HTTP API and the hint, instead.

// hinted is an error with its next step said apart.
type hinted struct {
	error
	next string
}

func (h hinted) Unwrap() error { return h.error }

// problem makes an error of a kind with its next step.
func problem(kind narthex.Kind, next, format string, args ...any) error {
	return hinted{&narthex.Error{Kind: kind, Code: kind.String(), Public: fmt.Sprintf(format, args...)}, next}
}

// advise gives an error a next step where it names none.
func advise(err error, next string) error {
	if strings.Contains(narthex.AsError(err).Public, ". ") {
		return err
	}
	return hinted{err, next}
}

// usage is an error in how a command was written.
func usage(c *cobra.Command, err error) error {
	var ours *narthex.Error
	if errors.As(err, &ours) {
		return err
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return hinted{narthex.Invalidf("%s", first), "`" + c.CommandPath() + " --help` shows how it is used"}
}

// file says what is wrong with a file of the user's.
func fileError(doing, path string, err error) error {
	why := err
	var at *fs.PathError
	if errors.As(err, &at) {
		why = at.Err
	}
	return hinted{narthex.Invalidf("%s cannot be %s: %v", path, doing, why), "check the path and its rights"}
}

func readFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	return data, nil
}

// failure is an error as it is shown.
type failure struct {
	client.ProblemBody
	Cause string `json:"cause,omitempty"`
	Hint  string `json:"hint"`
	kind  narthex.Kind
}

// The demonstration's story, told without a part that this system cannot show, has an exit code of its own.
const (
	skippedCode = "skipped"
	skippedExit = 9
)

// fail shows an error and gives its exit code.
func (a *app) fail(c *cobra.Command, err error) int {
	f := explain(c, err)
	if a.json {
		a.encode(a.env.Stderr, map[string]failure{"error": f})
		return f.exit()
	}
	p := a.page(a.env.Stderr)
	p.mark("error:", red, f.Message)
	if f.Cause != "" {
		p.mark("cause:", "", f.Cause)
	}
	p.mark("hint:", bold, f.Hint)
	return f.exit()
}

// exit is the exit code of a failure.
func (f failure) exit() int {
	if f.Code == skippedCode {
		return skippedExit
	}
	return f.kind.Facts().Exit
}

// explain finds the words for an error.
func explain(c *cobra.Command, err error) failure {
	var tampered *ledger.TamperError
	var ours *narthex.Error
	f := failure{ProblemBody: client.ProblemBody{Type: narthex.Internal.String(), Code: "failed", Message: err.Error()}}
	switch {
	case errors.Is(err, context.Canceled):
		f.Message, f.Code, f.Hint = "interrupted, and nothing more was done", "interrupted", "look at what is there before you repeat it"
	case errors.As(err, &tampered):
		f.kind, f.Type, f.Code = narthex.Refused, narthex.Refused.String(), "tampered"
		f.split(tampered.Error())
	case errors.As(err, &ours):
		f.kind, f.Type, f.Code, f.Param, f.Request = ours.Kind, ours.Kind.String(), ours.Code, ours.Param, client.RequestID(err)
		if f.Request == "" && ours.Err != nil {
			f.Cause = ours.Err.Error()
		}
		if f.Request != "" && (ours.Kind == narthex.Internal || ours.Kind == narthex.Unavailable) {
			f.Cause = "request " + f.Request // what the operators look for
		}
		if r := ours.Reason; r != nil {
			f.Clause, f.Limit, f.Allowed, f.Asked = r.Clause, string(r.Limit), r.Allowed, r.Asked
			f.Lock, f.Reason = string(r.Lock), string(r.Reason)
		}
		f.split(ours.Public)
		if f.Request != "" && ours.Kind == narthex.Unauthenticated {
			f.Message, f.Hint = "the node does not take your session: it ended, or your log-in was stopped", ""
		}
	}
	var next hinted
	if errors.As(err, &next) {
		f.Hint = next.next
		if ours != nil {
			f.Message = tidy(ours.Public)
		}
	}
	if f.Hint == "" && f.Clause != "" {
		f.Hint = "clause " + f.Clause + " of the agreement says so; `narthex grant show` shows it"
	}
	if f.Hint == "" {
		f.Hint = fallbackHint(c, f.kind)
	}
	return f
}

// split takes a public text apart: its first sentence is what happened and why, the rest is what to do.
func (f *failure) split(text string) {
	said, next, _ := strings.Cut(text, ". ")
	if strings.Contains(said, "\n") {
		said, next = text, ""
	}
	f.Message, f.Hint = tidy(said), tidy(next)
}

// tidy writes a sentence as part of a line: no capital first, no full stop last.
func tidy(text string) string {
	text = strings.TrimSuffix(text, ".")
	first, size := utf8.DecodeRuneInString(text)
	second, _ := utf8.DecodeRuneInString(text[size:])
	if unicode.IsUpper(first) && (unicode.IsLower(second) || second == ' ') {
		return string(unicode.ToLower(first)) + text[size:]
	}
	return text
}

// fallbackHint is the next step where the error names none.
func fallbackHint(c *cobra.Command, kind narthex.Kind) string {
	switch kind {
	case narthex.Invalid:
		return "`" + c.CommandPath() + " --help` shows how it is used"
	case narthex.Unauthenticated:
		return "`narthex login` opens a session; where that fails, ask the lab for a new code"
	case narthex.Withheld:
		return "check the identifier, and with `narthex whoami` that you use the right log-in"
	case narthex.Refused:
		return "`narthex whoami` shows who you are here and what roles you hold"
	case narthex.Conflict:
		return "look at it again before you repeat the command"
	case narthex.Exhausted:
		return "`narthex grant show` says what is left"
	case narthex.Unavailable:
		return "try again in a while"
	}
	return "try again; if it happens again, tell the operators"
}
