package server_test

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/environment"
	"narthex/internal/gateway"
	"narthex/internal/lab"
	"narthex/internal/sandbox/fake"
	"narthex/internal/testenv"
)

// withStudies adds a pathway "read", as "test" and with the clause on studies, and says that grants come through it.
func withStudies(files lab.Files) {
	text := strings.Replace(string(files["pathways/test.yaml"]), "name: test\n", "name: read\n", 1)
	files["pathways/read.yaml"] = []byte(strings.Replace(text, "clauses:\n", "clauses:\n  - {clause: study-approval}\n", 1))
}

// direct puts a directory in force with something else in one of its files.
func (h *hall) direct(t *testing.T, file, was, is string) {
	t.Helper()
	inForce(t, h.Env, func(files lab.Files) {
		h.files(files)
		text := strings.Replace(string(files[file]), was, is, 1)
		if text == string(files[file]) {
			t.Fatalf("%s has no %q", file, was)
		}
		files[file] = []byte(text)
	})
}

// openStudies opens a lab whose agreements ask two people before a study runs.
func openStudies(t *testing.T, play fake.Play) *hall {
	t.Helper()
	options, asset := testenv.Beside(t, testenv.Options{Clock: &testenv.Clock{}, Files: withStudies}, play)
	h := &hall{Env: testenv.New(t, options), asset: asset, files: options.Files}
	h.Pathway = "read"
	h.grant, h.key = h.Grant(t, "", append([]narthex.Term{testenv.Tokens(1000, nil)}, testenv.JobTerms()...)...)
	return h
}

// study looks at a study as one of its reviewers.
func (h *hall) study(t *testing.T, name string, id narthex.JobID) client.StudyPackage {
	t.Helper()
	seen, err := h.People[name].Study(t.Context(), id)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return seen
}

// approves has somebody look at a study and approve what they saw.
func (h *hall) approves(t *testing.T, name string, id narthex.JobID) narthex.Job {
	t.Helper()
	job, err := h.People[name].ApproveStudy(t.Context(), id, client.VoteStudy{Saw: h.study(t, name, id).Plan, Comment: "it is clear", Note: "looked at with care"})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return job
}

// stands gives where a job stands.
func (h *hall) stands(t *testing.T, id narthex.JobID) narthex.JobState {
	t.Helper()
	return must(h.holder().Job(t.Context(), id)).State
}

// TestAStudyRunsWhenTwoPeopleApprovedIt: they read the very files that were handed in, each look is an entry, the second is blind to the first,
// what it may take is reserved meanwhile, and it begins with the last approval.
func TestAStudyRunsWhenTwoPeopleApprovedIt(t *testing.T) {
	h := openStudies(t, leaves(results))
	job := h.submit(t)
	if job.State != narthex.JobInReview || job.Plan.Approval == nil || job.Plan.Approval.Reviewers != 2 || job.Plan.Approval.Clause == "" {
		t.Fatalf("it is %s, and asks %+v", job.State, job.Plan.Approval)
	}
	if b := h.budget(t, "weights.compute", "cpu_hours"); b.Reserved != 10 || b.Used != 0 {
		t.Errorf("of processor time there is %+v", b)
	}
	waits := func(who string) bool {
		list := must(h.People[who].Work(t.Context(), client.Page{}))
		return slices.ContainsFunc(list.Work, func(w client.WorkItem) bool {
			return w.Do == "review_study" && w.Job == job.ID && !w.Due.IsZero()
		})
	}
	for who, want := range map[string]bool{"olga": true, "sam": true, "paul": true, "carol": false, "dan": false, "lea": false, "ada": false} {
		if waits(who) != want {
			t.Errorf("it is on %s's list of work: %t", who, !want)
		}
	}
	before := must(h.People["lea"].Audit(t.Context(), false)).Size
	seen := h.study(t, "olga", job.ID)
	if after := must(h.People["lea"].Audit(t.Context(), false)).Size; after < before+1 {
		t.Error("that she looked is no entry")
	}
	for i, f := range studyFiles() {
		if seen.Files[i].Path != f.Path || !bytes.Equal(seen.Files[i].Data, f.Data) {
			t.Errorf("she sees %s as %q", seen.Files[i].Path, seen.Files[i].Data)
		}
	}
	if one := h.approves(t, "olga", job.ID); one.State != narthex.JobInReview || len(one.Votes) != 1 {
		t.Errorf("one approval makes it %s", one.State)
	}
	if again := h.study(t, "sam", job.ID).Job; len(again.Votes) != 0 || waits("olga") || !waits("sam") {
		t.Errorf("the second sees %+v", again.Votes)
	}
	told := must(h.holder().Job(t.Context(), job.ID))
	if told.State != narthex.JobInReview || len(told.Votes) != 0 || told.Place != 0 || !told.StartedAt.IsZero() {
		t.Errorf("its author is told %+v", told)
	}
	if two := h.approves(t, "sam", job.ID); two.State != narthex.JobQueued {
		t.Errorf("two approvals make it %s", two.State)
	}
	over := h.over(t, job.ID)
	if over.State != narthex.JobDone || over.Package == nil || len(over.Votes) != 2 || over.Votes[0].By != "" || over.Votes[0].Note != "" || over.Votes[0].Comment != "it is clear" {
		t.Errorf("it ended %s, and its author is told %+v", over.State, over.Votes)
	}
	if b := h.budget(t, "weights.compute", "cpu_hours"); b.Reserved != 0 || b.Used != 2 {
		t.Errorf("of processor time there is %+v", b)
	}
	calls := must(h.People["ada"].Calls(t.Context(), h.grant.ID, client.Page{Limit: 500}))
	changed := 0
	for _, line := range calls.Calls {
		if line.What == narthex.EntryJobChanged {
			changed++
		}
	}
	if changed != 2 || calls.Others != 0 {
		t.Errorf("of her own are listed %d changes of the job, and %d of others: looks and votes are no use", changed, calls.Others)
	}
}

// TestAStudyIsApprovedByNobodyElse: its author, a member, the sponsor, a person with an interest, an owner of another asset, one person twice,
// somebody who may review it no longer, and an approval of other bytes.
func TestAStudyIsApprovedByNobodyElse(t *testing.T) {
	h := openStudies(t, leaves(results))
	job := h.submit(t)
	plan := h.study(t, "olga", job.ID).Plan
	for _, who := range []string{"ada", "otto", "carol", "dan", "lea"} {
		if _, err := h.People[who].ApproveStudy(t.Context(), job.ID, client.VoteStudy{Saw: plan}); err == nil {
			t.Errorf("%s approves it", who)
		}
		if _, err := h.People[who].Study(t.Context(), job.ID); err == nil {
			t.Errorf("%s sees it", who)
		}
	}
	for what, saw := range map[string]narthex.Digest{"the study's digest": job.Plan.Study, "another": narthex.MakeDigest([32]byte{1}), "none": ""} {
		if _, err := h.People["sam"].ApproveStudy(t.Context(), job.ID, client.VoteStudy{Saw: saw}); err == nil {
			t.Errorf("an approval of %s counts", what)
		}
	}
	h.approves(t, "olga", job.ID)
	if _, err := h.People["olga"].ApproveStudy(t.Context(), job.ID, client.VoteStudy{Saw: plan}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("she approves twice: %v", err)
	}
	must(h.People["paul"].DeclareInterest(t.Context(), tie("co_author", h.People["ada"].ID, "")))
	if _, err := h.People["paul"].ApproveStudy(t.Context(), job.ID, client.VoteStudy{Saw: plan}); !narthex.IsKind(err, narthex.Withheld) {
		t.Errorf("one with an interest approves: %v", err)
	}
	must(h.People["olga"].DeclareInterest(t.Context(), tie("co_author", h.People["ada"].ID, "")))
	if _, err := h.People["sam"].ApproveStudy(t.Context(), job.ID, client.VoteStudy{Saw: plan}); !narthex.IsKind(err, narthex.Conflict) {
		t.Errorf("an approval counts beside that of somebody with an interest: %v", err)
	}
	if h.stands(t, job.ID) != narthex.JobInReview {
		t.Errorf("it is %s", h.stands(t, job.ID))
	}
	back := must(h.People["sam"].ReturnStudy(t.Context(), job.ID, client.VoteStudy{Saw: plan, Comment: "hand it in again"}))
	if back.State != narthex.JobReturned {
		t.Errorf("it is %s", back.State)
	}
	if b := h.budget(t, "weights.compute", "cpu_hours"); b.Reserved != 0 || b.Used != 0 {
		t.Errorf("of processor time there is %+v", b)
	}
	if told := must(h.holder().Job(t.Context(), job.ID)); told.State != narthex.JobReturned || len(told.Votes) != 2 || told.Votes[1].Comment != "hand it in again" {
		t.Errorf("its author is told %+v", told)
	}
	if _, err := h.People["sam"].ReturnStudy(t.Context(), h.submit(t).ID, client.VoteStudy{Saw: plan}); !narthex.IsKind(err, narthex.Invalid) {
		t.Errorf("it comes back without a word: %v", err)
	}
}

// TestWhateverChangesVoidsAReview: a lock, a cancel, the grant's end, another environment and another version of the asset end it, with an
// approval already there, and give back what it reserved.
func TestWhateverChangesVoidsAReview(t *testing.T) {
	for what, change := range map[string]func(t *testing.T, h *hall, job narthex.JobID){
		"lock": func(t *testing.T, h *hall, _ narthex.JobID) {
			locked := must(h.People["sam"].Lock(t.Context(), client.LockRequest{Subject: "grant", Target: string(h.grant.ID), Reason: "legal_order"}))
			t.Cleanup(func() { _ = locked })
		},
		"cancel": func(t *testing.T, h *hall, job narthex.JobID) { must(h.holder().CancelJob(t.Context(), job)) },
		"end": func(t *testing.T, h *hall, _ narthex.JobID) {
			must(h.People["ada"].Command(t.Context(), h.grant.Engagement, "end", client.Command{Text: "done"}))
		},
		"environment": func(t *testing.T, h *hall, _ narthex.JobID) {
			h.direct(t, "environments/box.yaml", "title: a box", "title: another box")
		},
		"version": func(t *testing.T, h *hall, _ narthex.JobID) {
			digest := string(must(environment.ReadFolder(t.Context(), h.asset)).Digest)
			h.direct(t, "assets/model.yaml", digest, "sha256:"+strings.Repeat("0", 64))
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := &stage{}
			h := openStudies(t, s.play)
			s.on.Store(1)
			job := h.submit(t)
			plan := h.study(t, "sam", job.ID).Plan
			h.approves(t, "olga", job.ID)
			change(t, h, job.ID)
			until(t, "the review is over", func() bool {
				seen, err := h.People["sam"].Study(t.Context(), job.ID)
				return err == nil && seen.Job.State == narthex.JobCancelled
			})
			if _, err := h.People["sam"].ApproveStudy(t.Context(), job.ID, client.VoteStudy{Saw: plan}); err == nil {
				t.Error("it is approved still")
			}
			if what == "cancel" || what == "environment" || what == "version" {
				if b := h.budget(t, "weights.compute", "cpu_hours"); b.Reserved != 0 || b.Used != 0 {
					t.Errorf("of processor time there is %+v", b)
				}
			}
			if s.began.Load() != 0 {
				t.Error("it ran")
			}
		})
	}
}

// TestAPlanStandsWithBothItsVersions: with a second version of other bytes in force, or of none, what was approved is not what would run.
func TestAPlanStandsWithBothItsVersions(t *testing.T) {
	box := narthex.Environment{Name: "box"}
	rules := &book.Rules{Directory: &lab.Directory{Environments: []narthex.Environment{box}, Assets: map[narthex.AssetName]narthex.Asset{
		"model": {Name: "model", Versions: []narthex.Version{{Name: "final", Digest: "sha256:f"}, {Name: "early", Digest: "sha256:e"}}}}}}
	plan := narthex.Plan{Asset: "model", Version: "final", AssetDigest: "sha256:f", Against: "early", AgainstDigest: "sha256:e", Environment: "box", EnvironmentDigest: must(canon.Digest(box))}
	if !gateway.PlanStands(rules, plan) {
		t.Error("as it is it does not stand")
	}
	for what, change := range map[string]func(*narthex.Plan){
		"other bytes": func(p *narthex.Plan) { p.AgainstDigest = "sha256:x" },
		"no version":  func(p *narthex.Plan) { p.Against = "gone" },
		"other first": func(p *narthex.Plan) { p.AssetDigest = "sha256:x" },
		"another box": func(p *narthex.Plan) { p.EnvironmentDigest = "sha256:x" },
	} {
		other := plan
		if change(&other); gateway.PlanStands(rules, other) {
			t.Errorf("with %s it stands", what)
		}
	}
}

// TestAStudyThatWaitsIsRemindedOfAndIsOver: after its business days its reviewers are reminded, those who have not voted; after twice as many
// the programme is told; after three times it is over, and what it reserved comes back. Each once, and silence approves nothing.
func TestAStudyThatWaitsIsRemindedOfAndIsOver(t *testing.T) {
	h := openStudies(t, leaves(results))
	job := h.submit(t)
	h.approves(t, "olga", job.ID)
	sweep := func() {
		t.Helper()
		for range 2 {
			if _, err := h.Node.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	told := func(who string) string {
		kinds := slices.DeleteFunc(toldTo(t, h.Env, who), func(kind string) bool { return !strings.HasPrefix(kind, "study_") && kind != "job_ended" })
		slices.Sort(kinds)
		return strings.Join(kinds, " ")
	}
	everyone := func(when string, want map[string]string) {
		t.Helper()
		for who := range h.People {
			if got := told(who); got != want[who] {
				t.Errorf("%s, %s is told %q, and should be %q", when, who, got, want[who])
			}
		}
	}
	want := map[string]string{"olga": "study_asked", "sam": "study_asked", "paul": "study_asked"}
	sweep()
	everyone("at first", want)
	again(t, h.Env, 8*24*time.Hour)
	sweep()
	want["sam"], want["paul"] = "study_asked study_waits", "study_asked study_waits"
	everyone("when the days are over", want)
	again(t, h.Env, 8*24*time.Hour)
	sweep()
	want["carol"] = "study_late"
	everyone("after twice that", want)
	if h.stands(t, job.ID) != narthex.JobInReview {
		t.Errorf("silence makes it %s", h.stands(t, job.ID))
	}
	again(t, h.Env, 8*24*time.Hour)
	sweep()
	want["ada"] = "job_ended"
	everyone("after three times", want)
	if h.stands(t, job.ID) != narthex.JobCancelled {
		t.Errorf("it is %s", h.stands(t, job.ID))
	}
	if b := h.budget(t, "weights.compute", "cpu_hours"); b.Reserved != 0 || b.Used != 0 {
		t.Errorf("of processor time there is %+v", b)
	}
}

// TestWhatIsSaidOfAStudyIsToldAndErased: its author is told that it is approved, or came back; of too few reviewers the programme is; and who
// is erased takes the words along.
func TestWhatIsSaidOfAStudyIsToldAndErased(t *testing.T) {
	h := openStudies(t, leaves(results))
	ada, carol := h.People["ada"], h.People["carol"]
	first := h.submit(t)
	h.approves(t, "olga", first.ID)
	h.approves(t, "sam", first.ID)
	h.over(t, first.ID)
	second := h.submit(t)
	must(h.People["sam"].ReturnStudy(t.Context(), second.ID, client.VoteStudy{Saw: h.study(t, "sam", second.ID).Plan, Comment: "canary comment", Note: "canary note"}))
	if told := toldTo(t, h.Env, "ada"); !slices.Contains(told, "study_approved") || !slices.Contains(told, "study_returned") {
		t.Errorf("its author is told %v", told)
	}
	must(carol.Suspend(t.Context(), h.People["paul"].ID, "away"))
	must(h.People["olga"].DeclareInterest(t.Context(), tie("co_author", ada.ID, "")))
	third := h.submit(t)
	if told := toldTo(t, h.Env, "carol"); !slices.Contains(told, "study_unreviewed") {
		t.Errorf("the programme is told %v", told)
	}
	must(h.holder().CancelJob(t.Context(), third.ID))
	must(carol.Command(t.Context(), h.grant.Engagement, "end", client.Command{Text: "left"}))
	must(ada.Meet(t.Context(), h.grant.Engagement, client.CloseOut{Obligation: "personal_data", Evidence: narthex.MakeDigest([32]byte{1}), Text: "deleted"}))
	must(carol.Command(t.Context(), h.grant.Engagement, "close", client.Command{Text: "left"}))
	must(carol.Remove(t.Context(), ada.ID, "left"))
	_, checked := stated(t, h.Env, "carol", h.grant.Engagement, false)
	if checked.Statement.Use.Calls != 3 || checked.Statement.Use.Unknown != 0 {
		t.Errorf("the statement counts %+v", checked.Statement.Use)
	}
	must(carol.Erase(t.Context(), ada.ID, "asked for it"))
	var export bytes.Buffer
	if err := h.People["lea"].Export(t.Context(), &export); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(export.String(), string(second.ID)) {
		t.Error("the ledger still tells of it")
	}
	if report, err := h.People["lea"].Audit(context.WithoutCancel(t.Context()), false); err != nil || len(report.Differences)+report.More != 0 {
		t.Errorf("the audit finds %+v: %v", report.Differences, err)
	}
	if err := h.Node.Close(); err != nil {
		t.Fatal(err)
	}
	gone(t, filepath.Join(h.Dir, "data"), "canary comment", "canary note")
}
