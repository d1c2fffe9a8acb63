package server_test

import (
	"context"
	"io"
	"slices"
	"sync/atomic"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/sandbox"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/testenv"
)

// plays gives each job the table that is current when it begins.
type plays struct{ table atomic.Pointer[string] }

func (p *plays) set(text string) { p.table.Store(&text) }

func (p *plays) play(ctx context.Context, job sandbox.Job, out string, stdout, stderr io.Writer) sandbox.Ended {
	return leaves(map[string]string{"table.csv": *p.table.Load(), "words.txt": "four layers\n"})(ctx, job, out, stdout, stderr)
}

// ruled is a hall with a standing rule.
type ruledHall struct {
	*hall
	plays *plays
	raw   store.Store
	rule  narthex.RuleID
	data  string
}

const goodTable = "layer,value\n0,1.235\n1,2.5\n"

func openRuled(t *testing.T, find ...narthex.Finding) *ruledHall {
	t.Helper()
	w := &ruledHall{plays: &plays{}}
	w.plays.set(goodTable)
	w.hall = openHallWith(t, w.plays.play, func(c *server.Config) {
		c.Host.Examiner = testenv.Here{Find: find}
		c.Wrap = func(s store.Store) store.Store { w.raw = s; return s }
		w.data = c.Data
	})
	return w
}

// asked is what the tests ask a standing rule for.
func asked(job narthex.JobID) client.ProposeRule {
	return client.ProposeRule{Job: job, Says: "the same table for every checkpoint that is trained", RowsADay: 10, Days: 30, Looks: "paul", StandsIn: "sam",
		Files: []narthex.RuleFile{{Name: "table.csv", Kind: "csv", Context: context20, Rows: 4, Bytes: 200,
			Columns: []narthex.RuleColumn{{Name: "layer", Number: &narthex.RuleNumber{Min: 0, Max: 9, Digits: 1}}, {Name: "value", Number: &narthex.RuleNumber{Min: -10, Max: 10, Digits: 5}}}}}}
}

func (w *ruledHall) job(t *testing.T) narthex.JobID {
	t.Helper()
	return w.over(t, w.submit(t).ID).ID
}

// approved proposes the rule and has olga and sam approve it.
func (w *ruledHall) approved(t *testing.T, in client.ProposeRule) client.RuleView {
	t.Helper()
	r := must(w.holder().ProposeRule(t.Context(), in))
	for _, who := range []string{"olga", "sam"} {
		r = must(w.People[who].ApproveRule(t.Context(), r.ID, client.JudgeRule{Saw: r.Digest}))
	}
	if r.State != narthex.RuleInForce {
		t.Fatalf("the rule that two approved is %s", r.State)
	}
	w.rule = r.ID
	return r
}

// byRule asks for the table of a job by the rule.
func (w *ruledHall) byRule(t *testing.T, job narthex.JobID) narthex.Release {
	t.Helper()
	return must(w.holder().SubmitRelease(t.Context(), client.SubmitRelease{Job: job, Rule: w.rule}))
}

// unfit holds a release to being with people for one reason.
func unfit(t *testing.T, when string, r narthex.Release, code string) {
	t.Helper()
	if r.State != narthex.ReleaseSubmitted || r.Rule != nil || r.Unfit == nil || r.Unfit.Code != code || r.Unfit.Says != "" {
		t.Errorf("%s the release is %s, by %+v, unfit %+v; it should be with people, for %q", when, r.State, r.Rule, r.Unfit, code)
	}
}

// TestWhatFitsAStandingRuleLeavesAtOnce follows a rule from being asked for to a release by it, which is charged, fetched and verified as others are.
func TestWhatFitsAStandingRuleLeavesAtOnce(t *testing.T) {
	w := openRuled(t)
	job := w.job(t)
	r := must(w.holder().ProposeRule(t.Context(), asked(job)))
	if r.State != narthex.RuleProposed || r.Looks != "" || r.RowBits < 1 || r.DayBits < 10*r.RowBits {
		t.Fatalf("asked for, the rule is %+v", r)
	}
	for _, who := range []string{"olga", "sam", "paul"} {
		if kinds := toldTo(t, w.Env, who); !slices.Contains(kinds, "rule_asked") {
			t.Errorf("%s is not told that a rule waits: %v", who, kinds)
		}
	}
	saw := client.JudgeRule{Saw: r.Digest}
	must(w.People["olga"].ApproveRule(t.Context(), r.ID, saw))
	if seen := must(w.People["sam"].Rule(t.Context(), r.ID)); len(seen.Approvals) != 0 {
		t.Errorf("the second is shown what the first said: %+v", seen.Approvals)
	}
	if _, err := w.People["olga"].ApproveRule(t.Context(), r.ID, saw); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("one approves twice: %v", err)
	}
	if _, err := w.People["sam"].ApproveRule(t.Context(), r.ID, client.JudgeRule{Saw: textDigest("other")}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("another text is approved: %v", err)
	}
	w.rule = r.ID
	early := w.byRule(t, job)
	unfit(t, "before the second approval", early, airlock.UnfitRule)
	must(w.holder().WithdrawRelease(t.Context(), early.ID))
	must(w.People["sam"].ApproveRule(t.Context(), r.ID, saw))
	if _, err := w.People["paul"].ApproveRule(t.Context(), r.ID, saw); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("what is in force is approved again: %v", err)
	}
	before := w.budget(t, "output.release", "bytes_out")
	out := w.byRule(t, job)
	if out.State != narthex.ReleaseReleased || out.Rule == nil || out.Rule.Rule != r.ID || out.Rule.Rows != 2 || !slices.Equal(out.Rule.Approved, []narthex.Role{narthex.AssetOwner, narthex.Security}) || len(out.Votes) > 0 || out.Files[0].Context != context20 {
		t.Fatalf("what fits is %+v", out)
	}
	if after := w.budget(t, "output.release", "bytes_out"); after.Used-before.Used != out.Charge || after.Reserved != 0 || out.Charge < 10 {
		t.Errorf("%d bytes were charged, %d reserved, of a charge of %d", after.Used-before.Used, after.Reserved, out.Charge)
	}
	plain := must(w.holder().SubmitRelease(t.Context(), client.SubmitRelease{Job: job, Files: []client.WantedFile{{Name: "table.csv", Context: context20 + " and other words"}}}))
	if plain.State != narthex.ReleaseReleased || plain.Rule == nil || plain.Files[0].Context != context20 {
		t.Errorf("without a rule's name what fits is %+v", plain)
	}
	both := must(w.asks(t, job))
	if both.State != narthex.ReleaseSubmitted || both.Unfit != nil {
		t.Errorf("files beyond the rule's are %+v", both)
	}
	must(w.holder().WithdrawRelease(t.Context(), both.ID))
	more := must(w.holder().SubmitRelease(t.Context(), client.SubmitRelease{Job: job, Rule: r.ID, Files: []client.WantedFile{{Name: "table.csv"}, {Name: "words.txt", Context: context20}}}))
	unfit(t, "with one file more", more, airlock.UnfitPlan)
	if _, err := w.holder().EditRelease(t.Context(), out.ID, client.EditRelease{Files: []client.WantedFile{{Name: "table.csv", Context: context20}}}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("what left is edited: %v", err)
	}
	pack := must(w.holder().FetchRelease(t.Context(), out.ID))
	if string(pack.Files[0].Data) != goodTable {
		t.Errorf("what left is %q", pack.Files[0].Data)
	}
	s, err := airlock.OpenRecord(pack.Record, w.Node.LogKey())
	if err != nil || len(s.Predicate.Reviewers) != 0 || s.Predicate.Rule == nil || s.Predicate.Rule.Digest != r.Digest || len(s.Predicate.Rule.Approved) != 2 {
		t.Errorf("the record says %+v, %v", s.Predicate, err)
	}
	if _, holds := s.Holds(pack.Files[0].Data); !holds {
		t.Error("the record does not hold the file")
	}
	own := must(w.holder().OwnRule(t.Context(), r.ID))
	if own.Gone != 4 || own.Released != 2 || own.Looks != "" || own.StandsIn != "" || own.Drawn != 0 || own.Open != nil || slices.ContainsFunc(own.Approvals, func(a narthex.RuleApproval) bool { return a.By != "" }) {
		t.Errorf("its holder is told %+v", own)
	}
}

