package client

import (
	"errors"
	"io"
	"net/http"

	"narthex"
)

// mostProblem bounds the body of an answer that is not a success, in bytes.
const mostProblem = 1 << 20

// ReadProblem reads the error of an answer that is not a success. Something else than a node's error object is never shown:
// a server's fault is then Unavailable, and any other answer an address that is not a node's.
func ReadProblem(answer *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(answer.Body, mostProblem))
	var problem Problem
	readErr := read(data, &problem)
	if err != nil || readErr != nil || problem.Error.Message == "" {
		return stranger(answer.StatusCode).Because(errors.Join(err, readErr))
	}
	p := problem.Error
	out := &narthex.Error{Kind: kindOf(answer.StatusCode, p.Kind, p.Type), Code: p.Code, Param: p.Param, Public: p.Message}
	if p.Clause != "" || p.Limit != "" || p.Allowed != "" || p.Lock != "" {
		out.Reason = &narthex.Reason{Code: p.Code, Clause: p.Clause, Limit: narthex.LimitName(p.Limit), Allowed: p.Allowed, Asked: p.Asked,
			Lock: narthex.LockID(p.Lock), Reason: narthex.LockReason(p.Reason), Says: p.Message}
	}
	if p.Request != "" {
		out.Err = requestError(p.Request)
	}
	return out
}

// kindOf gives the kind that the first known of the names has, or the one that the status has.
func kindOf(status int, names ...string) narthex.Kind {
	for _, name := range names {
		if kind := narthex.KindNamed(name); kind.Facts().Name == name {
			return kind
		}
	}
	for _, kind := range narthex.Kinds() {
		if kind.Facts().Status == status {
			return kind
		}
	}
	return narthex.Internal
}

// stranger is the error of an answer that no node gives.
func stranger(status int) *narthex.Error {
	switch {
	case status >= 300 && status < 400:
		return narthex.Invalidf("The address answers with a redirect (%d), which is not followed. Use the address that it leads to.", status).For("url")
	case status >= 500:
		return narthex.Unavailablef("The node answered %d without saying why. Try again in a while.", status)
	}
	return narthex.Invalidf("What answers there (%d) is not a Narthex node. Check the address.", status).For("url")
}

// requestError carries the identifier by which operators find a request.
type requestError string

func (e requestError) Error() string { return "request " + string(e) }

// RequestID gives the identifier that the node gave to the request behind err, or "".
func RequestID(err error) string {
	var request requestError
	errors.As(err, &request)
	return string(request)
}
