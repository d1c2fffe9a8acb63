package wire

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"narthex"
)

// keyHeaders carry credentials in one product or another; more than one of them in a request is refused.
var keyHeaders = []string{"Authorization", "X-Api-Key", "Api-Key", "Cookie", "Proxy-Authorization"}

// keyParams carry credentials in a query.
var keyParams = []string{"key", "api_key", "api-key", "apikey", "access_token", "token", "authorization"}

// Credential gives the one credential of a request: an Authorization header with a bearer token. No credential and one in
// another place are Unauthenticated; more than one is refused, whichever is right.
func Credential(r *http.Request) (narthex.Secret, error) {
	count := 0
	for _, name := range keyHeaders {
		count += len(r.Header.Values(name))
	}
	for name, values := range parseQuery(r.URL.RawQuery) {
		if slices.Contains(keyParams, strings.ToLower(name)) {
			count += len(values)
		}
	}
	if count > 1 {
		err := narthex.Invalidf("The request carries more than one credential. Send exactly one, as 'Authorization: Bearer …', and no cookie or key in the address.")
		err.Code = "two_credentials"
		return narthex.Secret{}, err
	}
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer || token == "" {
		return narthex.Secret{}, narthex.UnauthenticatedError()
	}
	return narthex.NewSecret(token), nil
}

// parseQuery reads a query as leniently as anybody might, to find what is hidden in it.
func parseQuery(raw string) url.Values {
	values := url.Values{}
	for pair := range strings.FieldsFuncSeq(raw, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		values.Add(name, value)
	}
	return values
}

// CheckTarget refuses every request whose target is not a plain path in its one spelling: no escapes, no empty, dot or
// trailing segments, nothing but letters, digits and - . _ ~ @ between slashes. The refusal is Withheld, as for a path that
// is not there. Upgrades are refused too.
func CheckTarget(r *http.Request) error {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if strings.Contains(r.RequestURI, "#") || path != r.URL.Path || r.URL.RawPath != "" || r.URL.Host != "" && r.URL.IsAbs() || !plainPath(path) {
		return narthex.WithheldError()
	}
	if len(r.Header.Values("Upgrade")) > 0 {
		return narthex.WithheldError()
	}
	return nil
}

// CheckLength refuses a body that does not announce its length in one Content-Length. Chunks are read in more than one way by
// what stands before a node and by the node, together with a length above all, and the standard library no longer shows that both
// were sent. With chunks go trailers. The connection is not to be used any more.
func CheckLength(r *http.Request) error {
	if len(r.TransferEncoding) == 0 && r.ContentLength >= 0 {
		return nil
	}
	err := narthex.Invalidf("The body comes in chunks; send it whole, with its Content-Length.")
	err.Code = "length_required"
	return err
}

func plainPath(path string) bool {
	if path == "/" {
		return true
	}
	rest, rooted := strings.CutPrefix(path, "/")
	if !rooted || len(path) > 1024 {
		return false
	}
	for segment := range strings.SplitSeq(rest, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.ContainsFunc(segment, notPath) {
			return false
		}
	}
	return true
}

func notPath(r rune) bool { return notWord(r) && !strings.ContainsRune("-.~@", r) }

// Query gives the parameters of a request, each of which must be among those allowed and stand once. They are name=value pairs
// between ampersands, in letters, digits and - . _ ~ @ alone: nothing is escaped, so there is nothing to read in two ways.
func Query(r *http.Request, allowed ...string) (map[string]string, error) {
	query := map[string]string{}
	if r.URL.RawQuery == "" && !r.URL.ForceQuery {
		return query, nil
	}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, value, found := strings.Cut(pair, "=")
		if !found || strings.ContainsFunc(name+value, notPath) {
			return nil, narthex.Invalidf("The address's query does not read; write name=value pairs in plain letters.")
		}
		if _, twice := query[name]; twice || !slices.Contains(allowed, name) {
			return nil, narthex.Invalidf("The address's query has a parameter that this endpoint does not know, or one twice. Remove it.")
		}
		query[name] = value
	}
	return query, nil
}
