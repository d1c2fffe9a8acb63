package airlock_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/disclosure"
)

// adapter is a file of a release of artefacts, and what its job left.
func adapter(name string) (narthex.ReleaseFile, narthex.Frozen) {
	left := narthex.Frozen{Name: name, Kind: "safetensors", Bytes: 4000, Digest: narthex.MakeDigest([32]byte{7})}
	marked := left
	marked.Digest = narthex.MakeDigest([32]byte{8})
	return narthex.ReleaseFile{Frozen: marked, Of: left.Digest, Context: "an adapter of one layer, of the weights"}, left
}

func artefacts(reviewers int, files ...narthex.ReleaseFile) narthex.Release {
	digest, _ := airlock.PackageDigest(files)
	return narthex.Release{ID: "rel_1", Author: "per_ada", Package: digest, Files: files, Charge: 4000, Mark: "0123456789abcdef", Reviewers: reviewers, State: narthex.ReleaseSubmitted}
}

// TestArtefactsAreReleasedByTwoPeopleMore: also where what is recorded of their number says fewer, and never with one file refused.
func TestArtefactsAreReleasedByTwoPeopleMore(t *testing.T) {
	file, _ := adapter("a.safetensors")
	for reviewers, want := range map[int]int{0: 4, 2: 4, 4: 4, 5: 5} {
		r := artefacts(reviewers, file)
		if got := airlock.MustSay(r); got != want {
			t.Errorf("where %d is recorded, %d decide", reviewers, got)
		}
		for i := range want {
			var err error
			by := narthex.PersonID("per_" + string(rune('b'+i)))
			if r, err = airlock.NextRelease(r, vote(r, by, r.Package, narthex.VerdictRelease, airlock.Vote), time.Unix(9, 0)); err != nil {
				t.Fatal(err)
			}
			if released := r.State == narthex.ReleaseReleased; released != (i == want-1) {
				t.Errorf("%d of %d said yes, and it is %s", i+1, want, r.State)
			}
		}
	}
	if got := airlock.ReviewersOf([]narthex.ReleaseFile{file}, 3); got != 5 {
		t.Errorf("where a term asks three, %d decide", got)
	}
	table, _ := packaged("x")
	if got := airlock.ReviewersOf(table, 3); got != 3 {
		t.Errorf("of tables that three decide on, %d do", got)
	}
	for _, kind := range disclosure.Kinds() {
		if !airlock.Checkable(string(kind)) {
			t.Errorf("nobody can check %s", kind)
		}
	}
	for _, kind := range []string{"safetensors", "", "pickle"} {
		if airlock.Checkable(kind) {
			t.Errorf("somebody can check %q", kind)
		}
	}
}

// TestWhatAnArtefactWasIsBoundAndNotTold: an edit keeps what it was, the record of a job holds it, and its author is not told.
func TestWhatAnArtefactWasIsBoundAndNotTold(t *testing.T) {
	one, left := adapter("a.safetensors")
	two, _ := adapter("b.safetensors")
	r := artefacts(4, one, two)
	edit := func(f narthex.ReleaseFile) error {
		digest, err := airlock.PackageDigest([]narthex.ReleaseFile{f})
		if err != nil {
			t.Fatal(err)
		}
		_, err = airlock.NextRelease(r, airlock.ReleaseEvent{Act: airlock.Edit, By: r.Author, Package: digest, Files: []narthex.ReleaseFile{f}, Charge: 100}, time.Unix(9, 0))
		return err
	}
	other := one
	other.Of = narthex.MakeDigest([32]byte{9})
	unmarked := narthex.ReleaseFile{Frozen: left, Context: one.Context}
	if err := edit(one); err != nil {
		t.Errorf("one file stays: %v", err)
	}
	for what, f := range map[string]narthex.ReleaseFile{"of another file": other, "without its mark": unmarked} {
		if edit(f) == nil {
			t.Errorf("an edit puts in a file %s", what)
		}
	}
	table := narthex.Frozen{Name: "t.csv", Kind: "csv", Bytes: 4, Digest: narthex.MakeDigest([32]byte{3})}
	for what, c := range map[string]struct {
		file narthex.ReleaseFile
		left bool
	}{"marked": {one, true}, "of another file": {other, false}, "without its mark": {unmarked, false}, "a table": {narthex.ReleaseFile{Frozen: table}, true},
		"a table that is said to be marked": {narthex.ReleaseFile{Frozen: table, Of: table.Digest}, false}} {
		if airlock.Left([]narthex.ReleaseFile{c.file}, []narthex.Frozen{left, table}) != c.left {
			t.Errorf("a file %s is taken for one that the job left, or is not", what)
		}
	}
	mixed, bare := artefacts(4, one, narthex.ReleaseFile{Frozen: table}), artefacts(4, one)
	bare.Mark = ""
	said := artefacts(2, narthex.ReleaseFile{Frozen: table})
	if !airlock.Marked(r) || airlock.Marked(mixed) || airlock.Marked(bare) || airlock.Marked(said) {
		t.Error("a release says of its mark what it has not")
	}
	for _, state := range []narthex.ReleaseState{narthex.ReleaseSubmitted, narthex.ReleaseReturned, narthex.ReleaseReleased, narthex.ReleaseRefused} {
		r.State = state
		if told := fmt.Sprintf("%+v", airlock.Told(r)); strings.Contains(told, string(one.Of)) {
			t.Errorf("%s: its author is told what it was: %s", state, told)
		}
	}
	if r.Files[0].Of == "" {
		t.Error("telling it changed it")
	}
}

func TestAnArtefactIsHeldAgainstASmallSecret(t *testing.T) {
	files := []narthex.Frozen{{Bytes: 60}, {Bytes: 41}}
	if f, large := airlock.Small(files, 1_000_000, 100); !large || f.Kind != "weights" || f.Rule != "artefact/size" || !strings.Contains(f.Says, "101 bytes") {
		t.Errorf("101 bytes beside 100: %+v", f)
	}
	if _, large := airlock.Small(files, 1_010_000, 101); large {
		t.Error("101 bytes beside 101 are too large")
	}
}
