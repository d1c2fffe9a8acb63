package model

import (
	"errors"

	"narthex"
)

// types are OpenAI's words for kinds of errors; stock clients look at them. Every other kind is server_error.
var types = map[narthex.Kind]string{
	narthex.Invalid:         "invalid_request_error",
	narthex.Withheld:        "invalid_request_error",
	narthex.Refused:         "invalid_request_error",
	narthex.Conflict:        "invalid_request_error",
	narthex.Unauthenticated: "authentication_error",
	narthex.Exhausted:       "insufficient_quota",
}

// ErrorBody gives the body of an error as OpenAI's clients read it, with the clause and limit behind a refusal and our kind
// beside it. It shows the public sentence and never the cause; a nil err is Internal.
func ErrorBody(err *narthex.Error, requestID string) []byte {
	if err == nil {
		err = narthex.AsError(errors.New("an error without one"))
	}
	word, known := types[err.Kind]
	if !known {
		word = "server_error"
	}
	out := appendText([]byte(`{"error":{"message":`), err.Public)
	out = appendText(append(out, `,"type":`...), word)
	out = append(out, `,"param":`...)
	if err.Param == "" {
		out = append(out, "null"...)
	} else {
		out = appendText(out, err.Param)
	}
	out = appendText(append(out, `,"code":`...), err.Code)
	if r := err.Reason; r != nil {
		for _, field := range []struct{ name, value string }{
			{`,"clause":`, r.Clause}, {`,"limit":`, string(r.Limit)}, {`,"allowed":`, r.Allowed}, {`,"asked":`, r.Asked},
			{`,"reason":`, string(r.Reason)}, {`,"lock":`, string(r.Lock)},
		} {
			if field.value != "" {
				out = appendText(append(out, field.name...), field.value)
			}
		}
	}
	out = appendText(append(out, `,"kind":`...), err.Kind.String())
	if requestID != "" {
		out = appendText(append(out, `,"request_id":`...), requestID)
	}
	return append(out, "}}"...)
}
