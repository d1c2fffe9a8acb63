package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/audit"
	"narthex/internal/lab"
	"narthex/internal/testenv"
	"narthex/ledger"
)

// papers is documents in memory.
type papers struct {
	agreements  map[narthex.Digest]*narthex.Agreement
	directories map[narthex.Digest]lab.Files
}

func (p papers) Agreement(digest narthex.Digest) (*narthex.Agreement, error) {
	return p.agreements[digest], nil
}
func (p papers) Directory(digest narthex.Digest) (lab.Files, error) {
	return p.directories[digest], nil
}

// copyOf is what an auditor takes home: every entry, and the documents.
type copyOf struct {
	signer   note.Signer
	key      string
	records  []ledger.Record
	openings []ledger.Opening
	papers   papers
}

func takeHome(t testing.TB, e *testenv.Env) *copyOf {
	t.Helper()
	c := &copyOf{signer: signerOf(t, e), key: e.Node.LogKey(), papers: papers{map[narthex.Digest]*narthex.Agreement{}, map[narthex.Digest]lab.Files{}}}
	var export, documents bytes.Buffer
	must(t, e.People["lea"].Export(t.Context(), &export))
	must(t, e.People["lea"].Documents(t.Context(), &documents))
	_, err := ledger.VerifyEach(&export, c.key, func(_ uint64, record ledger.Record, opening *ledger.Opening) error {
		c.records, c.openings = append(c.records, record), append(c.openings, *opening)
		return nil
	})
	must(t, err)
	for line := range bytes.Lines(documents.Bytes()) {
		var d client.Document
		must(t, json.Unmarshal(line, &d))
		if d.Agreement != nil {
			c.papers.agreements[d.Digest] = d.Agreement
		} else if d.Files != nil {
			c.papers.directories[d.Digest] = d.Files
		}
	}
	return c
}

// set writes a field of an entry anew; the lab that does it has the key.
func (c *copyOf) set(t testing.TB, index int, name, value string) {
	t.Helper()
	entry := narthex.Entry{Type: c.openings[index].Type, At: c.records[index].Time()}
	for _, field := range c.openings[index].Fields {
		if field.Name == name {
			field.Value = value
		}
		entry.Fields = append(entry.Fields, field)
	}
	var err error
	c.records[index], c.openings[index], err = ledger.Seal(entry, c.openings[index].Seed)
	must(t, err)
}

// replaceAll writes one text in the place of another in every entry.
func (c *copyOf) replaceAll(t testing.TB, old, new string) {
	t.Helper()
	for i, o := range c.openings {
		for _, field := range o.Fields {
			if strings.Contains(field.Value, old) {
				c.set(t, i, field.Name, strings.ReplaceAll(field.Value, old, new))
			}
		}
	}
}

// find gives the first entry of a type whose named field holds a text.
func (c *copyOf) find(t testing.TB, kind narthex.EntryType, field, text string) int {
	t.Helper()
	for i, o := range c.openings {
		if o.Type == kind && strings.Contains(o.Field(field), text) {
			return i
		}
	}
	t.Fatalf("there is no %s whose %s holds %s", kind, field, text)
	return 0
}

func (c *copyOf) replay(t testing.TB) audit.Replayed {
	t.Helper()
	var tree ledger.Tree
	tree.Append(c.records...)
	checkpoint, err := ledger.SignCheckpoint(c.signer, tree.Size(), tree.Root())
	must(t, err)
	var out bytes.Buffer
	exporter, err := ledger.NewExporter(&out, c.key, checkpoint)
	must(t, err)
	for i, record := range c.records {
		must(t, exporter.Entry(record, &c.openings[i]))
	}
	must(t, exporter.Close())
	report, err := audit.ReplayExport(&out, c.key, c.papers)
	must(t, err)
	return report
}

// forgery is something that a lab with the ledger's key wrote otherwise than it was. It gives the call that no longer
// follows, or a negative number where that is any.
type forgery func(t *testing.T, c *copyOf) int

func swap(kind narthex.EntryType, holds [2]string, field, old, new string) forgery {
	return func(t *testing.T, c *copyOf) int {
		at := c.find(t, kind, holds[0], holds[1])
		was := c.openings[at].Field(field)
		now := strings.Replace(was, old, new, 1)
		if now == was {
			t.Fatalf("%s of entry %d does not hold %s: %s", field, at, old, was)
		}
		c.set(t, at, field, now)
		return at
	}
}

// TestAForgedDecisionIsNamed: the export of a lab that wrote one recorded decision, fact, term or guardrail otherwise, and
// signed it, does not replay, and the call is named.
func TestAForgedDecisionIsNamed(t *testing.T) {
	e := history(t, testenv.Options{})
	honest := takeHome(t, e)
	if report := honest.replay(t); report.Differs() || len(report.Missing) > 0 || report.Allowed == 0 || report.Denied == 0 || report.Unread == 0 || report.Untold != 0 {
		for _, d := range report.Differences {
			t.Error(d.InWords())
		}
		t.Fatalf("the honest export: %+v", report)
	}
	intent, denied := narthex.EntryCallIntent, narthex.EntryCallDenied
	any := func(f func(t *testing.T, c *copyOf)) forgery {
		return func(t *testing.T, c *copyOf) int { f(t, c); return -1 }
	}
	for name, forge := range map[string]forgery{
		"the clause of an allowance":   swap(intent, [2]string{"clauses", "2.1"}, "clauses", "2.1", "2.9"),
		"what was reserved":            swap(intent, [2]string{"asset", "model"}, "reserved", `"amount":`, `"amount":1`),
		"a fact that was too much":     swap(intent, [2]string{"uses", `"max_tokens","value":5`}, "uses", `"max_tokens","value":5`, `"max_tokens","value":5000`),
		"a fact that a guardrail sees": swap(intent, [2]string{"uses", `"max_tokens","value":5`}, "uses", `"max_tokens","value":5`, `"max_tokens","value":7`),
		"an attribute not granted":     swap(intent, [2]string{"uses", `model.sample`}, "uses", "model.sample", "model.base"),
		"the demand":                   swap(intent, [2]string{"facts", `"least"`}, "facts", `"least":1`, `"least":-1`),
		"the actor":                    swap(intent, [2]string{"facts", `"human"`}, "facts", "human", "agent"),
		"the person":                   swap(intent, [2]string{"facts", string(e.People["ada"].ID)}, "facts", string(e.People["ada"].ID), string(e.People["ada2"].ID)),
		"the region":                   swap(intent, [2]string{"facts", `"fr"`}, "facts", `"fr"`, `"de"`),
		"the version":                  swap(intent, [2]string{"version", "final"}, "version", "final", "middle"),
		"what a key does not show":     swap(intent, [2]string{"facts", `"agent"`}, "version", "final", "early"),
		"the asset":                    swap(intent, [2]string{"asset", "model"}, "asset", "model", "hidden"),
		"the reason of a denial":       swap(denied, [2]string{"reasons", "limit_exceeded"}, "reasons", "limit_exceeded", "not_granted"),
		"the limit of a denial":        swap(denied, [2]string{"reasons", `"limit":"max_tokens"`}, "reasons", `"limit":"max_tokens"`, `"limit":"n"`),
		"the guardrail of a denial":    swap(denied, [2]string{"reasons", "no-seven"}, "reasons", "no-seven", "no-eight"),
		"a lock that was not":          swap(denied, [2]string{"reasons", "withheld"}, "reasons", "withheld", "locked"),
		"a denied use that was fine":   swap(denied, [2]string{"uses", `"max_tokens","value":7`}, "uses", `"max_tokens","value":7`, `"max_tokens","value":6`),
		"the directory of a call":      swap(intent, [2]string{"asset", "model"}, "directory", "sha256:", "sha256:0"),
		"the agreement of a call":      swap(intent, [2]string{"asset", "model"}, "agreement", "sha256:", "sha256:0"),
		"the terms of a key": any(func(t *testing.T, c *copyOf) {
			c.set(t, c.find(t, narthex.EntryKeyMinted, "actor", "agent"), "terms", `[{"asset":"model","attribute":"model.seed","clause":"2.1","limits":{}}]`)
		}),
		"whom a lock stopped": any(func(t *testing.T, c *copyOf) {
			c.set(t, c.find(t, narthex.EntryLockSet, "subject", "org"), "target", `"org_aaaaaaaaaaaaaaaaaaaaaaaaaa"`)
		}),
		"the state of a person": any(func(t *testing.T, c *copyOf) {
			c.set(t, c.find(t, narthex.EntryPersonChanged, "state", "suspended"), "state", `"active"`)
		}),
		"what a call used": any(func(t *testing.T, c *copyOf) {
			for i, o := range c.openings { // so that the budget of a day is spent
				if o.Type == narthex.EntryCallOutcome && o.Text("status") == "served" {
					c.set(t, i, "used", strings.Replace(o.Field("used"), `[{"amount":1,"unit":"calls"},{"amount":12,`, `[{"amount":1,"unit":"calls"},{"amount":-1,`, 1))
				}
			}
		}),
		"a term that was signed": any(func(t *testing.T, c *copyOf) {
			for digest, a := range c.papers.agreements {
				lower := *a
				lower.Terms = nil
				form, err := json.Marshal(a.Terms)
				must(t, err)
				must(t, json.Unmarshal([]byte(strings.ReplaceAll(string(form), `"max_tokens":100`, `"max_tokens":3`)), &lower.Terms))
				is, err := agreement.Digest(lower)
				must(t, err)
				delete(c.papers.agreements, digest)
				c.papers.agreements[is] = &lower
				c.replaceAll(t, string(digest), string(is))
			}
		}),
		"a guardrail that was in force": any(func(t *testing.T, c *copyOf) {
			digest := narthex.Digest(c.openings[0].Text("directory"))
			files := lab.Files{}
			for name, data := range c.papers.directories[digest] {
				files[name] = bytes.ReplaceAll(data, []byte("max_tokens == 7"), []byte("max_tokens == 5"))
			}
			loaded, problems := lab.Load(files)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			c.papers.directories[files.Digest()] = files
			c.replaceAll(t, string(digest), string(files.Digest()))
			c.set(t, 0, "guardrails", strconv.Quote(string(loaded.GuardrailsDigest())))
		}),
	} {
		t.Run(name, func(t *testing.T) {
			forged := *honest
			forged.records, forged.openings = append([]ledger.Record{}, honest.records...), append([]ledger.Opening{}, honest.openings...)
			forged.papers = papers{map[narthex.Digest]*narthex.Agreement{}, map[narthex.Digest]lab.Files{}}
			for digest, a := range honest.papers.agreements {
				forged.papers.agreements[digest] = a
			}
			for digest, files := range honest.papers.directories {
				forged.papers.directories[digest] = files
			}
			at := forge(t, &forged)
			report := forged.replay(t)
			for _, d := range report.Differences {
				if at < 0 || d.Call == narthex.MakeCallID(uint64(at)) {
					return
				}
			}
			t.Errorf("call %d is not named: %+v", at, report)
		})
	}
}

// TestADocumentIsBelievedByItsDigest: what is not at hand, or is another text, is said and not decided by.
func TestADocumentIsBelievedByItsDigest(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1000, nil))
	_, _, err := e.Chat(t.Context(), key, testenv.Hello)
	must(t, err)
	c := takeHome(t, e)
	for digest, a := range c.papers.agreements {
		other := *a
		other.Title += "!"
		for _, as := range []*narthex.Agreement{nil, &other} {
			c.papers.agreements[digest] = as
			if report := c.replay(t); len(report.Missing) != 1 || report.Missing[0] != digest || report.Allowed != 0 || report.Untold == 0 {
				t.Errorf("without the agreement: %+v", report)
			}
		}
		c.papers.agreements[digest] = a
	}
	if report := c.replay(t); report.Allowed != 1 || len(report.Missing) != 0 {
		t.Errorf("with it: %+v", report)
	}
}

// TestRigRandomHistoriesReplay lets random things happen at a node, and then every decision follows again and every row is
// what the entries say. It prints its seed; NARTHEX_SEED repeats it. NARTHEX_RIG=long takes many more steps.
func TestRigRandomHistoriesReplay(t *testing.T) {
	seed, steps := uint64(time.Now().UnixNano()), 120
	if os.Getenv("NARTHEX_RIG") == "long" {
		steps = 5000
	}
	if given := os.Getenv("NARTHEX_SEED"); given != "" {
		_, err := fmt.Sscan(given, &seed)
		must(t, err)
	}
	t.Logf("NARTHEX_SEED=%d go test ./internal/audit -run TestRigRandomHistoriesReplay", seed)
	w := &world{T: t, draw: mathrand.New(mathrand.NewPCG(seed, 0)), e: testenv.New(t, testenv.Options{})}
	w.begin()
	for range steps {
		w.step()
	}
	report := takeHome(t, w.e).replay(t)
	if report.Differs() || len(report.Missing) > 0 || report.Untold > 0 {
		for _, d := range report.Differences {
			t.Error(d.InWords())
		}
		show(t, report.Impossible)
		t.Errorf("%+v", report)
	}
	t.Logf("%d entries: %d allowed, %d denied, %d unread", report.Size, report.Allowed, report.Denied, report.Unread)
	s, key := stopped(t, w.e)
	if report := audited(t, s, key); len(report.Differences) != 0 {
		show(t, report.Differences)
		t.Errorf("%d differences", len(report.Differences))
	}
	everyKindIsAudited(t, freeze(t, s), key)
}
