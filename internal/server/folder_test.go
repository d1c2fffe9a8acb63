package server_test

import (
	"encoding/json"
	"strings"
	"testing"

	"narthex/internal/lab"
	"narthex/internal/testenv"
)

// TestWhereBytesLieIsNotTold: the folder of a version is a matter of the node's host. The lab's people are told which bytes they are, and
// outsiders that neither.
func TestWhereBytesLieIsNotTold(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	e := testenv.New(t, testenv.Options{Files: func(files lab.Files) {
		asset := string(files["assets/model.yaml"])
		files["assets/model.yaml"] = []byte(strings.Replace(asset, "upstream: upstream-final}", "upstream: upstream-final, folder: /srv/vault-7, digest: \""+digest+"\"}", 1))
	}})
	for name, knows := range map[string]bool{"olga": true, "ada": false} {
		state, err := e.People[name].Lab(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(state)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "vault-7") || strings.Contains(string(text), digest) != knows {
			t.Errorf("%s is told %s", name, text)
		}
	}
}
