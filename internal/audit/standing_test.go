package audit_test

import (
	"slices"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/internal/testenv"
)

// rested is a grant that rests on a training, which security recorded and took back after a call.
func rested(t *testing.T) *testenv.Env {
	t.Helper()
	e := testenv.New(t, testenv.Options{Files: func(files lab.Files) {
		files["pathways/test.yaml"] = append(files["pathways/test.yaml"], "rests_on: [{kind: training, name: basics}, {kind: affiliation}]\n"...)
	}})
	ada, sam := e.People["ada"].ID, e.People["sam"]
	_, err := sam.RecordStanding(t.Context(), ada, client.RecordStanding{Kind: narthex.Training, Name: "basics"})
	must(t, err)
	_, key := e.Grant(t, "", testenv.Tokens(1000, nil))
	status, body, err := e.Chat(t.Context(), key, testenv.Hello)
	must(t, err)
	if status != 200 {
		t.Fatal(body)
	}
	_, err = sam.TakeBackStanding(t.Context(), ada, client.TakeBackStanding{Kind: narthex.Training, Name: "basics"})
	must(t, err)
	if status, body, err = e.Chat(t.Context(), key, testenv.Hello); err != nil || status != 403 {
		t.Fatal(status, body, err)
	}
	return e
}

// TestACallOnNoStandingIsNamed: where the entries before them do not make the standing that a grant and its calls rested on, both are named;
// so is a standing that was nobody's to give, and one that was not taken back before a denial.
func TestACallOnNoStandingIsNamed(t *testing.T) {
	e := rested(t)
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
	for name, c := range map[string]struct {
		field, value string
		grant, call  bool // whether it must be named
		own          bool // whether the entry itself must
	}{
		"of another course":     {"name", `"another"`, true, true, false},
		"of somebody else":      {"person", `"per_aaaaaaaaaaaaaaaaaaaaaaaaaa"`, true, true, true},
		"that was over":         {"until", `"2001-01-01T00:00:00Z"`, true, true, true},
		"that was stated alone": {"act", `"stated"`, true, true, true},
		"by themselves":         {"by", "", false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			forged := *honest
			forged.records, forged.openings = slices.Clone(honest.records), slices.Clone(honest.openings)
			at := forged.find(t, narthex.EntryPersonStanding, "act", string(narthex.Given))
			if c.field == "by" {
				c.value = forged.openings[at].Field("person")
			}
			forged.set(t, at, c.field, c.value)
			report := forged.replay(t)
			named := func(table store.Table, entry *uint64) bool {
				return slices.ContainsFunc(report.Impossible, func(d client.Difference) bool {
					return d.Table == string(table) && (entry == nil || d.Entry != nil && *d.Entry == *entry)
				})
			}
			index := uint64(at)
			if grant, own := named(store.Grants, nil), named(store.Meta, &index); grant != c.grant || own != c.own || (len(report.Differences) > 0) != c.call {
				t.Errorf("the grant is named: %t; the standing: %t; calls: %v", grant, own, report.Differences)
			}
			if found := beside(t, rows, key, &forged).Differences; len(found) == 0 {
				t.Error("the tables are those of other entries, and nothing is found")
			}
		})
	}
	t.Run("not taken back", func(t *testing.T) {
		forged := *honest
		forged.records, forged.openings = slices.Clone(honest.records), slices.Clone(honest.openings)
		forged.set(t, forged.find(t, narthex.EntryPersonStanding, "act", string(narthex.TakenBack)), "name", `"another"`)
		if report := forged.replay(t); len(report.Differences) != 1 {
			t.Errorf("a denial that follows from nothing: %+v", report)
		}
	})
}
