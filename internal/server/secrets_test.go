package server_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/store"
	"narthex/internal/testenv"
	"narthex/internal/wire"
)

// forms are the ways in which a text could stand somewhere: as it is, in hex, and in base64 wherever it begins.
func forms(secret string) []string {
	found := []string{secret, hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret)))}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			coded := encoding.EncodeToString([]byte(strings.Repeat(".", before) + secret))
			found = append(found, coded[(before*8+5)/6:len(coded)-2])
		}
	}
	return found
}

// secretLife uses a node in every way that a secret comes in by, and gives the secrets by what they are.
func secretLife(t *testing.T, e *testenv.Env) (secrets map[string]string, key string) {
	t.Helper()
	const prompt, answer, failure = "prompt-canary-51b7", "answer-canary-51b7", "failure-canary-51b7"
	grant, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	minted, err := e.People["ada"].Mint(t.Context(), grant.ID, client.Mint{Label: "agent"})
	if err != nil {
		t.Fatal(err)
	}
	invited, err := e.People["carol"].Invite(t.Context(), client.Invite{Name: "X", Email: "x@x.test", OrgName: "Y"})
	if err != nil {
		t.Fatal(err)
	}
	specialist := must(e.People["sam"].AskOpinion(t.Context(), submitted(t, e).Engagement.ID, vera()))
	login := must(e.Client.RedeemOpinion(t.Context(), client.RedeemOpinion{Engagement: specialist.Engagement, Code: specialist.Code}))
	secrets = map[string]string{"a prompt": prompt, "an answer": answer, "a failing model's text": failure, "a key": key, "another key": minted.Token, "a code": invited.Code,
		"a specialist's code": specialist.Code, "a specialist's log-in": login.Token, "the model's credential": testenv.Credential, "a session": session(t, e, "ada")}
	for name, p := range e.People {
		for of, private := range map[string]ed25519.PrivateKey{"log-in": p.Login, "signing": p.Signer} {
			if private != nil {
				secrets["the "+of+" key of "+name] = string(private.Seed())
			}
		}
	}
	signer, err := os.ReadFile(filepath.Join(e.Config().Data, "ledger.key"))
	if err != nil {
		t.Fatal(err)
	}
	secrets["the ledger's key"] = strings.TrimSpace(string(signer))
	marks, err := os.ReadFile(filepath.Join(e.Config().Data, "mark.key"))
	if err != nil {
		t.Fatal(err)
	}
	secrets["the secret of watermarks"] = string(must(base64.StdEncoding.DecodeString(string(marks))))
	ask := func(path, body string) { _, _, _ = e.Post(t.Context(), path, key, body) } // a stream may end without its last word
	e.Model.Handle(testenv.Answer(answer, 7, 5))
	for _, more := range []string{`"max_tokens":5`, `"max_tokens":5,"stream":true`, `"max_tokens":5000`, `"max_tokens":7`, `"user":"` + prompt + `"`, `"stop":"` + prompt + `"`} {
		ask("/v1/chat/completions", strings.Replace(say(more), `"content":"`, `"content":"`+prompt+" ", 1))
	}
	ask("/v1/completions", `{"model":"model","prompt":"`+prompt+`","max_tokens":5}`)
	ask("/v1/chat/completions", prompt)
	e.Model.Handle(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, failure, http.StatusInternalServerError) })
	ask("/v1/chat/completions", say(`"max_tokens":5`))
	for _, wrong := range []string{minted.Token + "x", secrets["a session"]} {
		if _, _, err := e.Chat(t.Context(), wrong, testenv.Hello); err != nil {
			t.Fatal(err)
		}
	}
	if e.Model.Calls() < 4 {
		t.Fatal("hardly anything reached the model")
	}
	return secrets, key
}

// TestNoSecretStandsInEntriesRowsOrLogs looks for every secret and every word of calls in what the entries say, in every row of
// the store, and in what the node logs, as they are and coded.
func TestNoSecretStandsInEntriesRowsOrLogs(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		logged := &log{}
		if url != "" {
			url = strings.Replace(url, "narthex@", "narthex:database-canary-51b7@", 1)
		}
		e := testenv.New(t, testenv.Options{Store: url, Log: logged})
		secrets, key := secretLife(t, e)
		if url != "" {
			secrets["the database's password"] = "database-canary-51b7"
		}
		held := map[string]string{}
		said := entries(t, e)
		for _, entry := range said {
			for _, field := range entry.Fields {
				held["an entry "+string(entry.Type)+", "+field.Name] += field.Value + "\n"
			}
		}
		if err := e.Node.Close(); err != nil {
			t.Fatal(err)
		}
		held["the log"] = logged.text.String()
		rows := beside(t, e)
		defer rows.Close()
		err := rows.View(t.Context(), func(r store.Reader) error {
			for _, table := range store.Tables() {
				list, err := r.Scan(table, store.Span{Limit: 1 << 20})
				if err != nil {
					return err
				}
				for _, row := range list {
					held["a row of "+string(table)] += row.Key + "\n" + string(row.Value) + "\n"
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if digest := wire.HashToken(narthex.NewSecret(key)); !strings.Contains(held["a row of keys"], digest) || len(said) < 30 || !strings.Contains(held["the log"], "a call failed") {
			t.Fatal("nothing is held, so nothing could be found")
		}
		for where, text := range held {
			for what, secret := range secrets {
				for _, form := range forms(secret) {
					if at := strings.Index(text, form); at >= 0 {
						t.Errorf("%s holds %s: …%q…", where, what, text[max(0, at-60):min(len(text), at+60)])
					}
				}
			}
		}
	})
}

// TestASecretIsFoundHoweverItIsCoded: the search finds what it looks for.
func TestASecretIsFoundHoweverItIsCoded(t *testing.T) {
	const secret = "a-secret-canary"
	for _, text := range []string{secret, hex.EncodeToString([]byte("before" + secret + "after")), base64.StdEncoding.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte("a" + secret + "after")), base64.URLEncoding.EncodeToString([]byte("be" + secret))} {
		found := false
		for _, form := range forms(secret) {
			found = found || strings.Contains(text, form)
		}
		if !found {
			t.Errorf("it is not found in %s", text)
		}
	}
}
