package lab_test

import (
	"strings"
	"testing"

	"narthex"
	"narthex/internal/lab"
)

const built = `name: built
title: a root of its own
root: /srv/roots/built
digest: sha256:1d5f26977275fbd5a495440d284ae775bfec87ea814cb98f7f1bca8ce9cad576
debian:
  release: bookworm
  packages: [python3, python3-numpy]
  snapshot: 20250601T000000Z
  links: {usr/lib/libblas.so.3: blas/libblas.so.3}
limits: {memory_mb: 64, wall_minutes: 60, cpus: 1, processes: 8, scratch_mb: 8, out_mb: 8}
pathways: [any]
`

// TestAnEnvironmentIsHeldToARootThatIsKnown: a root of its own has a digest, the host's has packages, and what is built is one reading.
func TestAnEnvironmentIsHeldToARootThatIsKnown(t *testing.T) {
	load := func(text string) (*lab.Directory, lab.Problems) {
		files, err := lab.Template()
		if err != nil {
			t.Fatal(err)
		}
		files["environments/built.yaml"] = []byte(text)
		return lab.Load(files)
	}
	d, problems := load(built)
	if len(problems) > 0 {
		t.Fatal(problems[0])
	}
	e, known := d.Environment("built")
	if !known || e.Digest == "" || e.Debian == nil || e.Debian.Links["usr/lib/libblas.so.3"] != "blas/libblas.so.3" {
		t.Errorf("it is read as %+v", e)
	}
	for name, c := range map[string]struct{ from, to, says string }{
		"no digest":                  {"digest: sha256:1d5f26977275fbd5a495440d284ae775bfec87ea814cb98f7f1bca8ce9cad576\n", "", "states its digest"},
		"a digest that is none":      {"sha256:1d5f", "sha256:1D5F", "states its digest"},
		"the host's with a digest":   {"root: /srv/roots/built", "root: /", "it is the host's"},
		"packages of the host":       {"title:", "packages: [python3]\ntitle:", "where the root is /"},
		"no release":                 {"  release: bookworm\n", "", "code name"},
		"a release that is a path":   {"release: bookworm", "release: ../bookworm", "code name"},
		"no packages":                {"packages: [python3, python3-numpy]", "packages: []", "at least one"},
		"an option for a package":    {"packages: [python3, ", "packages: [--yes, ", "Debian's names"},
		"a package twice":            {"python3-numpy", "python3", "each once"},
		"a moment that is none":      {"20250601T000000Z", "20250631T000000Z", "a moment"},
		"a snapshot and a mirror":    {"  snapshot:", "  mirror: https://deb.debian.org/debian\n  snapshot:", "without a mirror"},
		"a mirror with options":      {"  snapshot: 20250601T000000Z", "  mirror: 'https://a/ [trusted=yes]'", "a mirror is a URL"},
		"a mirror with a password":   {"  snapshot: 20250601T000000Z", "  mirror: 'https://a:b@c/'", "a mirror is a URL"},
		"a mirror that is a command": {"  snapshot: 20250601T000000Z", "  mirror: 'copy:///etc'", "a mirror is a URL"},
		"a link above":               {"blas/libblas.so.3}", "../../../etc/passwd}", "within the root"},
		"a link elsewhere":           {"{usr/lib/libblas.so.3:", "{etc/passwd:", "within the root"},
		"a field that nobody knows":  {"release: bookworm", "release: bookworm\n  trusted: yes", "not a field here"},
	} {
		text := strings.Replace(built, c.from, c.to, 1)
		if text == built {
			t.Fatalf("%s changes nothing", name)
		}
		_, problems := load(text)
		said := false
		for _, p := range problems {
			said = said || p.File == "environments/built.yaml" && strings.Contains(p.Message, c.says)
		}
		if !said {
			t.Errorf("%s: it says %v", name, problems)
		}
	}
}

// TestWhatIsBuiltIsReadBeforeItHasADigest: the file of a lab directory, without what only the build can say.
func TestWhatIsBuiltIsReadBeforeItHasADigest(t *testing.T) {
	read := func(from, to string) (narthex.Environment, lab.Problems, error) {
		return lab.ReadEnvironment("built.yaml", []byte(strings.Replace(built, from, to, 1)))
	}
	if e, problems, err := read("digest: sha256:1d5f26977275fbd5a495440d284ae775bfec87ea814cb98f7f1bca8ce9cad576\n", ""); err != nil || len(problems) > 0 || e.Root != "/srv/roots/built" || e.Debian.Release != "bookworm" {
		t.Errorf("it is read as %+v: %v %v", e, problems, err)
	}
	for name, c := range map[string][2]string{"the host's root": {"root: /srv/roots/built", "root: /"}, "a relative root": {"root: /srv", "root: srv"}, "nothing to build": {built[strings.Index(built, "debian:"):strings.Index(built, "limits:")], ""}, "an option": {"[python3,", "[-o,"}, "an unknown field": {"title:", "titel:"}} {
		if e, problems, err := read(c[0], c[1]); err == nil && len(problems) == 0 {
			t.Errorf("%s: it is read as %+v", name, e)
		}
	}
}
