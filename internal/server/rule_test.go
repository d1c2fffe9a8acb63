package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

// TestWhatDoesNotFitAStandingRuleGoesToPeople: other values, another study, and what something was found in; and its author is told no more of why
// than a word.
func TestWhatDoesNotFitAStandingRuleGoesToPeople(t *testing.T) {
	w := openRuled(t)
	w.approved(t, asked(w.job(t)))
	w.plays.set("layer,value\n0,1.235\n1,12.5\n")
	r := w.byRule(t, w.job(t))
	unfit(t, "out of range", r, airlock.UnfitValues)
	if seen := w.review(t, "sam", r.ID).Release; seen.Unfit == nil || seen.Unfit.Says != "table.csv:3 value: it is outside the rule's range" {
		t.Errorf("its reviewers are shown %+v", seen.Unfit)
	}
	must(w.holder().WithdrawRelease(t.Context(), r.ID))
	w.plays.set(goodTable)
	other := must(w.holder().SubmitJob(t.Context(), client.SubmitJob{Asset: "model", Environment: "box", Files: studyFiles(client.StudyFile{Path: "more", Data: []byte("another study")})}))
	unfit(t, "of another study", w.byRule(t, w.over(t, other.ID).ID), airlock.UnfitPlan)
	if _, err := w.holder().SubmitRelease(t.Context(), client.SubmitRelease{Job: other.ID, Rule: "rul_999999"}); !narthex.IsKind(err, narthex.Withheld) {
		t.Errorf("a rule that is not there: %v", err)
	}
	found := openRuled(t, narthex.Finding{Kind: "weights", File: "table.csv", Rule: "a-rule", Says: "values like those of the weights"})
	found.approved(t, asked(found.job(t)))
	unfit(t, "with a finding", found.byRule(t, found.job(t)), airlock.UnfitFound)
}

// TestARuleIsAskedForAsItMayBe: by a person's key, for what a job of its grant declares, and looked at by somebody who may.
func TestARuleIsAskedForAsItMayBe(t *testing.T) {
	w := openRuled(t)
	job := w.job(t)
	for field, change := range map[string]func(*client.ProposeRule){
		"job": func(in *client.ProposeRule) { in.Job = "job_999999" }, "looks": func(in *client.ProposeRule) { in.Looks = "carol" }, "stands_in": func(in *client.ProposeRule) { in.StandsIn = in.Looks }, "days": func(in *client.ProposeRule) { in.Days = 0 },
		"rows_a_day": func(in *client.ProposeRule) { in.RowsADay = 0 }, "says": func(in *client.ProposeRule) { in.Says = string(textDigest("words")) }, "files": func(in *client.ProposeRule) { in.Files = nil },
		"files.0.name":             func(in *client.ProposeRule) { in.Files[0].Name = "other.csv" },
		"files.0.context":          func(in *client.ProposeRule) { in.Files[0].Context = string(textDigest("words")) },
		"files.0.kind":             func(in *client.ProposeRule) { in.Files[0].Name, in.Files[0].Kind = "words.txt", "text" },
		"files.0.columns.0.number": func(in *client.ProposeRule) { in.Files[0].Columns[0].Number.Digits = 9 },
	} {
		in := asked(job)
		change(&in)
		if _, err := w.holder().ProposeRule(t.Context(), in); err == nil || narthex.AsError(err).Param != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	in := asked(job)
	in.Looks, in.StandsIn, in.Days = "", "", 180
	r := must(w.holder().ProposeRule(t.Context(), in))
	view := must(w.People["sam"].Rule(t.Context(), r.ID))
	if view.Looks == "" || view.StandsIn == "" || view.Looks == view.StandsIn || view.Until.After(w.grant.NotAfter) {
		t.Errorf("where nobody is named the rule is %+v", view)
	}
	for _, who := range []string{"carol", "dan", "lea", "ada", "otto"} {
		if _, err := w.People[who].ApproveRule(t.Context(), r.ID, client.JudgeRule{Saw: r.Digest}); !narthex.IsKind(err, narthex.Withheld) {
			t.Errorf("%s approves: %v", who, err)
		}
		if _, err := w.People[who].LookAgain(t.Context(), r.ID, client.LookAgain{Release: "rel_1", Saw: r.Digest}); !narthex.IsKind(err, narthex.Withheld) {
			t.Errorf("%s looks: %v", who, err)
		}
	}
	if out := must(w.People["olga"].RefuseRule(t.Context(), r.ID, client.JudgeRule{Saw: r.Digest, Comment: "three digits do"})); out.State != narthex.RuleRefused {
		t.Errorf("refused it is %s", out.State)
	}
	if own := must(w.holder().OwnRule(t.Context(), r.ID)); own.Comment != "three digits do" || !slices.Contains(toldTo(t, w.Env, "ada"), "rule_decided") {
		t.Errorf("its author is told %q", own.Comment)
	}
	for i := range 9 {
		_, err := w.holder().ProposeRule(t.Context(), asked(job))
		if (err == nil) != (i < 8) {
			t.Errorf("the rule number %d: %v", i, err)
		}
	}
}

// TestTheLastRowsOfADayLeaveOnce: as many as ask at once, the day's rows are not overdrawn, and what is over them is with people.
func TestTheLastRowsOfADayLeaveOnce(t *testing.T) {
	w := openRuled(t)
	var jobs []narthex.JobID
	for range 8 {
		jobs = append(jobs, w.job(t))
	}
	w.approved(t, asked(jobs[0])) // ten rows a day, and each table has two
	var out sync.Map
	var all sync.WaitGroup
	for _, job := range jobs {
		all.Go(func() {
			r, err := w.holder().SubmitRelease(t.Context(), client.SubmitRelease{Job: job, Rule: w.rule})
			if err != nil {
				t.Error(err)
			}
			out.Store(job, r)
		})
	}
	all.Wait()
	left := 0
	out.Range(func(_, value any) bool {
		if r := value.(narthex.Release); r.State == narthex.ReleaseReleased {
			left++
		} else {
			unfit(t, "over the day's rows", r, airlock.UnfitRows)
		}
		return true
	})
	if rule := must(w.People["sam"].Rule(t.Context(), w.rule)); left != 5 || rule.Gone != 10 || rule.Released != 5 {
		t.Errorf("%d left, and the rule counts %+v", left, rule)
	}
}

// TestWhatARuleRestsOnEndsIt: whoever may end it, its time, a lock that was lifted, its key, its grant, and that somebody who approved it may review no
// longer. From that moment on nothing leaves by it.
func TestWhatARuleRestsOnEndsIt(t *testing.T) {
	w := openRuled(t)
	job := w.job(t)
	spare := must(w.People["ada"].Mint(t.Context(), w.grant.ID, client.Mint{Label: "another"}))
	first := w.key
	ended := func(when, code string) {
		t.Helper()
		rule := w.rule
		if r, err := w.holder().SubmitRelease(t.Context(), client.SubmitRelease{Job: job, Rule: rule}); err == nil {
			if r.State != narthex.ReleaseSubmitted || r.Unfit == nil {
				t.Errorf("%s, at once, the release is %s: %+v", when, r.State, r.Unfit)
			}
			must(w.holder().WithdrawRelease(t.Context(), r.ID))
		}
		until(t, when+" the rule ends", func() bool { return must(w.holder().OwnRule(t.Context(), rule)).State == narthex.RuleEnded })
		if r := must(w.holder().OwnRule(t.Context(), rule)); r.Code != code {
			t.Errorf("%s it ended for %q, and not %q", when, r.Code, code)
		}
		r := w.byRule(t, job)
		unfit(t, when, r, airlock.UnfitRule)
		must(w.holder().WithdrawRelease(t.Context(), r.ID))
	}
	r := w.approved(t, asked(job))
	must(w.holder().EndOwnRule(t.Context(), r.ID))
	ended("by its author", airlock.EndByAuthor)
	r = w.approved(t, asked(job))
	must(w.People["paul"].EndRule(t.Context(), r.ID))
	ended("by the lab", airlock.EndByLab)

	w.approved(t, asked(job))
	lock := must(w.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "grant", Target: string(w.grant.ID), Reason: "legal_order"}))
	until(t, "the lock ends the rule", func() bool {
		return must(w.People["olga"].Rule(t.Context(), w.rule)).State == narthex.RuleEnded
	})
	must(w.People["carol"].Unlock(t.Context(), lock.Lock.ID))
	ended("after a lock that was lifted", airlock.EndByStop)

	w.approved(t, asked(job))
	view := must(w.holder().OwnGrant(t.Context()))
	at := slices.IndexFunc(view.Keys, func(k narthex.Key) bool { return k.ID != spare.Key.ID })
	must(w.People["ada"].RevokeKey(t.Context(), view.Keys[at].ID))
	if w.key = spare.Token; w.key == first {
		t.Fatal("the keys are one")
	}
	ended("with its key", airlock.EndByStop)

	w.approved(t, asked(job))
	must(w.People["olga"].DeclareInterest(t.Context(), tie("funder", w.People["ada"].ID, "")))
	ended("with an approver's interest", airlock.EndOfReviewers)
	must(w.People["olga"].EndInterest(t.Context(), tie("funder", w.People["ada"].ID, "")))

	short := asked(job)
	short.Days = 1
	half := must(w.holder().ProposeRule(t.Context(), short))
	must(w.People["olga"].ApproveRule(t.Context(), half.ID, client.JudgeRule{Saw: half.Digest}))
	w.approved(t, asked(job))
	whole := w.rule
	must(w.People["carol"].Suspend(t.Context(), w.People["sam"].ID, "left"))
	ended("with an approver who is suspended", airlock.EndOfReviewers)
	if r := must(w.People["paul"].Rule(t.Context(), half.ID)); r.State != narthex.RuleProposed {
		t.Errorf("a rule that sam did not approve is %s", r.State)
	}
	w.rule = half.ID
	must(w.People["paul"].ApproveRule(t.Context(), half.ID, client.JudgeRule{Saw: half.Digest}))
	if r := w.byRule(t, job); r.State != narthex.ReleaseReleased || r.Rule.Rule == whole {
		t.Errorf("by the one that stands it is %s", r.State)
	}
	w.Clock.Move(25 * time.Hour)
	ended("when its time is over", airlock.EndOfTime)
}

// TestAShareOfWhatLeavesIsLookedAtAgain has tables leave until one is drawn: as the node's key says and nobody else can; whom the rule names is asked, and
// its author is told nothing of it; while that is late nothing leaves; and what is not fine ends the rule.
func TestAShareOfWhatLeavesIsLookedAtAgain(t *testing.T) {
	w := openRuled(t)
	w.grant, w.key = w.Grant(t, "", append([]narthex.Term{testenv.Tokens(1000, nil)},
		testenv.Term("weights.compute", map[narthex.LimitName]narthex.Value{"cpu_hours": narthex.NumberValue(1), "wall_minutes": narthex.NumberValue(20), "memory_mb": narthex.NumberValue(64), "bytes_out": narthex.NumberValue(4900)}),
		testenv.Term("output.release", map[narthex.LimitName]narthex.Value{"artefacts": narthex.NamesValue("table", "text"), "bytes_out": narthex.NumberValue(4900)}))...)
	w.plays.set("layer,value\n0,1\n")
	job := w.job(t)
	in := asked(job)
	in.RowsADay = 1000
	w.approved(t, in)
	key := narthex.NewSecret(string(must(base64.StdEncoding.DecodeString(strings.TrimSpace(string(must(os.ReadFile(filepath.Join(w.Dir, "data", "draw.key")))))))))
	drawn := func() narthex.Release {
		t.Helper()
		for range 250 {
			r := w.byRule(t, job)
			if r.State != narthex.ReleaseReleased {
				t.Fatalf("it is %s: %+v", r.State, r.Unfit)
			}
			text, _ := airlock.Draw(key, r.ID, r.Package)
			want, _ := airlock.Drawn(text)
			open := must(w.People["olga"].Rule(t.Context(), w.rule)).Open
			if got := slices.ContainsFunc(open, func(l narthex.SecondLook) bool { return l.Release == r.ID }); got != want {
				t.Fatalf("of %s the key says %t, and it is %t", r.ID, want, got)
			}
			if want {
				return r
			}
		}
		t.Fatal("of two hundred and fifty none was drawn")
		return narthex.Release{}
	}
	r := drawn()
	shown := string(must(json.Marshal([]any{must(w.holder().OwnRule(t.Context(), w.rule)), must(w.holder().OwnRelease(t.Context(), r.ID)), must(w.holder().OwnRules(t.Context()))})))
	if strings.Contains(shown, `"open"`) || !strings.Contains(shown, `"drawn":0`) || slices.Contains(toldTo(t, w.Env, "ada"), "look_asked") {
		t.Errorf("its author sees that it was drawn: %s", shown)
	}
	waits := func(who string) bool {
		return slices.ContainsFunc(must(w.People[who].Work(t.Context(), client.Page{})).Work, func(item client.WorkItem) bool {
			return item.Do == "look_again" && item.Release == r.ID && item.Rule == w.rule && item.Due.After(item.Since)
		})
	}
	if !waits("paul") || waits("sam") || waits("olga") || !slices.Contains(toldTo(t, w.Env, "paul"), "look_asked") {
		t.Error("the second look is not paul's alone")
	}
	fine := client.LookAgain{Release: r.ID, Saw: r.Package}
	if _, err := w.People["sam"].LookAgain(t.Context(), w.rule, fine); !narthex.IsKind(err, narthex.Refused) {
		t.Errorf("who stands in looks while paul is there: %v", err)
	}
	must(w.People["paul"].Away(t.Context(), client.Away{From: w.Clock.Now(), Until: w.Clock.Now().Add(time.Hour), StandIn: w.People["sam"].ID}))
	if !waits("sam") {
		t.Error("while paul is away it is not sam's")
	}
	must(w.People["paul"].Back(t.Context()))
	if _, err := w.People["paul"].LookAgain(t.Context(), w.rule, client.LookAgain{Release: r.ID, Saw: textDigest("x")}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("a look at another package: %v", err)
	}
	if pack := w.review(t, "paul", r.ID); pack.Release.Rule == nil || len(pack.Files) != 1 {
		t.Errorf("paul is shown %+v", pack.Release)
	}
	must(w.People["paul"].LookAgain(t.Context(), w.rule, fine))
	if waits("paul") {
		t.Error("what was looked at still waits")
	}
	if _, err := w.People["paul"].LookAgain(t.Context(), w.rule, fine); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("it is looked at twice: %v", err)
	}
	r = drawn()
	w.Clock.Move(7 * 24 * time.Hour) // three business days and a weekend are over
	late := w.byRule(t, job)
	unfit(t, "with a look that is late", late, airlock.UnfitLate)
	must(w.holder().WithdrawRelease(t.Context(), late.ID))
	for _, who := range []string{"paul", "carol", "sam"} {
		w.login(t, who)
	}
	until(t, "the programme and paul are told", func() bool {
		return slices.Contains(toldTo(t, w.Env, "carol"), "look_late") && slices.Contains(toldTo(t, w.Env, "paul"), "look_late")
	})
	must(w.People["paul"].LookAgain(t.Context(), w.rule, client.LookAgain{Release: r.ID, Saw: r.Package}))
	if again := w.byRule(t, job); again.State != narthex.ReleaseReleased {
		t.Errorf("after the look it is %s: %+v", again.State, again.Unfit)
	}
	w.login(t, "olga")
	r = drawn()
	out := must(w.People["paul"].LookAgain(t.Context(), w.rule, client.LookAgain{Release: r.ID, Saw: r.Package, Ground: "carries"}))
	if out.State != narthex.RuleEnded || out.Code != airlock.EndByLook {
		t.Errorf("not fine it is %s for %s", out.State, out.Code)
	}
	unfit(t, "after a look that was not fine", w.byRule(t, job), airlock.UnfitRule)
	w.login(t, "ada")
	if !slices.Contains(toldTo(t, w.Env, "carol"), "look_unfit") || !slices.Contains(toldTo(t, w.Env, "sam"), "look_unfit") || !slices.Contains(toldTo(t, w.Env, "ada"), "rule_ended") {
		t.Error("what was not fine is not told")
	}
}

// TestAnEditedRuleIsFound: whoever has the database gives a rule more, or takes back that it is over; the audit names the row, and what left to the bytes.
func TestAnEditedRuleIsFound(t *testing.T) {
	w := openRuled(t)
	job := w.job(t)
	w.approved(t, asked(job))
	out := w.byRule(t, job)
	names := func(when string, table store.Table, key string) {
		t.Helper()
		found := must(w.People["lea"].Audit(t.Context(), false))
		if !slices.ContainsFunc(found.Differences, func(d client.Difference) bool { return d.Table == string(table) && strings.HasPrefix(d.Key, key) }) {
			t.Errorf("%s the audit finds %+v", when, found.Differences)
		}
	}
	swap := func(from, to string) func([]byte) []byte {
		return func(row []byte) []byte { return bytes.Replace(row, []byte(from), []byte(to), 1) }
	}
	for _, c := range [][2]string{{`"max":10`, `"max":99`}, {`"rows_a_day":10`, `"rows_a_day":99`}, {`"gone":2`, `"gone":0`}, {context20, context20 + " and more"}} {
		before := edit(t, w.raw, store.Rules, string(w.rule), swap(c[0], c[1]))
		names("with "+c[1], store.Rules, string(w.rule))
		edit(t, w.raw, store.Rules, string(w.rule), as(before))
	}
	before := edit(t, w.raw, store.Releases, string(out.ID), swap(`"rows":2`, `"rows":1`))
	names("with fewer rows", store.Releases, string(out.ID))
	edit(t, w.raw, store.Releases, string(out.ID), as(before))
	if found := must(w.People["lea"].Audit(t.Context(), false)); len(found.Differences) > 0 {
		t.Errorf("put right it finds %+v", found.Differences)
	}
}

// TestRulesAreCountedAndErased: the access statement takes what left by a rule, and an erasure what is told of the rule and said around it.
func TestRulesAreCountedAndErased(t *testing.T) {
	w := openRuled(t)
	ada, carol := w.People["ada"], w.People["carol"]
	job := w.job(t)
	in := asked(job)
	in.Says = "canary purpose of the standing rule"
	w.approved(t, in)
	out := w.byRule(t, job)
	must(carol.Command(t.Context(), w.grant.Engagement, "end", client.Command{Text: "left"}))
	must(ada.Meet(t.Context(), w.grant.Engagement, client.CloseOut{Obligation: "personal_data", Evidence: narthex.MakeDigest([32]byte{1}), Text: "deleted"}))
	must(carol.Command(t.Context(), w.grant.Engagement, "close", client.Command{Text: "left"}))
	must(carol.Remove(t.Context(), ada.ID, "left"))
	until(t, "the rule ends with its grant", func() bool { return must(w.People["sam"].Rule(t.Context(), w.rule)).State == narthex.RuleEnded })
	_, checked := stated(t, w.Env, "carol", w.grant.Engagement, false)
	for _, a := range checked.Statement.Attributes {
		if want := map[narthex.AttributeName]int64{"weights.compute": 2, "output.release": 1}[a.Attribute]; a.Calls != want || (want > 0) != (len(a.Used) > 0) {
			t.Errorf("of %s the statement says %d calls and %v", a.Attribute, a.Calls, a.Used)
		}
	}
	must(carol.Erase(t.Context(), ada.ID, "asked for it"))
	var export bytes.Buffer
	check(t, w.People["lea"].Export(t.Context(), &export))
	for line := range strings.Lines(export.String()) {
		if strings.Contains(line, string(w.grant.ID)) || strings.Contains(line, string(out.ID)) || strings.Contains(line, string(w.rule)) {
			t.Errorf("the ledger still tells of them: %.300s", line)
		}
	}
	check(t, w.Node.Close())
	gone(t, filepath.Join(w.Dir, "data"), "canary purpose", context20)
}

// login brings somebody in again whose session is over.
func (w *ruledHall) login(t *testing.T, who string) {
	t.Helper()
	w.People[who].Client = w.Client.With(must(w.Client.Login(t.Context(), w.People[who].Login)).Token)
}
