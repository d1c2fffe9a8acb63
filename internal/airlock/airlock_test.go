package airlock_test

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/disclosure"
	"narthex/internal/inspect/find"
	"narthex/internal/inspect/sketch"
	"narthex/internal/study"
)

const author = narthex.PersonID("per_author")

var start = time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)

// packaged gives two files with what is said of the first.
func packaged(context string) ([]narthex.ReleaseFile, narthex.Digest) {
	files := []narthex.ReleaseFile{{Frozen: narthex.Frozen{Name: "a.csv", Kind: "csv", Bytes: 3, Digest: "sha256:a"}, Context: context}, {Frozen: narthex.Frozen{Name: "b.txt", Kind: "text", Bytes: 4, Digest: "sha256:b"}, Context: "the second"}}
	digest, err := airlock.PackageDigest(files)
	if err != nil {
		panic(err)
	}
	return files, digest
}

func submitted(reviewers int) narthex.Release {
	files, digest := packaged("as it was")
	return narthex.Release{ID: "rel_1", Author: author, Files: files, Package: digest, Charge: 10, Reviewers: reviewers, State: narthex.ReleaseSubmitted}
}

func vote(r narthex.Release, by narthex.PersonID, saw narthex.Digest, verdict narthex.Verdict, act airlock.ReleaseAct) airlock.ReleaseEvent {
	v := narthex.ReleaseVote{By: by, As: narthex.Security, Saw: saw, Comment: "a word"}
	for _, f := range r.Files {
		v.Verdicts = append(v.Verdicts, narthex.FileVerdict{File: f.Name, Verdict: verdict})
	}
	return airlock.ReleaseEvent{Act: act, By: by, Vote: &v}
}

// acts is everything that anybody may try.
func acts(r narthex.Release, depth int) map[string]airlock.ReleaseEvent {
	all := map[string]airlock.ReleaseEvent{"stop": {Act: airlock.Stop, Code: "locked"}, "nothing": {}}
	_, old := packaged("as it was")
	files, digest := packaged(fmt.Sprint("said anew ", depth))
	for _, p := range []narthex.PersonID{"r1", "r2", "r3", author} {
		all["withdraw "+string(p)] = airlock.ReleaseEvent{Act: airlock.Withdraw, By: p}
		all["fetch "+string(p)] = airlock.ReleaseEvent{Act: airlock.Fetch, By: p}
		all["edit "+string(p)] = airlock.ReleaseEvent{Act: airlock.Edit, By: p, Files: files, Package: digest, Charge: 9}
		all["return "+string(p)] = vote(r, p, r.Package, narthex.VerdictRefuse, airlock.Return)
		for _, v := range []narthex.Verdict{narthex.VerdictRelease, narthex.VerdictRefuse} {
			all[string(p)+" "+string(v)] = vote(r, p, r.Package, v, airlock.Vote)
		}
		if old != r.Package {
			all[string(p)+" old"] = vote(r, p, old, narthex.VerdictRelease, airlock.Vote)
		}
	}
	forged := vote(r, "r1", r.Package, narthex.VerdictRelease, airlock.Vote)
	forged.By = "r2"
	all["r1's vote by r2"] = forged
	return all
}

// TestNothingLeavesWithoutTheVotesOfSoMany tries every sequence of acts of an author and three reviewers.
func TestNothingLeavesWithoutTheVotesOfSoMany(t *testing.T) {
	for _, reviewers := range []int{0, 1, 2, 3} {
		depth, tried, released := []int{4, 4, 6, 5}[reviewers], 0, 0
		var from func(r narthex.Release, standing map[narthex.PersonID]narthex.Verdict, path []string)
		from = func(r narthex.Release, standing map[narthex.PersonID]narthex.Verdict, path []string) {
			if len(path) == depth {
				return
			}
			for name, e := range acts(r, len(path)) {
				votes := slices.Clone(r.Votes)
				next, failed := airlock.NextRelease(r, e, start)
				tried++
				if !reflect.DeepEqual(votes, r.Votes) || r.Files[0].Context == "" {
					t.Fatalf("%v: %s changes the release that it was given", path, name)
				}
				if failed != nil {
					continue
				}
				path := append(slices.Clone(path), name)
				now := map[narthex.PersonID]narthex.Verdict{}
				for p, v := range standing {
					now[p] = v
				}
				switch {
				case r.State.Over() && (e.Act != airlock.Fetch || next.State != r.State):
					t.Fatalf("%v: an act on what is over", path)
				case e.Act != airlock.Stop && e.Act != airlock.Vote && e.Act != airlock.Return && e.By != author:
					t.Fatalf("%v: an author's act by another", path)
				case (e.Act == airlock.Vote || e.Act == airlock.Return) && (e.By == author || e.Vote.By != e.By || e.Vote.Saw != r.Package):
					t.Fatalf("%v: a vote by the author, by another, or on another package", path)
				case e.Act == airlock.Edit:
					now = map[narthex.PersonID]narthex.Verdict{}
					if len(next.Votes) > 0 || next.State != narthex.ReleaseSubmitted {
						t.Fatalf("%v: votes outlive an edit", path)
					}
				case e.Act == airlock.Vote:
					if _, voted := now[e.By]; voted && r.State == narthex.ReleaseSubmitted {
						t.Fatalf("%v: a second vote", path)
					}
					now[e.By] = e.Vote.Verdicts[0].Verdict
				}
				yes := 0
				for _, v := range now {
					if v == narthex.VerdictRelease {
						yes++
					}
				}
				must := max(2, reviewers)
				if next.State == narthex.ReleaseReleased && r.State != next.State {
					released++
					if yes < must || yes != len(now) {
						t.Fatalf("%v: released by %d of %d votes", path, yes, len(now))
					}
				}
				if e.Act == airlock.Vote && len(now) >= must && yes > 0 && yes < len(now) && next.State != narthex.ReleaseConflicting {
					t.Fatalf("%v: reviewers differ, and it is %s", path, next.State)
				}
				from(next, now, path)
			}
		}
		from(submitted(reviewers), map[narthex.PersonID]narthex.Verdict{}, nil)
		if released == 0 || tried < 1000 {
			t.Errorf("%d reviewers: %d acts were tried, %d released", reviewers, tried, released)
		}
	}
}

func plan() narthex.Plan {
	return narthex.Plan{WallMinutes: 60, CPUMinutes: 120, Outputs: []narthex.Output{{Name: "a.csv", Kind: "csv"}, {Name: "b.txt", Kind: "text"}}, OutcomeBytes: 9}
}

// TestAJobEndsOnceAndTellsNoMoreThanItsPlan tries ends that no job has.
func TestAJobEndsOnceAndTellsNoMoreThanItsPlan(t *testing.T) {
	queued := narthex.Job{Plan: plan(), State: narthex.JobQueued}
	running, err := airlock.NextJob(queued, airlock.JobEvent{Act: airlock.JobStart}, start)
	if err != nil {
		t.Fatal(err)
	}
	whole := narthex.Package{Files: []narthex.Frozen{{Name: "a.csv", Kind: "csv"}}, Missing: []string{"b.txt"}}
	good := airlock.JobEvent{Act: airlock.JobEnd, End: &narthex.JobEnd{Class: "done", File: "run", Line: 2, WallMinutes: 60, CPUMinutes: 120}, Package: &whole}
	done, err := airlock.NextJob(running, good, start)
	if err != nil || done.State != narthex.JobDone {
		t.Fatalf("%+v: %v", done, err)
	}
	for name, spoil := range map[string]func(end *narthex.JobEnd, pack *narthex.Package){
		"no class":                   func(e *narthex.JobEnd, _ *narthex.Package) { e.Class = "" },
		"a class of its own":         func(e *narthex.JobEnd, _ *narthex.Package) { e.Class = "bits" },
		"more time than planned":     func(e *narthex.JobEnd, _ *narthex.Package) { e.CPUMinutes++ },
		"a longer time than planned": func(e *narthex.JobEnd, _ *narthex.Package) { e.WallMinutes++ },
		"less than no time":          func(e *narthex.JobEnd, _ *narthex.Package) { e.WallMinutes = -1 },
		"a line of nothing":          func(e *narthex.JobEnd, _ *narthex.Package) { e.File = "" },
		"a line below":               func(e *narthex.JobEnd, _ *narthex.Package) { e.Line = -1 },
		"a file that nobody said":    func(_ *narthex.JobEnd, p *narthex.Package) { p.Files[0].Name = "c.csv" },
		"a file of another kind":     func(_ *narthex.JobEnd, p *narthex.Package) { p.Files[0].Kind = "png" },
		"a file twice":               func(_ *narthex.JobEnd, p *narthex.Package) { p.Missing[0] = "a.csv" },
		"a file untold":              func(_ *narthex.JobEnd, p *narthex.Package) { p.Missing = nil },
		"a rule that there is not": func(_ *narthex.JobEnd, p *narthex.Package) {
			p.Missing, p.Refused = nil, []narthex.RefusedFile{{Name: "b.txt", Class: "secret bits"}}
		},
	} {
		end, pack := *good.End, narthex.Package{Files: slices.Clone(whole.Files), Missing: slices.Clone(whole.Missing)}
		spoil(&end, &pack)
		if _, err := airlock.NextJob(running, airlock.JobEvent{Act: airlock.JobEnd, End: &end, Package: &pack}, start); !narthex.IsKind(err, narthex.Conflict) {
			t.Errorf("an end with %s: %v", name, err)
		}
	}
	cancelled, err := airlock.NextJob(queued, airlock.JobEvent{Act: airlock.JobCancel}, start)
	if err != nil {
		t.Fatal(err)
	}
	for _, over := range []narthex.Job{done, cancelled} {
		for _, e := range []airlock.JobEvent{good, {Act: airlock.JobStart}, {Act: airlock.JobCancel}, {}} {
			if _, err := airlock.NextJob(over, e, start); err == nil {
				t.Errorf("%s takes %q", over.State, e.Act)
			}
		}
	}
	if _, err := airlock.NextJob(queued, good, start); err == nil {
		t.Error("a job ends before it began")
	}
	if _, err := airlock.NextJob(running, airlock.JobEvent{Act: airlock.JobCancel}, start); err == nil {
		t.Error("a job that runs is cancelled as one that waits")
	}
}

// TestWhatAJobChoseIsNotTold: sizes, digests and moments are a job's to choose.
func TestWhatAJobChoseIsNotTold(t *testing.T) {
	files, digest := packaged("as it was")
	job := narthex.Job{State: narthex.JobDone, StartedAt: start, EndedAt: start.Add(61_234 * time.Millisecond), End: &narthex.JobEnd{Class: "done", WallMinutes: 2},
		Package: &narthex.Package{Digest: digest, Files: []narthex.Frozen{files[0].Frozen, files[1].Frozen}}}
	told := airlock.ToldJob(job)
	text := fmt.Sprintf("%+v %+v", told, told.Package)
	if strings.Contains(text, "sha256") || told.Package.Files[0].Bytes != 0 || told.Package.Files[0].Name != "a.csv" || !told.EndedAt.Equal(start.Add(2*time.Minute)) || job.Package.Digest != digest || job.Package.Files[0].Bytes != 3 {
		t.Errorf("of a job is told %s", text)
	}
	r := submitted(2)
	r.Sketch = narthex.Frozen{Bytes: 3, Digest: digest}
	r, err := airlock.NextRelease(r, vote(r, "r1", r.Package, narthex.VerdictRefuse, airlock.Return), start)
	if err != nil {
		t.Fatal(err)
	}
	if text = fmt.Sprintf("%+v", airlock.Told(r)); strings.Contains(text, "sha256") || strings.Contains(text, "Bytes:3") || strings.Contains(text, "r1") || !strings.Contains(text, "a word") {
		t.Errorf("of a release is told %s", text)
	}
	if r.Package == "" || r.Files[0].Digest == "" {
		t.Error("telling changed the release")
	}
	r.State = narthex.ReleaseReleased
	if told := airlock.Told(r); told.Package != r.Package || told.Files[0].Digest == "" || told.Sketch != (narthex.Frozen{}) {
		t.Error("of what was released the digests are not told")
	}
}

// TestTheEndOfAJobIsChargedForAllThatItTells counts the states that an end has.
func TestTheEndOfAJobIsChargedForAllThatItTells(t *testing.T) {
	for _, c := range []struct {
		outputs, lines int
		wall, cpu      int64
		least          float64 // bits
	}{{0, 0, 1, 1, 16 + 3 + 16}, {20, 1000, 60, 120, 16 + 3 + 22 + 7 + 10 + 60}, {1, 1 << 20, 600, 600, 16 + 3 + 26 + 10 + 20 + 3}} {
		p := narthex.Plan{WallMinutes: c.wall, CPUMinutes: c.cpu, Outputs: make([]narthex.Output, c.outputs)}
		if got := airlock.OutcomeBytes(p, c.lines); float64(got*8) < c.least || float64(got*8) > c.least+12 {
			t.Errorf("%+v is charged %d bits", c, got*8)
		}
	}
}

// TestAConfinedChildIsHeldToWhatItWasAsked: it read a stranger's bytes, and may be the stranger's.
func TestAConfinedChildIsHeldToWhatItWasAsked(t *testing.T) {
	form := airlock.Task{Files: []airlock.Raw{{Name: "a.csv", Kind: "csv"}}}
	look := form
	look.Look = true
	two := airlock.Task{Files: append(slices.Clone(form.Files), airlock.Raw{Name: "b.csv", Kind: "csv"})}
	finding := func(n int, f narthex.Finding) airlock.Answer {
		return airlock.Answer{Findings: slices.Repeat([]narthex.Finding{f}, n), Sketch: sketch.Bytes([]sketch.File{{Name: "a.csv"}})}
	}
	refused := func(name, class string) airlock.Answer {
		return airlock.Answer{Formed: airlock.Formed{Refused: []narthex.RefusedFile{{Name: name, Class: class}}}}
	}
	formed := func(files ...airlock.Raw) airlock.Answer { return airlock.Answer{Formed: airlock.Formed{Files: files}} }
	for name, c := range map[string]struct {
		task   airlock.Task
		answer airlock.Answer
		good   bool
	}{
		"a form":                   {form, formed(form.Files[0]), true},
		"a refusal":                {form, refused("a.csv", "shape"), true},
		"a finding":                {look, finding(1, narthex.Finding{Kind: "secret", File: "a.csv"}), true},
		"nothing":                  {form, airlock.Answer{}, false},
		"a form twice":             {form, formed(form.Files[0], form.Files[0]), false},
		"a form of another kind":   {form, formed(airlock.Raw{Name: "a.csv", Kind: "png"}), false},
		"a form and a refusal":     {form, airlock.Answer{Formed: airlock.Formed{Files: form.Files, Refused: refused("a.csv", "shape").Formed.Refused}}, false},
		"a refusal in own words":   {form, refused("a.csv", "the first weight is 3"), false},
		"a refusal of another":     {form, refused("b.csv", "shape"), false},
		"nothing kept":             {look, airlock.Answer{}, false},
		"nothing kept of a file":   {look, airlock.Answer{Sketch: sketch.Bytes([]sketch.File{})}, false},
		"kept of another":          {look, airlock.Answer{Sketch: sketch.Bytes([]sketch.File{{Name: "b.csv"}})}, false},
		"kept, and more":           {look, airlock.Answer{Sketch: append(sketch.Bytes([]sketch.File{{Name: "a.csv"}}), 0)}, false},
		"a finding of another":     {look, finding(1, narthex.Finding{Kind: "secret", File: "b.csv"}), false},
		"a finding without an end": {look, finding(1, narthex.Finding{Kind: "secret", File: "a.csv", Says: strings.Repeat("x", 5000)}), false},
		"a place without an end":   {look, finding(1, narthex.Finding{Kind: "secret", File: "a.csv", Within: []string{strings.Repeat("x", 5000)}}), false},
		"a kind of its own":        {look, finding(1, narthex.Finding{Kind: "3f800000", File: "a.csv"}), false},
		"a line that is none":      {look, finding(1, narthex.Finding{Kind: "secret", File: "a.csv", Line: -1}), false},
		"two forms":                {two, formed(two.Files...), true},
		"forms turned round":       {two, formed(two.Files[1], two.Files[0]), false},
		"refusals turned round":    {two, airlock.Answer{Formed: airlock.Formed{Refused: []narthex.RefusedFile{{Name: "b.csv", Class: "shape"}, {Name: "a.csv", Class: "shape"}}}}, false},
		"a form without an end":    {form, formed(airlock.Raw{Name: "a.csv", Kind: "csv", Data: make([]byte, 1_000_001)}), false},
		"findings without an end":  {look, finding(501, narthex.Finding{Kind: "secret", File: "a.csv"}), false},
	} {
		data, err := json.Marshal(c.answer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := airlock.ReadAnswer(c.task, data); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGrantsTakeTurns: those that used least go first, each asset has one job, and places follow.
func TestGrantsTakeTurns(t *testing.T) {
	used := map[narthex.GrantID]int64{"g1": 5, "g2": 3}
	of := func(grant narthex.GrantID, _ narthex.AssetName) int64 { return used[grant] }
	job := func(n int, grant narthex.GrantID, asset narthex.AssetName) narthex.Job {
		return narthex.Job{ID: narthex.MakeJobID(uint64(n)), Grant: grant, State: narthex.JobQueued, TakenAt: start.Add(time.Duration(n/2) * time.Second), Plan: narthex.Plan{Asset: asset}}
	}
	waiting := []narthex.Job{job(1, "g1", "a"), job(2, "g1", "b"), job(3, "g2", "a"), job(4, "g2", "a"), job(5, "g3", "a")}
	var order []narthex.JobID
	for _, j := range airlock.Order(waiting, of) {
		order = append(order, j.ID)
	}
	var want []narthex.JobID
	for _, n := range []uint64{5, 3, 4, 1, 2} {
		want = append(want, narthex.MakeJobID(n))
	}
	if !slices.Equal(order, want) {
		t.Errorf("the order is %v", order)
	}
	if next, found := airlock.Turn(waiting, []narthex.Job{job(9, "g9", "a")}, nil, of); !found || next.Plan.Asset != "b" {
		t.Errorf("beside a job on a begins %v", next.ID)
	}
	if _, found := airlock.Turn(waiting[:1], []narthex.Job{job(9, "g9", "a")}, nil, of); found {
		t.Error("two jobs run beside one asset")
	}
}

// TestAskingIsNotFree: what does not leave costs what its author was told of it, and an edit tells no size.
func TestAskingIsNotFree(t *testing.T) {
	bytesOf := func(r narthex.Release) int64 {
		for _, u := range airlock.ReleaseUsed(r) {
			if u.Unit == narthex.Bytes {
				return u.Amount
			}
		}
		return -1
	}
	if kinds, most := len(find.Kinds()), study.MostOutputs; airlock.TriedBytes*8 < 16+bits.Len(uint(most*disclosure.Standard().Bytes))+17+kinds*(most+1) {
		t.Errorf("%d bytes are fewer than what is told of %d files and %d kinds", airlock.TriedBytes, most, kinds)
	}
	r := submitted(2)
	r.Charge = 1000
	files, digest := packaged("said anew")
	edited, err := airlock.NextRelease(r, airlock.ReleaseEvent{Act: airlock.Edit, By: author, Files: files, Package: digest, Charge: 900}, start)
	if err != nil || edited.Charge != 900 {
		t.Fatalf("%+v, %v", edited, err)
	}
	if airlock.Told(r).Charge != 1000 || airlock.Told(edited).Charge != 0 {
		t.Errorf("of a charge of 900 after an edit its author is told %d", airlock.Told(edited).Charge)
	}
	for _, act := range []airlock.ReleaseAct{airlock.Withdraw, airlock.Stop} {
		over, err := airlock.NextRelease(edited, airlock.ReleaseEvent{Act: act, By: author}, start)
		if err != nil || bytesOf(over) != airlock.TriedBytes || airlock.Told(over).Charge != 0 {
			t.Errorf("%s: %d bytes are taken, %v", act, bytesOf(over), err)
		}
	}
	edited.State = narthex.ReleaseReleased
	if bytesOf(edited) != 900 || airlock.Told(edited).Charge != 900 {
		t.Errorf("what leaves takes %d bytes", bytesOf(edited))
	}
	if r.Charge = 3; bytesOf(r) != 3 {
		t.Errorf("of 3 bytes that were reserved %d are taken", bytesOf(r))
	}
}

// TestWhatIsComparedIsBounded: what is read into memory for one look.
func TestWhatIsComparedIsBounded(t *testing.T) {
	of := func(bytes ...int64) (list []narthex.Release) {
		for _, n := range bytes {
			list = append(list, narthex.Release{Files: []narthex.ReleaseFile{{Frozen: narthex.Frozen{Bytes: n}}, {Frozen: narthex.Frozen{Bytes: 1}}}})
		}
		return list
	}
	if !airlock.Comparable(nil) || !airlock.Comparable(of(1<<26, 1<<26-2)) || airlock.Comparable(of(1<<26, 1<<26-1)) {
		t.Error("it is not bounded by 128 MB of all files together")
	}
	large := of(1 << 40)
	if large[0].Sketch = (narthex.Frozen{Bytes: 1 << 27, Digest: "sha256:"}); !airlock.Comparable(large) {
		t.Error("where something is kept of a release its files count")
	}
	if large[0].Sketch.Bytes++; airlock.Comparable(large) {
		t.Error("what is kept is not bounded")
	}
}

// TestAVoteThatIsVoidCountsNoMore: with one voice less others may vote in its place, and what was voted with it is not decided by it.
func TestAVoteThatIsVoidCountsNoMore(t *testing.T) {
	step := func(r narthex.Release, e airlock.ReleaseEvent) narthex.Release {
		t.Helper()
		next, err := airlock.NextRelease(r, e, start)
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	r := submitted(2)
	r = step(r, vote(r, "r1", r.Package, narthex.VerdictRelease, airlock.Vote))
	void := airlock.ReleaseEvent{Act: airlock.Void, Of: "r1"}
	if _, err := airlock.NextRelease(r, airlock.ReleaseEvent{Act: airlock.Void, Of: "r2"}, start); err == nil {
		t.Error("a vote that nobody gave is void")
	}
	gone := step(r, void)
	if gone = step(gone, vote(gone, "r2", gone.Package, narthex.VerdictRelease, airlock.Vote)); gone.State != narthex.ReleaseSubmitted {
		t.Errorf("one vote that counts makes it %s", gone.State)
	}
	if gone = step(gone, vote(gone, "r3", gone.Package, narthex.VerdictRelease, airlock.Vote)); gone.State != narthex.ReleaseReleased {
		t.Errorf("two that count make it %s", gone.State)
	}
	if _, err := airlock.NextRelease(gone, airlock.ReleaseEvent{Act: airlock.Void, Of: "r2"}, start); err == nil {
		t.Error("a vote is void after it counted")
	}
	differ := step(r, vote(r, "r2", r.Package, narthex.VerdictRefuse, airlock.Vote))
	if differ.State != narthex.ReleaseConflicting {
		t.Fatalf("it is %s", differ.State)
	}
	differ = step(differ, void)
	if differ.State != narthex.ReleaseSubmitted || len(differ.Votes) != 1 || !airlock.WaitsFor(differ, "r3") {
		t.Errorf("where one of two who differ went it is %s with %d votes", differ.State, len(differ.Votes))
	}
	few := step(differ, airlock.ReleaseEvent{Act: airlock.Few})
	if _, err := airlock.NextRelease(few, airlock.ReleaseEvent{Act: airlock.Few}, start); err == nil || few.FewAt.IsZero() {
		t.Error("that they are too few is said twice, or nowhere")
	}
}
