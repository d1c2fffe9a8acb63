package surface

import (
	"encoding/json"

	"narthex"
)

// types are the words by which stock clients tell errors apart.
var types = map[narthex.Kind]string{
	narthex.Invalid: "invalid_request_error", narthex.Refused: "invalid_request_error", narthex.Withheld: "invalid_request_error",
	narthex.Conflict: "invalid_request_error", narthex.Unauthenticated: "authentication_error", narthex.Exhausted: "insufficient_quota",
	narthex.Unavailable: "server_error", narthex.Internal: "server_error",
}

type problem struct {
	Error problemBody `json:"error"`
}

type problemBody struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Kind    string  `json:"kind"`
	Param   *string `json:"param"`
	Code    string  `json:"code"`
	Clause  string  `json:"clause,omitempty"`
	Limit   string  `json:"limit,omitempty"`
	Allowed string  `json:"allowed,omitempty"`
	Asked   string  `json:"asked,omitempty"`
	Request string  `json:"request_id"`
}

// Problem gives the error object that stock clients read, with the clause and the limit behind a no.
func Problem(e *narthex.Error, request string) []byte {
	body := problemBody{Message: e.Public, Type: types[e.Kind], Kind: e.Kind.String(), Code: e.Code, Request: request}
	if e.Param != "" {
		body.Param = &e.Param
	}
	if r := e.Reason; r != nil {
		body.Clause, body.Limit, body.Allowed, body.Asked = r.Clause, string(r.Limit), r.Allowed, r.Asked
	}
	out, err := json.Marshal(problem{body})
	if err != nil {
		return []byte(`{"error":{"message":"Something went wrong on our side.","type":"server_error","param":null,"code":"internal"}}`)
	}
	return out
}
