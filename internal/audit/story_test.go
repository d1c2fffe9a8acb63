package audit_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/agreement"
	"narthex/internal/testenv"
	"narthex/ledger"
	"narthex/policy"
)

// TestAForgedStoryIsNamed: what a lab with the ledger's key wrote otherwise around the calls, so that each decision follows from
// it, is named where the agreement or an entry before it says otherwise.
func TestAForgedStoryIsNamed(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1000, nil))
	for range 2 {
		_, _, err := e.Chat(t.Context(), key, testenv.Hello)
		must(t, err)
	}
	honest := takeHome(t, e)
	if report := honest.replay(t); report.Differs() || report.Allowed != 2 {
		t.Fatalf("the honest export: %+v", report)
	}
	ada := string(e.People["ada"].ID)
	var org string
	for _, a := range honest.papers.agreements {
		org = a.Parties[0].Org
	}
	instead := func(id string) string { return id[:4] + strings.Repeat("a", len(id)-4) }
	for name, forge := range map[string]func(t *testing.T, c *copyOf){
		"whom the grant is for":  func(t *testing.T, c *copyOf) { c.replaceAll(t, ada, instead(ada)) },
		"whose people it is for": func(t *testing.T, c *copyOf) { c.replaceAll(t, org, instead(org)) },
		"how many people approved": func(t *testing.T, c *copyOf) {
			for digest, a := range c.papers.agreements {
				more := *a
				more.Approvals++
				is, err := agreement.Digest(more)
				must(t, err)
				c.papers.agreements[is] = &more
				c.replaceAll(t, string(digest), string(is))
			}
		},
		"a session that nobody opened, and an erasure of nothing": func(t *testing.T, c *copyOf) {
			c.add(t, narthex.EntrySessionEnded, narthex.TextField("person", ada), narthex.TextField("session", "ses_"+strings.Repeat("a", 26)))
			c.add(t, narthex.EntryOpeningsErased, narthex.TextField("person", ada), narthex.TextField("by", ada), narthex.TextField("reason", "asked"), narthex.CanonicalField("entries", "[]"))
		},
		"a demand of one answer for none": func(t *testing.T, c *copyOf) { cheapen(t, c, `"step":1`, `"step":0`) },
		"a demand that no length bounds":  func(t *testing.T, c *copyOf) { cheapen(t, c, `"each":"max_tokens",`, ``) },
	} {
		t.Run(name, func(t *testing.T) {
			forged := *honest
			forged.records, forged.openings = append([]ledger.Record{}, honest.records...), append([]ledger.Opening{}, honest.openings...)
			forged.papers.agreements = map[narthex.Digest]*narthex.Agreement{}
			for digest, a := range honest.papers.agreements {
				forged.papers.agreements[digest] = a
			}
			forge(t, &forged)
			if report := forged.replay(t); !report.Differs() {
				t.Errorf("nothing is named: %+v", report)
			}
		})
	}
}

// add appends an entry.
func (c *copyOf) add(t testing.TB, kind narthex.EntryType, fields ...narthex.Field) {
	t.Helper()
	at := c.records[len(c.records)-1].Time().Add(time.Millisecond)
	record, opening, err := ledger.Seal(narthex.Entry{Type: kind, At: at, Fields: fields}, [32]byte{9})
	must(t, err)
	c.records, c.openings = append(c.records, record), append(c.openings, opening)
}

// cheapen writes a call's demand otherwise, and everything that follows from it: the call took its prompt and no answer.
func cheapen(t *testing.T, c *copyOf, old, new string) {
	t.Helper()
	at := c.find(t, narthex.EntryCallIntent, "asset", "model")
	var facts policy.Facts
	must(t, json.Unmarshal([]byte(c.openings[at].Field("facts")), &facts))
	demand := facts.Demands[1]
	form := strings.NewReplacer(old, new, fmt.Sprintf(`"least":%d,"most":%d`, demand.Least, demand.Most), fmt.Sprintf(`"least":%d,"most":%d`, demand.Fixed, demand.Fixed)).Replace(c.openings[at].Field("facts"))
	c.set(t, at, "facts", form)
	c.set(t, at, "reserved", strings.ReplaceAll(c.openings[at].Field("reserved"), fmt.Sprintf(`"amount":%d,`, demand.Most), fmt.Sprintf(`"amount":%d,`, demand.Fixed)))
}
