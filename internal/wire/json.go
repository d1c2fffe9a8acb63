// Package wire is the only decoder of outside bytes: bodies, headers, paths, tokens, event streams.
//
// It promises that what it accepts has one reading. Names are exact, in case too; none stands twice; nothing unknown and
// nothing after the document is let through; text is valid UTF-8; a whole number is written as one; sizes and depths are
// bounded. It never folds, trims or truncates, and its errors never hold what came from outside.
//
// It trusts nothing. Read next: json.go for documents, http.go for requests, token.go for credentials, events.go for
// answers that come piece by piece.
package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"narthex"
)

// Limits bounds a document. The zero Limits refuses every document.
type Limits struct {
	Bytes int64
	Depth int
}

// Decode reads one JSON document strictly.
func Decode[T any](body []byte, limits Limits) (T, error) {
	var zero, read T
	if err := decode(body, limits, true, &read); err != nil {
		return zero, err
	}
	return read, nil
}

// DecodeLenient reads a document of an upstream that may say more than we know: unknown names are ignored and a zero may have
// a sign; all else is as strict as in Decode.
func DecodeLenient[T any](body []byte, limits Limits) (T, error) {
	var zero, read T
	if err := decode(body, limits, false, &read); err != nil {
		return zero, err
	}
	return read, nil
}

// decode reads a document into what into points to, of which nothing is to be used where there is an error.
func decode(body []byte, limits Limits, strict bool, into any) error {
	if int64(len(body)) > limits.Bytes {
		return tooLarge(limits.Bytes)
	}
	if err := scan(body, limits.Depth, strict); err != nil {
		return err
	}
	err := json.Unmarshal(body, into, json.RejectUnknownMembers(strict), jsontext.AllowDuplicateNames(false), jsontext.AllowInvalidUTF8(false), json.MatchCaseInsensitiveNames(false))
	if err != nil {
		return explain(err, strict)
	}
	return nil
}

// fault is why a document was refused, in our words, and where.
type fault struct {
	rule string
	at   int64    // bytes before it
	path []string // names that came from outside; never in a text
}

func (f *fault) Error() string { return fmt.Sprintf("%s, at byte %d", f.rule, f.at) }

// Where gives the path of names and indexes that an error of Decode is about, for documents of our own side; of an outside
// document only Param may be shown.
func Where(err error) []string {
	var found *fault
	if errors.As(err, &found) {
		return found.path
	}
	return nil
}

// scan bounds the depth and, where strict, refuses a number written as -0, which readers do not agree on.
func scan(body []byte, most int, strict bool) error {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > most {
				return narthex.Invalidf("The document is nested deeper than %d levels; make it flatter.", most)
			}
		case c == '}' || c == ']':
			depth--
		case strict && c == '-' && i+1 < len(body) && body[i+1] == '0' && (i+2 == len(body) || !strings.ContainsRune(".0123456789", rune(body[i+2]))):
			return narthex.Invalidf("A number is written -0; write 0.")
		}
	}
	return nil
}

// explain says which rule a document broke and where. Names that came from outside stand in nothing but the answer's
// sentence and field, and there only where the document is the caller's own and they are plain words.
func explain(err error, own bool) error {
	var ours *narthex.Error
	if errors.As(err, &ours) {
		return ours
	}
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	var pointer jsontext.Pointer
	broken := &fault{rule: "it is no JSON"}
	if errors.As(err, &semantic) {
		broken.at, pointer = semantic.ByteOffset, semantic.JSONPointer
	}
	if errors.As(err, &syntactic) {
		broken.at = syntactic.ByteOffset
		if pointer == "" {
			pointer = syntactic.JSONPointer
		}
	}
	broken.path = slices.Collect(pointer.Tokens())
	problem := narthex.Invalidf("The body is not a JSON document that this endpoint reads; check it with a JSON tool.")
	switch {
	case errors.Is(err, json.ErrUnknownName):
		broken.rule = "a field is unknown"
		problem = narthex.Invalidf("The body has a field that this endpoint does not know; names are exact, in case too. Remove it.")
	case errors.Is(err, jsontext.ErrDuplicateName):
		broken.rule = "a field stands twice"
		problem = narthex.Invalidf("The body has a field twice; write it once.")
	case semantic != nil:
		broken.rule = "a value is of the wrong kind"
		problem = narthex.Invalidf("A field of the body has a value of the wrong kind or out of range.")
	case syntactic != nil:
		problem = narthex.Invalidf("The body is not valid JSON (at byte %d); nothing may follow the document.", broken.at)
	}
	problem.Err = broken
	// What is recorded has no name in it.
	problem.Reason = &narthex.Reason{Code: problem.Code, Says: problem.Public}
	if own {
		place, whole := param(broken.path)
		switch {
		case whole && place != "":
			problem.Public += " It is the field " + place + "."
		case place != "":
			problem.Public += " It is in the field " + place + "."
		}
		problem.Param = place
	}
	return problem
}

// mostParam bounds the dotted form of a field's place, in bytes.
const mostParam = 64

// param gives the dotted form of a path whose names are plain words. Where they are not it gives the part before them and
// false: the names come from outside.
func param(path []string) (place string, whole bool) {
	for i, part := range path {
		if part == "" || strings.ContainsFunc(part, notPlain) || len(place)+1+len(part) > mostParam {
			return place, false
		}
		if i > 0 {
			place += "."
		}
		place += part
	}
	return place, true
}

func notPlain(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_') }

func notWord(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_')
}

func tooLarge(most int64) error {
	err := narthex.Invalidf("The body is larger than %d bytes; send less.", most)
	err.Code = "body_too_large"
	return err
}

// firstBody is how much is held of a body before any of it has come, in bytes; what it announces takes no memory.
const firstBody = 4 << 10

// ReadBody reads a JSON request's body, at most most bytes. A coded body and one of another type are refused.
func ReadBody(r *http.Request, most int64) ([]byte, error) {
	if len(r.Header.Values("Content-Encoding")) > 0 {
		return nil, narthex.Invalidf("The body is encoded; send it as it is, without Content-Encoding.")
	}
	types := r.Header.Values("Content-Type")
	if len(types) != 1 {
		return nil, narthex.Invalidf("Send one Content-Type header: application/json.")
	}
	media, params, err := mime.ParseMediaType(types[0])
	if charset, has := params["charset"]; err != nil || media != "application/json" || has && !strings.EqualFold(charset, "utf-8") {
		return nil, narthex.Invalidf("Send the body as application/json in UTF-8.")
	}
	if r.ContentLength > most {
		return nil, tooLarge(most)
	}
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(min(r.ContentLength, firstBody)) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(r.Body, most+1))
	if err != nil {
		return nil, narthex.Invalidf("The body ended before its end; send it again.").Because(err)
	}
	if n > most {
		return nil, tooLarge(most)
	}
	return buf.Bytes(), nil
}
