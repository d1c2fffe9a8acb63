package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/testenv"
	"narthex/internal/wire"
	"narthex/ledger"
)

// entry is one of the ledger, with when it happened.
type entry struct {
	ledger.Opening
	at time.Time
}

// entries gives every entry of the running node, as an auditor reads them. The reading is one too, and so is the log-in.
func entries(t *testing.T, e *testenv.Env) []entry {
	t.Helper()
	auditor, err := e.Client.Login(t.Context(), e.People["lea"].Login)
	if err != nil {
		t.Fatal(err)
	}
	var export bytes.Buffer
	if err := e.Client.With(auditor.Token).Export(t.Context(), &export); err != nil {
		t.Fatal(err)
	}
	var list []entry
	for line := range bytes.Lines(export.Bytes()) {
		var read struct {
			Record  []byte
			Opening *ledger.Opening
		}
		if err := json.Unmarshal(line, &read); err != nil {
			t.Fatal(err)
		}
		if read.Opening == nil {
			continue // the first line, and the last
		}
		record, err := ledger.ParseRecord(read.Record)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, entry{*read.Opening, record.Time()})
	}
	return list
}

// dump is every byte that a thief of the database has.
func dump(t testing.TB, e *testenv.Env) []byte {
	t.Helper()
	var all []byte
	err := filepath.WalkDir(filepath.Join(e.Dir, "data"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all = append(all, data...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestWhatIsStoredOfATokenIsNoToken: the database holds no token, and what it holds in its place opens nothing, in any form of it.
func TestWhatIsStoredOfATokenIsNoToken(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(100_000, nil))
	ada := session(t, e, "ada")
	invited, err := e.People["carol"].Invite(t.Context(), client.Invite{Name: "X", Email: "x@x.test", OrgName: "Y"})
	if err != nil {
		t.Fatal(err)
	}
	stored := dump(t, e)
	letters := base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
	for kind, token := range map[wire.TokenKind]string{wire.KeyToken: key, wire.SessionToken: ada, wire.CodeToken: invited.Code} {
		hash := wire.HashToken(narthex.NewSecret(token))
		if bytes.Contains(stored, []byte(token)) || !bytes.Contains(stored, []byte(hash)) {
			t.Fatalf("the database holds a token of kind %s, or not its digest", kind)
		}
		raw, err := hex.DecodeString(hash)
		if err != nil {
			t.Fatal(err)
		}
		whole := string(kind) + letters.EncodeToString(raw) // a token of the right form, its checksum included
		sum := sha256.Sum256([]byte(whole))
		whole += letters.EncodeToString(sum[:])[:6]
		if _, err := wire.ParseToken(kind, narthex.NewSecret(whole)); err != nil {
			t.Fatalf("the token made of a digest is not well formed: %v", err)
		}
		for _, tried := range []string{hash, strings.ToUpper(hash), string(kind) + hash, whole, letters.EncodeToString(raw)} {
			var got []said
			switch kind {
			case wire.KeyToken:
				got = converse(t, e, request("POST", chats, tried, testenv.Hello, closing))
			case wire.SessionToken:
				got = converse(t, e, request("GET", "/api/whoami", tried, "", closing))
			default:
				if _, err := redeem(t, e, tried); !narthex.IsKind(err, narthex.Unauthenticated) {
					t.Errorf("a stored digest is redeemed: %v", err)
				}
				continue
			}
			if !slices.Equal(statuses(got), []int{401}) {
				t.Errorf("what is stored of a token of kind %s opens: %v", kind, got)
			}
		}
	}
	if status, body, err := e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 200 {
		t.Errorf("the token itself: %d %s %v", status, body, err)
	}
}

// TestNothingIsTakenOffAToken: with anything added, wherever it is added, a token is another, which nobody has.
func TestNothingIsTakenOffAToken(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(100_000, nil))
	ada := session(t, e, "ada")
	invited, err := e.People["carol"].Invite(t.Context(), client.Invite{Name: "X", Email: "x@x.test", OrgName: "Y"})
	if err != nil {
		t.Fatal(err)
	}
	added := map[string]string{"a space": " ", "a tab": "\t", "a return": "\r", "a line feed": "\n", "a line": "\r\nX: ", "a NUL": "\x00", "a no-break space": "\u00a0", "a zero-width space": "\u200b", "a byte order mark": "\ufeff",
		"a quote": `"`, "a comma": ",", "a letter": "a", "an equals sign": "="}
	for name, more := range added {
		for where, put := range map[string]func(string) string{
			"before": func(s string) string { return more + s }, "after": func(s string) string { return s + more }, "inside": func(s string) string { return s[:30] + more + s[30:] },
			"before and after": func(s string) string { return more + s + more },
		} {
			for path, token := range map[string]string{"/v1/models": key, "/api/whoami": ada} {
				list := converse(t, e, request("GET", path, put(token), "", closing))
				// HTTP itself knows no space or tab after a header's value: it is gone before anyone reads.
				outside := where == "after" && strings.Trim(more, " \t") == ""
				// A line feed ends the header's line, and what follows is another header, or none.
				split := where == "after" && strings.Contains(more, "\n")
				if !outside && !split && (len(list) != 1 || list[0].status != 401 && list[0].status != 400) {
					t.Errorf("%s %s a token at %s: %v", name, where, path, list)
				}
			}
			if _, err := redeem(t, e, put(invited.Code)); !narthex.IsKind(err, narthex.Unauthenticated) && !narthex.IsKind(err, narthex.Invalid) {
				t.Errorf("%s %s a code: %v", name, where, err)
			}
		}
	}
	wide := strings.Map(func(r rune) rune {
		if r >= '2' && r <= '7' {
			return r - '0' + '０'
		}
		return r
	}, invited.Code)
	for name, code := range map[string]string{"full-width digits": wide, "upper case": strings.ToUpper(invited.Code), "nothing": "", "its kind alone": "nc_"} {
		if code == invited.Code {
			t.Fatalf("the code has no letter to change")
		}
		if _, err := redeem(t, e, code); !narthex.IsKind(err, narthex.Unauthenticated) {
			t.Errorf("a code with %s: %v", name, err)
		}
	}
	if _, err := redeem(t, e, invited.Code); err != nil {
		t.Errorf("the code itself: %v", err)
	}
}

// TestTwoCredentialsAreNone: in whatever order, and whichever of them is right.
func TestTwoCredentialsAreNone(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(100_000, nil))
	for _, other := range []string{"Authorization: Bearer wrong", "Authorization: Bearer " + key, "Authorization: Basic eDp5", "Authorization:", "X-Api-Key: " + key, "Api-Key: " + key, "Cookie: session=" + key, "Proxy-Authorization: Bearer " + key} {
		right := "Authorization: Bearer " + key
		for _, headers := range [][]string{{right, other, closing}, {other, right, closing}} {
			list := converse(t, e, request("POST", chats, "", testenv.Hello, headers...))
			if len(list) != 1 || list[0].status != 400 || !strings.Contains(list[0].body, "two_credentials") {
				t.Errorf("%.20s… and %.20s…: %v", headers[0], headers[1], list)
			}
		}
		if other == "Authorization: Bearer "+key {
			continue // alone it is the right one
		}
		if alone := converse(t, e, request("POST", chats, "", testenv.Hello, other, closing)); !slices.Equal(statuses(alone), []int{401}) {
			t.Errorf("%.20s… alone: %v", other, alone)
		}
	}
	if calls := e.Model.Calls(); calls != 0 {
		t.Errorf("%d of these reached the model", calls)
	}
}

// TestAOneTimeCodeWorksOnce, also for a thousand at once, each with a log-in key of their own.
func TestAOneTimeCodeWorksOnce(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	invited, err := e.People["carol"].Invite(t.Context(), client.Invite{Name: "X", Email: "x@x.test", OrgName: "Y"})
	if err != nil {
		t.Fatal(err)
	}
	before := verified(t, e).ByType
	const many = 1000
	results, start := make(chan error, many), make(chan struct{})
	for range many {
		go func() {
			key, err := client.NewKey()
			<-start
			if err == nil {
				_, err = e.Client.Redeem(context.Background(), invited.Code, key)
			}
			results <- err
		}()
	}
	close(start)
	worked := 0
	for range many {
		if err := <-results; err == nil {
			worked++
		} else if !narthex.IsKind(err, narthex.Unauthenticated) {
			t.Errorf("%v", err)
		}
	}
	after := verified(t, e).ByType
	if enrolled := after[narthex.EntryPersonEnrolled] - before[narthex.EntryPersonEnrolled]; worked != 1 || enrolled != 1 {
		t.Errorf("one code worked %d times and enrolled %d people", worked, enrolled)
	}
}

// TestNobodyChangesTheirOwnLimits: no body has a field for a budget, and a key is not made wider than its grant.
func TestNobodyChangesTheirOwnLimits(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	grant, key := e.Grant(t, "", testenv.Tokens(100, nil))
	ada := e.People["ada"]
	before := budget(t, e, key)
	for path, body := range map[string]string{
		"/api/grants/" + string(grant.ID) + "/keys":              `{"label":"x","budgets":[{"allowed":1000000}]}`,
		"/api/grants/" + string(grant.ID):                        `{"terms":[{"attribute":"model.sample","asset":"model","limits":{"tokens":1000000}}]}`,
		"/api/whoami":                                            `{"roles":["custodian"],"quota":1000000}`,
		"/api/people/" + string(ada.ID):                          `{"roles":["custodian"]}`,
		"/api/engagements/" + string(grant.Engagement) + "/edit": `{"pathway":"test","title":"x","answers":{"why":"x"},"terms":[{"attribute":"model.sample","asset":"model","limits":{"tokens":1000000}}]}`,
	} {
		for _, method := range []string{"POST", "PUT", "PATCH"} {
			answer, err := ada.Do(t.Context(), method, path, json.RawMessage(body))
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode < 400 || answer.StatusCode >= 500 {
				t.Errorf("%s %s: %d", method, path, answer.StatusCode)
			}
		}
	}
	if _, err := ada.Mint(t.Context(), grant.ID, client.Mint{Label: "x", Terms: []narthex.Term{testenv.Tokens(1_000_000, nil)}}); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("a key with a wider budget: %v", err)
	}
	if after := budget(t, e, key); after != before {
		t.Errorf("the budget was %+v and is %+v", before, after)
	}
	minted, err := ada.Mint(t.Context(), grant.ID, client.Mint{Label: "another"})
	if err != nil {
		t.Fatal(err)
	}
	if after := budget(t, e, minted.Token); after.Left != before.Left {
		t.Errorf("with another key the budget is %+v", after)
	}
	// Nor does anybody's role help: the lab's people hold no key, and a session opens no door.
	for _, name := range []string{"carol", "dan", "sam", "olga", "lea"} {
		if list := converse(t, e, request("POST", chats, session(t, e, name), testenv.Hello, closing)); !slices.Equal(statuses(list), []int{401}) {
			t.Errorf("%s at the door: %v", name, list)
		}
		if _, err := e.People[name].Mint(t.Context(), grant.ID, client.Mint{Label: "x"}); err == nil {
			t.Errorf("%s has a key of a grant that does not name them", name)
		}
	}
}
