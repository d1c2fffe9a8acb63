package model_test

import (
	"errors"
	"testing"

	"narthex"
	"narthex/internal/gateway/model"
)

func TestAnErrorReadsAsOpenAIsClientsExpect(t *testing.T) {
	limited := &narthex.Error{Kind: narthex.Refused, Code: "limit_exceeded", Public: `Clause "3.2" allows 5.`, Err: errors.New("secret"),
		Reason: &narthex.Reason{Clause: "3.2@sha256:00", Limit: "top_k", Allowed: "5", Asked: "20"}}
	for want, err := range map[string]*narthex.Error{
		`{"error":{"message":"Clause \"3.2\" allows 5.","type":"invalid_request_error","param":null,"code":"limit_exceeded","clause":"3.2@sha256:00","limit":"top_k","allowed":"5","asked":"20","kind":"refused","request_id":"r1"}}`: limited,
		`{"error":{"message":"Send n.","type":"invalid_request_error","param":"n","code":"invalid","kind":"invalid","request_id":"r1"}}`:                                                                                              narthex.Invalidf("Send n.").For("n"),
	} {
		if got := string(model.ErrorBody(err, "r1")); got != want {
			t.Errorf("it is %s\n want %s", got, want)
		}
	}
}

func TestEveryKindHasAWordThatClientsKnow(t *testing.T) {
	want := map[narthex.Kind]string{
		narthex.Internal: "server_error", narthex.Invalid: "invalid_request_error", narthex.Unauthenticated: "authentication_error", narthex.Withheld: "invalid_request_error",
		narthex.Refused: "invalid_request_error", narthex.Conflict: "invalid_request_error", narthex.Exhausted: "insufficient_quota", narthex.Unavailable: "server_error",
	}
	for _, kind := range narthex.Kinds() {
		problem := decoded(t, model.ErrorBody(&narthex.Error{Kind: kind, Public: "x"}, ""))["error"].(map[string]any)
		if problem["type"] != want[kind] || problem["kind"] != kind.String() || problem["request_id"] != nil {
			t.Errorf("%v reads %v", kind, problem)
		}
	}
	if problem := decoded(t, model.ErrorBody(nil, ""))["error"].(map[string]any); problem["type"] != "server_error" || problem["message"] == "" {
		t.Errorf("no error reads %v", problem)
	}
}
