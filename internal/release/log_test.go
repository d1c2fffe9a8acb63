package release_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"narthex/internal/release"
)

// person draws the key of someone, the same for the same seed.
func person(t *testing.T, name, seed string) (note.Signer, string) {
	t.Helper()
	sum := sha256.Sum256([]byte(seed))
	private, public, err := note.GenerateKey(bytes.NewReader(sum[:]), name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, public
}

// folder makes the files of a release, without programs that run.
func folder(t *testing.T, version, content string) string {
	t.Helper()
	dist := t.TempDir()
	write(t, filepath.Join(dist, "narthex-"+version+"-linux-amd64"), content)
	write(t, filepath.Join(dist, "narthex-"+version+".cdx.json"), "{}")
	sums, err := release.Sum(dist)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dist, release.SumsFile), string(sums))
	return dist
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// published are two releases that ada and bo signed, with the keys of three people.
func published(t *testing.T) (p release.Published, keys release.Keys, older string, by map[string]note.Signer) {
	t.Helper()
	by = map[string]note.Signer{}
	var list string
	for _, name := range []string{"ada", "bo", "cy"} {
		signer, public := person(t, name, name)
		by[name] = signer
		list += public + "\n"
	}
	keys, err := release.ParseKeys(list)
	if err != nil {
		t.Fatal(err)
	}
	older = folder(t, "0.9.0", "an older program")
	for _, r := range []struct{ dist, version string }{{older, "0.9.0"}, {folder(t, "0.10.0", "a program"), "0.10.0"}} {
		p.Dist = r.dist
		for _, name := range []string{"ada", "bo"} {
			if p.Log, p.Checkpoint, err = release.Sign(p, r.version, keys, by[name]); err != nil {
				t.Fatal(err)
			}
		}
	}
	return p, keys, older, by
}

// TestAReleaseWithAChangedByteIsRefused flips every bit of everything that is published of a release.
func TestAReleaseWithAChangedByteIsRefused(t *testing.T) {
	p, keys, _, _ := published(t)
	if version, err := release.Verify(p, keys); err != nil || version != "0.10.0" {
		t.Fatalf("as it is: %q, %v", version, err)
	}
	for _, name := range []string{"narthex-0.10.0-linux-amd64", "narthex-0.10.0.cdx.json", release.SumsFile} {
		path := filepath.Join(p.Dist, name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		flips(data, func(changed []byte, at string) {
			write(t, path, string(changed))
			if version, err := release.Verify(p, keys); err == nil {
				t.Errorf("%s with %s flipped is version %s", name, at, version)
			}
		})
		write(t, path, string(data))
	}
	flips([]byte(p.Log), func(changed []byte, at string) {
		q := p
		q.Log = string(changed)
		if _, err := release.Verify(q, keys); err == nil {
			t.Errorf("the log with %s flipped is good", at)
		}
	})
	flips([]byte(p.Checkpoint), func(changed []byte, at string) {
		q := p
		q.Checkpoint = string(changed)
		if _, err := release.Verify(q, keys); err == nil {
			t.Errorf("the checkpoint with %s flipped is good:\n%s", at, changed)
		}
	})
}

func flips(data []byte, try func(changed []byte, at string)) {
	for bit := range len(data) * 8 {
		changed := bytes.Clone(data)
		changed[bit/8] ^= 1 << (bit % 8)
		try(changed, fmt.Sprintf("bit %d", bit))
	}
}

func TestAReleaseHasItsFilesAndNoOthers(t *testing.T) {
	for what, change := range map[string]func(dist string) error{
		"a file more":         func(d string) error { return os.WriteFile(filepath.Join(d, "install.sh"), nil, 0o755) },
		"a file less":         func(d string) error { return os.Remove(filepath.Join(d, "narthex-0.10.0.cdx.json")) },
		"a file by a link":    func(d string) error { return os.Symlink("/bin/sh", filepath.Join(d, "sh")) },
		"a folder":            func(d string) error { return os.Mkdir(filepath.Join(d, "more"), 0o755) },
		"no checksums":        func(d string) error { return os.Remove(filepath.Join(d, release.SumsFile)) },
		"another's checksums": func(d string) error { return os.WriteFile(filepath.Join(d, release.SumsFile), nil, 0o644) },
	} {
		p, keys, _, _ := published(t)
		if err := change(p.Dist); err != nil {
			t.Fatal(err)
		}
		if _, err := release.Verify(p, keys); err == nil {
			t.Errorf("%s: it is good", what)
		}
	}
}

func TestAReleaseNeedsTwoPeople(t *testing.T) {
	p, keys, _, by := published(t)
	next := release.Published{Dist: folder(t, "0.11.0", "the next"), Log: p.Log, Checkpoint: p.Checkpoint}
	sign := func(name string) {
		t.Helper()
		var err error
		if next.Log, next.Checkpoint, err = release.Sign(next, "0.11.0", keys, by[name]); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(what string) {
		t.Helper()
		if _, err := release.Verify(next, keys); err == nil {
			t.Errorf("%s: it is good", what)
		}
	}
	refused("signed by nobody")
	sign("ada")
	refused("signed by one")
	sign("ada")
	refused("signed by one, twice")
	lines := strings.SplitAfter(next.Checkpoint, "\n")
	repeated := next
	repeated.Checkpoint += lines[len(lines)-2]
	if _, err := release.Verify(repeated, keys); err == nil {
		t.Error("one signature that stands twice counts as two")
	}
	stranger, _ := person(t, "eve", "eve")
	if _, _, err := release.Sign(next, "0.11.0", keys, stranger); err == nil {
		t.Error("a stranger signs")
	}
	namesake, _ := person(t, "bo", "another bo")
	if _, _, err := release.Sign(next, "0.11.0", keys, namesake); err == nil {
		t.Error("another key of bo's name signs")
	}
	other := next
	other.Dist = folder(t, "0.11.0", "the next, built otherwise")
	if _, _, err := release.Sign(other, "0.11.0", keys, by["bo"]); err == nil {
		t.Error("bo signs other bytes than ada entered")
	}
	after := next
	after.Dist = folder(t, "0.12.0", "the one after")
	if _, _, err := release.Sign(after, "0.12.0", keys, by["ada"]); err == nil {
		t.Error("ada enters a release after one that only ada signed")
	}
	sign("bo")
	if version, err := release.Verify(next, keys); err != nil || version != "0.11.0" {
		t.Errorf("signed by two: %q, %v", version, err)
	}
}

func TestOnePersonIsOneKey(t *testing.T) {
	_, ada := person(t, "ada", "one")
	_, adaAgain := person(t, "ada", "two")
	_, bo := person(t, "bo", "two")
	sum := sha256.Sum256([]byte("one"))
	adaAsBo, err := note.NewEd25519VerifierKey("bo", ed25519.NewKeyFromSeed(sum[:]).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	for what, list := range map[string]string{"one name, two keys": ada + "\n" + adaAgain + "\n", "one key, two names": ada + "\n" + adaAsBo + "\n", "twice the same": ada + "\n" + ada + "\n", "no key": "ada\n"} {
		if _, err := release.ParseKeys(list); err == nil {
			t.Errorf("%s: it is a list of keys", what)
		}
	}
	if keys, err := release.ParseKeys(ada + "\n" + bo + "\n"); err != nil || len(keys) != 2 {
		t.Errorf("two people: %v", err)
	}
}

func TestAnOlderReleaseIsRefusedUnlessItIsMeant(t *testing.T) {
	p, keys, older, by := published(t)
	offered := p
	offered.Dist = older
	if _, err := release.Verify(offered, keys); err == nil {
		t.Error("a release that is not the newest of the log is taken")
	}
	offered.GoBack = true
	if version, err := release.Verify(offered, keys); err != nil || version != "0.9.0" {
		t.Errorf("an older release that is meant: %q, %v", version, err)
	}
	p.Runs = "0.11.0" // somebody shows an old log, with all its signatures
	if _, err := release.Verify(p, keys); err == nil {
		t.Error("a release older than what runs is taken")
	}
	for _, runs := range []string{"v0.11.0", "narthex 0.11.0", "0.11", "test"} { // read as older than everything, each would let it pass
		p.Runs = runs
		if _, err := release.Verify(p, keys); err == nil {
			t.Errorf("a release is taken where %q runs, which is no version", runs)
		}
	}
	p.Runs = "0.10.0"
	if _, err := release.Verify(p, keys); err != nil {
		t.Errorf("what runs already: %v", err)
	}
	back := release.Published{Dist: folder(t, "0.9.1", "a step back"), Log: p.Log, Checkpoint: p.Checkpoint}
	if _, _, err := release.Sign(back, "0.9.1", keys, by["ada"]); err == nil {
		t.Error("a version below the newest is entered")
	}
	renamed := release.Published{Dist: older, Log: p.Log, Checkpoint: p.Checkpoint}
	if _, _, err := release.Sign(renamed, "0.11.0", keys, by["ada"]); err == nil {
		t.Error("an older release is entered under a newer version")
	}
}

func TestALogOfReleasesHasOneForm(t *testing.T) {
	digest := strings.Repeat("0a", 32)
	if log, err := release.ParseLog("0.9.0 " + digest + "\n0.10.0 " + digest + "\n"); err != nil || len(log) != 2 {
		t.Errorf("%v", err)
	}
	for _, text := range []string{"0.10.0 " + digest + "\n0.9.0 " + digest + "\n", "0.9.0 " + digest + "\n0.9.0 " + digest + "\n", "0.9 " + digest + "\n", "v0.9.0 " + digest + "\n",
		"0.9.0  " + digest + "\n", "0.9.0 " + strings.ToUpper(digest) + "\n", "0.9.0 " + digest, "0.09.0 " + digest + "\n", "0.9.0-rc.1 " + digest + "\n", "\n"} {
		if _, err := release.ParseLog(text); err == nil {
			t.Errorf("%q is a log", text)
		}
	}
}
