package narthex_test

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"narthex"
)

// TestARootHasOneDigest: whatever the order, and another one for every change that a job could see.
func TestARootHasOneDigest(t *testing.T) {
	some, other := narthex.MakeDigest([32]byte{1}), narthex.MakeDigest([32]byte{2})
	root := []narthex.RootFile{{Path: "usr/bin/a", Digest: some, Program: true}, {Path: "usr/lib/b", Digest: other}, {Path: "usr/lib/b.1", Link: "b"}}
	want, err := narthex.RootDigest(root)
	text := "program " + string(some) + " usr/bin/a\nfile " + string(other) + " usr/lib/b\nlink " + string(narthex.MakeDigest(sha256.Sum256([]byte("b")))) + " usr/lib/b.1\n"
	if err != nil || want != narthex.MakeDigest(sha256.Sum256([]byte(text))) {
		t.Fatalf("the digest is %s: %v", want, err)
	}
	slices.Reverse(root)
	if got, err := narthex.RootDigest(root); err != nil || got != want {
		t.Errorf("in another order it is %s: %v", got, err)
	}
	for name, change := range map[string]func([]narthex.RootFile) []narthex.RootFile{
		"other bytes":       func(r []narthex.RootFile) []narthex.RootFile { r[2].Digest = other; return r },
		"a program no more": func(r []narthex.RootFile) []narthex.RootFile { r[2].Program = false; return r },
		"another target":    func(r []narthex.RootFile) []narthex.RootFile { r[0].Link = "./b"; return r },
		"a file for a link": func(r []narthex.RootFile) []narthex.RootFile { r[0].Link, r[0].Digest = "", other; return r },
		"another name":      func(r []narthex.RootFile) []narthex.RootFile { r[1].Path = "usr/lib/c"; return r },
		"one file less":     func(r []narthex.RootFile) []narthex.RootFile { return r[:2] },
		"one file more, none": func(r []narthex.RootFile) []narthex.RootFile {
			return append(r, narthex.RootFile{Path: "usr/d", Digest: some})
		},
	} {
		if got, err := narthex.RootDigest(change(slices.Clone(root))); err != nil || got == want {
			t.Errorf("%s: the digest stays the same: %v", name, err)
		}
	}
}

func TestARootThatCouldBeReadInTwoWaysHasNoDigest(t *testing.T) {
	some := narthex.MakeDigest([32]byte{1})
	for name, files := range map[string][]narthex.RootFile{
		"none":              nil,
		"no path":           {{Digest: some}},
		"absolute":          {{Path: "/a", Digest: some}},
		"above":             {{Path: "../a", Digest: some}},
		"a line end":        {{Path: "a\nb", Digest: some}},
		"twice":             {{Path: "a", Digest: some}, {Path: "a", Link: "b"}},
		"no digest":         {{Path: "a"}},
		"a link with bytes": {{Path: "a", Link: "b", Digest: some}},
		"a link that runs":  {{Path: "a", Link: "b", Program: true}},
		"a link above":      {{Path: "usr/a", Link: "../../b"}},
	} {
		if got, err := narthex.RootDigest(files); err == nil || got != "" {
			t.Errorf("%s: it has the digest %s", name, got)
		}
	}
}

func TestALinkStaysBelowItsRoot(t *testing.T) {
	for _, c := range []struct {
		path, target string
		stays        bool
	}{
		{"usr/lib/a", "b", true}, {"usr/lib/a", "../b", true}, {"usr/lib/a", "../../etc/b", true}, {"usr/lib/a", "/etc/b", true}, {"usr/lib/a", "/", true}, {"usr/a", "../usr/../usr/b", true},
		{"a", "..", false}, {"usr/lib/a", "../../../b", false}, {"usr/lib/a", "/../b", false}, {"usr/lib/a", "b/../../../../c/d/e", false}, {"usr/a", "", false}, {"usr/a", "b\nc", false}, {"usr/a", "b\xff", false},
		{"usr/a", strings.Repeat("b", 1025), false},
	} {
		if narthex.LinkStays(c.path, c.target) != c.stays {
			t.Errorf("%s at %s stays: %v", c.target, c.path, !c.stays)
		}
	}
}
