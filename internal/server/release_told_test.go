package server_test

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
	"narthex/internal/sandbox"
	"narthex/internal/sandbox/fake"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/testenv"
)

// toldOfLeaving gives what a person was told of jobs and releases, in the order of the kinds: the end of a job is told for a whole minute.
func (h *hall) toldOfLeaving(t *testing.T, who string) string {
	t.Helper()
	kinds := slices.DeleteFunc(toldTo(t, h.Env, who), func(kind string) bool {
		return !strings.HasPrefix(kind, "release_") && kind != "job_ended"
	})
	slices.Sort(kinds)
	return strings.Join(kinds, " ")
}

// everybodyTold holds what each was told to what they should be; who is not named is told nothing.
func (h *hall) everybodyTold(t *testing.T, when string, want map[string]string) {
	t.Helper()
	for who := range h.People {
		should := strings.Fields(want[who])
		slices.Sort(should)
		if got := h.toldOfLeaving(t, who); got != strings.Join(should, " ") {
			t.Errorf("%s, %s was told %q, and should be %q", when, who, got, should)
		}
	}
}

// bareHall is a hall whose rows a test looks at.
type bareHall struct {
	*hall
	raw store.Store
}

func openBare(t *testing.T, play fake.Play) *bareHall {
	w := &bareHall{}
	w.hall = openHallWith(t, play, func(c *server.Config) {
		c.Host.Examiner = testenv.Here{}
		c.Wrap = func(s store.Store) store.Store { w.raw = s; return s }
	})
	return w
}

// ended says whether a job is over, whoever may still ask.
func (w *bareHall) ended(t *testing.T, id narthex.JobID) (over bool) {
	t.Helper()
	check(t, w.raw.View(t.Context(), func(r store.Reader) error {
		row, err := r.Get(store.Jobs, string(id))
		if err != nil {
			return err
		}
		var job narthex.Job
		err = json.Unmarshal(row, &job)
		over = job.State.Over()
		return err
	}))
	return over
}

// TestJobsAndReleasesAreToldToThoseWhomTheyConcern goes through a job and its release, to its author and its reviewers, once each, and without
// a word of what is in it.
func TestJobsAndReleasesAreToldToThoseWhomTheyConcern(t *testing.T) {
	h := openHall(t, leaves(results), narthex.Finding{Kind: "canary", File: "table.csv", Rule: "canary-rule", Says: "canary-words"})
	job := h.over(t, h.submit(t).ID)
	h.everybodyTold(t, "after the job", map[string]string{"ada": "job_ended"})
	r := must(h.asks(t, job.ID))
	asked := map[string]string{"ada": "job_ended", "olga": "release_asked", "sam": "release_asked", "paul": "release_asked"}
	h.everybodyTold(t, "when it is handed in", asked)
	seen := h.review(t, "olga", r.ID)
	must(h.People["olga"].ReturnRelease(t.Context(), r.ID, client.VoteRelease{Saw: seen.Release.Package, Comment: "canary-comment", Note: "canary-note"}))
	asked["ada"] += " release_returned"
	h.everybodyTold(t, "when it came back", asked)
	edited := []client.WantedFile{{Name: "table.csv", Context: context20 + " canary-context"}, {Name: "words.txt", Context: context20}}
	must(h.holder().EditRelease(t.Context(), r.ID, client.EditRelease{Files: edited}))
	for _, who := range []string{"olga", "sam", "paul"} {
		asked[who] += " release_asked"
	}
	h.everybodyTold(t, "after an edit", asked)
	h.vote(t, "olga", h.review(t, "olga", r.ID), narthex.VerdictRelease)
	h.everybodyTold(t, "after one vote", asked)
	h.vote(t, "sam", h.review(t, "sam", r.ID), narthex.VerdictRelease)
	asked["ada"] += " release_decided"
	asked["paul"] += " release_over"
	h.everybodyTold(t, "when it is released", asked)
	must(h.holder().FetchRelease(t.Context(), r.ID))
	again := must(h.asks(t, job.ID))
	for _, who := range []string{"olga", "sam"} {
		h.vote(t, who, h.review(t, who, again.ID), narthex.VerdictRefuse)
	}
	last := must(h.asks(t, job.ID))
	must(h.holder().WithdrawRelease(t.Context(), last.ID))
	asked["ada"] += " release_decided"
	for _, who := range []string{"olga", "sam", "paul"} {
		asked[who] += " release_asked release_asked release_over"
	}
	asked["paul"] += " release_over"
	h.everybodyTold(t, "at the end", asked)
	for who := range h.People {
		list := must(h.People[who].Notices(t.Context(), client.Page{}))
		text := string(must(json.Marshal(list)))
		for _, no := range []string{"canary", "table", "words", "csv", "layers", "model", "box"} {
			if strings.Contains(text, no) {
				t.Errorf("%s is told of %q: %s", who, no, text)
			}
		}
		for _, n := range list.Notices {
			if since := n.At.Sub(job.StartedAt); n.Kind == "job_ended" && (since <= 0 || since%time.Minute != 0 || !strings.Contains(n.Happened, string(job.ID)) || n.Do != "narthex job show "+string(job.ID)) {
				t.Errorf("the end of a job is told %s after it began, as %+v", since, n)
			}
			if n.Kind == "release_asked" && n.Do != "narthex release view "+string(r.ID) && n.Do != "narthex release view "+string(again.ID) && n.Do != "narthex release view "+string(last.ID) {
				t.Errorf("what to do is %q", n.Do)
			}
		}
	}
}

// TestAStopIsToldWhereItMayBe: what a lock that is told ends is told to its author; what a silent one ends is told to nobody, then and when it
// was lifted.
func TestAStopIsToldWhereItMayBe(t *testing.T) {
	for _, name := range []string{"person", "asset", "engagement", "silent person", "silent engagement", "silent grant", "silent key", "silent org"} {
		t.Run(name, func(t *testing.T) {
			s := &stage{}
			h := openBare(t, s.play)
			pending := must(h.asks(t, h.over(t, h.submit(t).ID).ID))
			s.on.Store(1)
			runs := h.submit(t)
			until(t, "the job runs", func() bool { return s.began.Load() == 1 })
			waits := h.submit(t)
			view := must(h.holder().OwnGrant(t.Context()))
			targets := map[string]string{"grant": string(h.grant.ID), "engagement": string(h.grant.Engagement), "key": string(view.Keys[0].ID), "person": string(h.grant.Persons[0]), "org": string(h.grant.Org), "asset": "model"}
			subject := strings.TrimPrefix(name, "silent ")
			in := client.LockRequest{Subject: narthex.LockSubject(subject), Target: targets[subject], Reason: "legal_order"}
			want := "job_ended job_ended job_ended release_decided"
			if subject != name {
				in.SilentUntil = time.Now().Add(72 * time.Hour).Truncate(time.Second)
				want = "job_ended"
			}
			locked := must(h.People["sam"].Lock(t.Context(), in))
			until(t, "the release is withdrawn", func() bool {
				r, err := h.People["olga"].Release(t.Context(), pending.ID)
				return err == nil && r.Release.State == narthex.ReleaseWithdrawn
			})
			until(t, "the jobs are over", func() bool { return h.ended(t, runs.ID) && h.ended(t, waits.ID) })
			must(h.People["carol"].Unlock(t.Context(), locked.Lock.ID))
			if got := h.toldOfLeaving(t, "ada"); got != want {
				t.Errorf("its author is told %q, and should be %q", got, want)
			}
			for _, who := range []string{"olga", "sam", "paul", "carol", "dan", "lea", "otto"} {
				over := map[bool]string{true: "", false: " release_over"}[subject != name]
				if told := h.toldOfLeaving(t, who); told != "" && told != "release_asked"+over {
					t.Errorf("%s is told %q", who, told)
				}
			}
		})
	}
}

// TestAReleaseThatWaitsIsRemindedOfOnceAndReleasesNothing: after five business days its reviewers are, those who have not voted; after ten the
// programme is told; once each, by four sweeps at a time and through a restart; and silence decides nothing. An edit begins anew.
func TestAReleaseThatWaitsIsRemindedOfOnceAndReleasesNothing(t *testing.T) {
	h := openHall(t, leaves(results))
	job := h.over(t, h.submit(t).ID)
	r := must(h.asks(t, job.ID))
	h.vote(t, "olga", h.review(t, "olga", r.ID), narthex.VerdictRelease)
	sweep := func() {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if _, err := h.Node.Sweep(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	item := func(who string) client.WorkItem {
		list := must(h.People[who].Work(t.Context(), client.Page{}))
		at := slices.IndexFunc(list.Work, func(w client.WorkItem) bool { return w.Release == r.ID })
		if at < 0 {
			t.Fatalf("%s has no work of it", who)
		}
		return list.Work[at]
	}
	if w := item("sam"); w.Late || !w.Due.After(r.TakenAt.Add(5*24*time.Hour-time.Second)) || w.Due.After(r.TakenAt.Add(20*24*time.Hour)) {
		t.Errorf("the work says %+v of what was taken in at %s", w, r.TakenAt)
	}
	due := item("sam").Due
	sweep()
	told := map[string]string{"ada": "job_ended", "olga": "release_asked", "sam": "release_asked", "paul": "release_asked"}
	h.everybodyTold(t, "at first", told)
	again(t, h.Env, due.Sub(h.Clock.Now())-time.Minute)
	sweep()
	h.everybodyTold(t, "before the time is over", told)
	again(t, h.Env, 2*time.Minute)
	sweep()
	sweep()
	told["sam"] += " release_waits"
	told["paul"] += " release_waits"
	h.everybodyTold(t, "when the time is over", told)
	if w := item("sam"); !w.Late || !w.Due.Equal(due) {
		t.Errorf("the work says %+v", w)
	}
	again(t, h.Env, 8*24*time.Hour)
	sweep()
	sweep()
	told["carol"] = "release_late"
	h.everybodyTold(t, "after twice that", told)
	again(t, h.Env, 24*time.Hour)
	sweep()
	h.everybodyTold(t, "later", told)
	if now := h.review(t, "sam", r.ID).Release; now.State != narthex.ReleaseSubmitted {
		t.Errorf("silence made it %s", now.State)
	}
	must(h.holder().EditRelease(t.Context(), r.ID, client.EditRelease{Files: []client.WantedFile{{Name: "table.csv", Context: context20}}}))
	sweep()
	if w := item("olga"); w.Late || !w.Due.After(h.Clock.Now()) {
		t.Errorf("after an edit the work says %+v", w)
	}
	for _, who := range []string{"olga", "sam", "paul"} {
		told[who] += " release_asked"
	}
	h.everybodyTold(t, "after an edit", told)
	again(t, h.Env, item("olga").Due.Sub(h.Clock.Now())+time.Minute)
	sweep()
	for _, who := range []string{"olga", "sam", "paul"} {
		told[who] += " release_waits"
	}
	h.everybodyTold(t, "when the time is over again", told)
}

// TestTheAgreementSaysWhenReviewersOfAReleaseAreReminded: a pathway whose clause says one business day has them reminded after that, and what was
// signed stays when the clause is changed.
func TestTheAgreementSaysWhenReviewersOfAReleaseAreReminded(t *testing.T) {
	const says = "---\ntitle: What may leave\nparameters:\n  review_days: {kind: business_days, says: business days until they are reminded, default: \"1\", least: 1, most: 20, held: clock, by: release}\n---\nThey are reminded after {{review_days}} business days.\n"
	options, asset := testenv.Beside(t, testenv.Options{Clock: &testenv.Clock{}, Files: func(files lab.Files) {
		files["pathways/test.yaml"] = []byte(strings.Replace(string(files["pathways/test.yaml"]), "clauses:\n", "clauses:\n  - {clause: egress}\n", 1))
		files["clauses/egress.md"] = []byte(says)
	}}, leaves(results))
	h := &hall{Env: testenv.New(t, options), asset: asset, files: options.Files}
	h.grant, h.key = h.Grant(t, "", append([]narthex.Term{testenv.Tokens(1000, nil)}, testenv.JobTerms()...)...)
	h.direct(t, "clauses/egress.md", `default: "1"`, `default: "9"`)
	r := must(h.asks(t, h.over(t, h.submit(t).ID).ID))
	work := must(h.People["sam"].Work(t.Context(), client.Page{})).Work
	at := slices.IndexFunc(work, func(w client.WorkItem) bool { return w.Release == r.ID })
	if at < 0 || work[at].Due.After(r.TakenAt.Add(5*24*time.Hour-time.Second)) {
		t.Fatalf("the work is %+v of what was taken in at %s", work, r.TakenAt)
	}
	again(t, h.Env, work[at].Due.Sub(h.Clock.Now())+time.Minute)
	if _, err := h.Node.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if told := toldTo(t, h.Env, "sam"); !slices.Contains(told, "release_waits") {
		t.Errorf("a reviewer is told %v", told)
	}
}

// TestAReleaseThatTooFewMayReviewIsToldToTheProgramme when it is handed in: of three reviewers one is suspended, and one declares an interest.
func TestAReleaseThatTooFewMayReviewIsToldToTheProgramme(t *testing.T) {
	h := openHall(t, leaves(results))
	job := h.over(t, h.submit(t).ID)
	must(h.People["carol"].Suspend(t.Context(), h.People["paul"].ID, "away"))
	first := must(h.asks(t, job.ID)) // two are enough
	if told := h.toldOfLeaving(t, "carol"); told != "" {
		t.Errorf("of what two may review the programme is told %q", told)
	}
	must(h.holder().WithdrawRelease(t.Context(), first.ID))
	must(h.People["olga"].DeclareInterest(t.Context(), tie("co_author", h.People["ada"].ID, "")))
	must(h.asks(t, job.ID))
	for who, want := range map[string]string{"carol": "release_unreviewed", "sam": "release_asked release_asked release_over", "olga": "release_asked release_over", "dan": "", "lea": "", "ada": "job_ended"} {
		if got := h.toldOfLeaving(t, who); got != want {
			t.Errorf("%s is told %q, and should be %q", who, got, want)
		}
	}
}

// TestWhoWasErasedIsToldNothingOfWhatEndsThen looks at the rows: a job that goes on until its person is erased ends after that, and no row is
// theirs; nor is one of their release.
func TestWhoWasErasedIsToldNothingOfWhatEndsThen(t *testing.T) {
	var on atomic.Bool
	let := make(chan struct{})
	h := openBare(t, func(ctx context.Context, job sandbox.Job, out string, stdout, stderr io.Writer) sandbox.Ended {
		if on.Load() {
			<-let
			return sandbox.Ended{}
		}
		return leaves(results)(ctx, job, out, stdout, stderr)
	})
	var once sync.Once
	defer once.Do(func() { close(let) })
	pending := must(h.asks(t, h.over(t, h.submit(t).ID).ID))
	on.Store(true)
	job := h.submit(t)
	until(t, "the job runs", func() bool { return must(h.holder().Job(t.Context(), job.ID)).State == narthex.JobRunning })
	ada := h.People["ada"].ID
	mine := func() (n int) {
		check(t, h.raw.View(t.Context(), func(r store.Reader) error {
			rows, err := r.Scan(store.Notices, store.Span{Limit: 9999})
			for _, row := range rows {
				if strings.Contains(row.Key+string(row.Value), string(ada)) {
					n++
				}
			}
			return err
		}))
		return n
	}
	if mine() == 0 {
		t.Fatal("she was told nothing")
	}
	must(h.People["carol"].Remove(t.Context(), ada, "left"))
	must(h.People["carol"].Command(t.Context(), h.grant.Engagement, "end", client.Command{Text: "left"}))
	for _, who := range []string{"carol", "sam"} {
		must(h.People[who].Waive(t.Context(), h.grant.Engagement, client.CloseOut{Obligation: narthex.PersonalDataDeleted, Text: "she left"}))
	}
	must(h.People["carol"].Command(t.Context(), h.grant.Engagement, "close", client.Command{Text: "left"}))
	must(h.People["dan"].Erase(t.Context(), ada, "asked for it"))
	delete(h.People, "ada")
	if h.ended(t, job.ID) {
		t.Fatal("the job ended before")
	}
	once.Do(func() { close(let) })
	until(t, "her job and her release are over", func() bool {
		r, err := h.People["olga"].Release(t.Context(), pending.ID)
		return err == nil && r.Release.State.Over() && h.ended(t, job.ID)
	})
	if n := mine(); n != 0 {
		t.Errorf("%d rows tell of someone who was erased", n)
	}
}

// TestAVoteBesideThatOfWhoHasAnInterestIsNotCounted: who voted and declares an interest afterwards may review it no longer, so their vote is void
// with the next one, and somebody else votes in their place.
func TestAVoteBesideThatOfWhoHasAnInterestIsNotCounted(t *testing.T) {
	h := openHall(t, leaves(results))
	r := must(h.asks(t, h.over(t, h.submit(t).ID).ID))
	h.vote(t, "olga", h.review(t, "olga", r.ID), narthex.VerdictRelease)
	must(h.People["olga"].DeclareInterest(t.Context(), tie("co_author", h.People["ada"].ID, "")))
	seen := h.review(t, "sam", r.ID)
	if now := h.vote(t, "sam", seen, narthex.VerdictRelease); now.State != narthex.ReleaseSubmitted || len(now.Votes) != 1 {
		t.Errorf("it is %s, with %d votes", now.State, len(now.Votes))
	}
	if now := h.vote(t, "paul", h.review(t, "paul", r.ID), narthex.VerdictRelease); now.State != narthex.ReleaseReleased {
		t.Errorf("with the vote of another in their place it is %s", now.State)
	}
	if report, err := h.People["lea"].Audit(t.Context(), false); err != nil || len(report.Differences) > 0 {
		t.Errorf("the audit says %+v, %v", report.Differences, err)
	}
}

// TestWhoGoesWhileAReleaseWaits: the votes of those who go are void before anybody votes beside them, those who are away do not count among
// those who may review, and the programme is told once that they are too few.
func TestWhoGoesWhileAReleaseWaits(t *testing.T) {
	h := openHall(t, leaves(results))
	r := must(h.asks(t, h.over(t, h.submit(t).ID).ID))
	h.vote(t, "olga", h.review(t, "olga", r.ID), narthex.VerdictRelease)
	h.vote(t, "sam", h.review(t, "sam", r.ID), narthex.VerdictRefuse)
	if got := h.toldOfLeaving(t, "olga"); got != "release_asked release_differs" {
		t.Errorf("who differs with a later vote is told %q", got)
	}
	must(h.People["carol"].Suspend(t.Context(), h.People["olga"].ID, "left"))
	sweep := func() { must(h.Node.Sweep(t.Context())) }
	sweep()
	if now := h.review(t, "sam", r.ID).Release; now.State != narthex.ReleaseSubmitted || len(now.Votes) != 1 {
		t.Fatalf("one of two who differ went, and it is %s with %d votes", now.State, len(now.Votes))
	}
	if got := h.toldOfLeaving(t, "paul"); got != "release_asked release_asked" {
		t.Errorf("who may vote in their place is told %q", got)
	}
	if got := h.toldOfLeaving(t, "carol"); got != "" {
		t.Errorf("of two who may review, the programme is told %q", got)
	}
	now := h.Clock.Now()
	must(h.People["paul"].Away(t.Context(), client.Away{From: now.Add(-time.Minute), Until: now.Add(72 * time.Hour)}))
	sweep()
	sweep()
	if got := h.toldOfLeaving(t, "carol"); got != "release_unreviewed" {
		t.Errorf("when one of two is away the programme is told %q", got)
	}
	must(h.holder().WithdrawRelease(t.Context(), r.ID))
	for _, who := range []string{"sam", "paul"} {
		if got := h.toldOfLeaving(t, who); !strings.HasSuffix(got, "release_over") {
			t.Errorf("when it is withdrawn %s is told %q", who, got)
		}
	}
	if report, err := h.People["lea"].Audit(t.Context(), false); err != nil || len(report.Differences) > 0 {
		t.Errorf("the audit says %+v, %v", report.Differences, err)
	}
}
