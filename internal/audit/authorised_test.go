package audit_test

import (
	"slices"
	"strings"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/audit"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/testenv"
)

// authorisedHistory is a grant that rests on an authorisation, which came after a lock on the official was lifted, and its use.
func authorisedHistory(t *testing.T) *testenv.Env {
	t.Helper()
	e := testenv.New(t, testenv.Options{})
	locked, err := e.People["carol"].Lock(t.Context(), client.LockRequest{Subject: "person", Target: string(e.People["otto"].ID), Reason: "safety"})
	must(t, err)
	_, err = e.People["dan"].Unlock(t.Context(), locked.Lock.ID)
	must(t, err)
	again(t, e)
	e.Authorise(t, "otto", "ada", 30)
	_, key := e.Grant(t, "", testenv.Tokens(1000, nil))
	status, body, err := e.Chat(t.Context(), key, testenv.Hello)
	must(t, err)
	if status != 200 {
		t.Fatal(body)
	}
	_, err = e.People["otto"].Unauthorise(t.Context(), e.People["ada"].ID)
	must(t, err)
	if status, body, err = e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 403 {
		t.Fatal(status, body, err)
	}
	return e
}

// spoilings are entries that a lab with the ledger's key wrote otherwise, so that the authorisation was not in force at the offer.
var spoilings = map[string]func(t *testing.T, c *copyOf){
	"whom it is for": func(t *testing.T, c *copyOf) {
		c.set(t, c.find(t, narthex.EntryPersonAuthorised, "person", "per_"), "person", `"per_aaaaaaaaaaaaaaaaaaaaaaaaaa"`)
	},
	"when it ends": func(t *testing.T, c *copyOf) {
		c.set(t, c.find(t, narthex.EntryPersonAuthorised, "person", "per_"), "not_after", `"2001-01-01T00:00:00Z"`)
	},
	"what it is for": func(t *testing.T, c *copyOf) {
		c.set(t, c.find(t, narthex.EntryPersonAuthorised, "person", "per_"), "pathways", `["another"]`)
	},
	"whose it is": func(t *testing.T, c *copyOf) {
		at := c.find(t, narthex.EntryPersonAuthorised, "person", "per_")
		c.set(t, at, "by", c.openings[at].Field("person"))
	},
	"a lock of the official that was not lifted": func(t *testing.T, c *copyOf) {
		c.set(t, c.find(t, narthex.EntryLockLifted, "subject", "person"), "lock", `"lck_aaaaaaaaaaaaaaaaaaaaaaaaaa"`)
	},
	"that there was any": func(t *testing.T, c *copyOf) {
		c.set(t, c.find(t, narthex.EntryPersonAuthorised, "person", "per_"), "authorisation", `"sha256:0"`)
	},
}

// TestAnOfferOnNoAuthorisationIsNamed: where the entries before an offer do not make an authorisation that was in force at that moment,
// the offer, which stands unchanged in the tables, is named; so are the grant and the call, without the tables too.
func TestAnOfferOnNoAuthorisationIsNamed(t *testing.T) {
	e := authorisedHistory(t)
	honest := takeHome(t, e)
	if report := honest.replay(t); report.Differs() || report.Allowed != 1 || report.Denied != 1 {
		t.Fatalf("the honest export: %+v", report)
	}
	s, key := stopped(t, e)
	rows := freeze(t, s)
	if report := compared(t, rows, key); len(report.Differences) != 0 {
		show(t, report.Differences)
		t.Fatal("the honest tables have differences")
	}
	for name, spoil := range spoilings {
		t.Run(name, func(t *testing.T) {
			forged := *honest
			forged.records, forged.openings = slices.Clone(honest.records), slices.Clone(honest.openings)
			spoil(t, &forged)
			report := forged.replay(t)
			grant := slices.ContainsFunc(report.Impossible, func(d client.Difference) bool { return d.Table == string(store.Grants) })
			if !grant || len(report.Differences) == 0 {
				t.Errorf("the grant is named: %t; calls: %v", grant, report.Differences)
			}
			offers := slices.DeleteFunc(beside(t, rows, key, &forged).Differences, func(d client.Difference) bool {
				return d.Table != string(store.Events) || !strings.Contains(d.Found, "an offer on an authorisation")
			})
			if len(offers) != 1 {
				t.Errorf("the offer is named %d times", len(offers))
			}
		})
	}
}

// beside folds forged entries beside the tables as they are.
func beside(t *testing.T, rows frozen, key string, c *copyOf) client.Audit {
	t.Helper()
	f, err := audit.NewFold()
	must(t, err)
	must(t, f.Entries(rows, 0))
	for i, record := range c.records {
		must(t, f.Entry(uint64(i), record, c.openings[i]))
	}
	head, err := journal.ReadHead(rows)
	must(t, err)
	report, err := f.Compare(rows, head, key)
	must(t, err)
	return report
}
