package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"narthex/internal/testenv"
)

// TestTheOperatorsListenerAnswersItsTableAndNothingElse, and shows nothing of people, keys or calls.
func TestTheOperatorsListenerAnswersItsTableAndNothingElse(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, key := e.Grant(t, "", testenv.Tokens(1000, nil))
	if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 200 {
		t.Fatalf("%d %s %v", status, body, err)
	}
	rows := routes2(e.Node.OpsRoutes())
	if len(rows) != 2 {
		t.Errorf("the operators' listener has the routes %v", rows)
	}
	for _, row := range rows {
		answer, err := http.Get("http://" + e.Node.OpsAddress() + row.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || row.method != "GET" || answer.StatusCode != 200 {
			t.Errorf("%s %s answers %d, %v", row.method, row.path, answer.StatusCode, err)
		}
		for name, secret := range map[string]string{"a key": key, "the upstream's credential": testenv.Credential, "a grant": string(grant.ID), "a person": string(grant.Persons[0]), "an asset": "hidden", "a prompt": "hello"} {
			if strings.Contains(string(body), secret) {
				t.Errorf("%s shows %s: %s", row.path, name, body)
			}
		}
	}
	wander(t, e.Node.Operators(), rows, []string{"healthz", "metrics", "Metrics", "debug", "pprof", "vars", "api", "v1", "status", "", ".", "..", "%2e", "metrics%2f", "-", "reload", "quit", "config", "healthz "})
	// What is here is not there, and what is there is not here.
	for _, path := range []string{"/healthz", "/metrics", "/debug/pprof/", "/debug/vars", "/debug/pprof/heap", "/-/reload", "/admin", "/config", "/status"} {
		for _, token := range []string{"", key, session(t, e, "carol")} {
			request, err := http.NewRequestWithContext(t.Context(), "GET", e.Client.Base()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if token != "" {
				request.Header.Set("Authorization", "Bearer "+token)
			}
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != 404 {
				t.Errorf("%s answers %d on the public listener", path, answer.StatusCode)
			}
		}
	}
	for _, path := range []string{"/api/status", "/v1/models", "/openapi.json", "/metrics?x=1", "//metrics", "/metrics/"} {
		answer, err := http.DefaultTransport.RoundTrip(must(http.NewRequest("GET", "http://"+e.Node.OpsAddress()+path, nil)))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != 404 {
			t.Errorf("%s answers %d on the operators' listener", path, answer.StatusCode)
		}
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
