package client_test

import (
	"io"
	"log"
	"net/http"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func TestEveryKindOfErrorComesBackAsItself(t *testing.T) {
	for _, kind := range narthex.Kinds() {
		facts := kind.Facts()
		for form, body := range map[string]string{
			"by kind":   `{"error":{"message":"No.","type":"invalid_request_error","kind":"` + facts.Name + `","param":null,"code":"c","request_id":"req_1"}}`,
			"by type":   `{"error":{"message":"No.","type":"` + facts.Name + `","code":"c","request_id":"req_1"}}`,
			"by status": `{"error":{"message":"No.","type":"some_error","code":"c","request_id":"req_1"}}`,
		} {
			status := http.StatusTeapot // says nothing of the kind
			if form == "by status" {
				status = facts.Status
			}
			_, err := newFake(t, says(status, body)).client(t).Status(t.Context())
			e := narthex.AsError(err)
			if e.Kind != kind || e.Code != "c" || e.Public != "No." || client.RequestID(err) != "req_1" {
				t.Errorf("%s, %s: %+v", facts.Name, form, e)
			}
		}
	}
}

func TestARefusalBringsItsClauseAndLimit(t *testing.T) {
	body := `{"error":{"message":"Clause 2.2 allows top_k 5.","kind":"refused","type":"invalid_request_error","param":"top_logprobs","code":"limit_exceeded","clause":"2.2@sha256:ab","limit":"top_k","allowed":"5","asked":"20"}}`
	_, err := newFake(t, says(403, body)).client(t).Models(t.Context())
	e := narthex.AsError(err)
	want := narthex.Reason{Code: "limit_exceeded", Clause: "2.2@sha256:ab", Limit: "top_k", Allowed: "5", Asked: "20", Says: "Clause 2.2 allows top_k 5."}
	if e.Kind != narthex.Refused || e.Param != "top_logprobs" || e.Reason == nil || *e.Reason != want {
		t.Fatalf("the error is %+v with %+v", e, e.Reason)
	}
}

func TestWhatIsNotANodeIsNotBelieved(t *testing.T) {
	for _, row := range []struct {
		status int
		body   string
		kind   narthex.Kind
	}{
		{404, "<html>secret page</html>", narthex.Invalid},
		{403, `{"error":"secret page"}`, narthex.Invalid},
		{401, `{"error":{"kind":"internal"}}`, narthex.Invalid},
		{502, "secret page", narthex.Unavailable},
		{503, "", narthex.Unavailable},
		{204, "", narthex.Invalid},
		{500, `{"error":{"message":"` + strings.Repeat("secret page ", 100_000) + `","kind":"refused"}}`, narthex.Unavailable},
	} {
		_, err := newFake(t, says(row.status, row.body)).client(t).Status(t.Context())
		if !narthex.IsKind(err, row.kind) || strings.Contains(err.Error(), "secret page") {
			t.Errorf("%d gives %v", row.status, err)
		}
	}
}
