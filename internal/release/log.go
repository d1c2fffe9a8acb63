package release

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// The log of releases is public: a text of one line a release, its version and the SHA-256 of its checksums, and a signed
// checkpoint over the tree of these lines (RFC 6962, a leaf is a line without its end). Versions in it only rise.

// origin names the log of releases; it is the first line of its checkpoints.
const origin = "narthex/releases"

// signers is how many people a release needs.
const signers = 2

// Line is a release in the log.
type Line struct{ Version, Digest string }

var lineForm = regexp.MustCompile(`^([0-9.]+) ([0-9a-f]{64})$`)

// ParseLog reads the log and refuses one whose versions do not rise.
func ParseLog(text string) ([]Line, error) {
	var log []Line
	for line := range strings.Lines(text) {
		found := lineForm.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if found == nil || !strings.HasSuffix(line, "\n") || !IsVersion(found[1]) {
			return nil, fmt.Errorf("read log of releases: line %d is not a version and a digest", len(log)+1)
		}
		if len(log) > 0 && !Older(log[len(log)-1].Version, found[1]) {
			return nil, fmt.Errorf("read log of releases: %s stands after %s, and versions do not go back", found[1], log[len(log)-1].Version)
		}
		log = append(log, Line{found[1], found[2]})
	}
	return log, nil
}

// Older says whether version a comes before b.
func Older(a, b string) bool { return semver.Compare("v"+a, "v"+b) < 0 }

// checkpoint gives the text that is signed over the log.
func checkpoint(log []Line) (string, error) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for i, line := range log {
		hashes, err := tlog.StoredHashes(int64(i), []byte(line.Version+" "+line.Digest), reader)
		if err != nil {
			return "", err
		}
		stored = append(stored, hashes...)
	}
	root, err := tlog.TreeHash(int64(len(log)), reader)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s\n%d\n%s\n", origin, len(log), base64.StdEncoding.EncodeToString(root[:])), nil
}

// Keys are those who may sign releases.
type Keys []note.Verifier

// ParseKeys reads verifier keys (name+hash+key), one a line. One person stands in it once: neither a name nor a key may
// stand twice.
func ParseKeys(text string) (Keys, error) {
	var keys Keys
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		verifier, err := note.NewVerifier(line)
		if err != nil {
			return nil, fmt.Errorf("read keys: line %d is no key of the form name+hash+key", len(keys)+1)
		}
		key := line[strings.LastIndex(line, "+"):]
		if bytes, err := base64.StdEncoding.DecodeString(key[1:]); err == nil {
			key = "+" + string(bytes)
		}
		if seen[verifier.Name()] || seen[key] {
			return nil, fmt.Errorf("read keys: the name or the key of line %d stands twice", len(keys)+1)
		}
		seen[verifier.Name()], seen[key] = true, true
		keys = append(keys, verifier)
	}
	return keys, nil
}

// open checks who signed a checkpoint, and that it is the log's.
func (k Keys) open(log []Line, signed string) (*note.Note, error) {
	opened, err := note.Open([]byte(signed), note.VerifierList(k...))
	if err != nil {
		return nil, errors.New("check release: the checkpoint is signed by nobody who may release")
	}
	for _, sig := range append(opened.Sigs, opened.UnverifiedSigs...) {
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return nil, errors.New("check release: a signature is not written in its one form")
		}
	}
	want, err := checkpoint(log)
	if err != nil {
		return nil, err
	}
	if opened.Text != want {
		return nil, errors.New("check release: the checkpoint is not that of this log of releases")
	}
	return opened, nil
}

// Published is a release with what was published of it.
type Published struct {
	Dist       string // the folder with its files
	Log        string // the log of releases
	Checkpoint string // the signed checkpoint over it
	Runs       string // the version that runs now, or "" where none does
	GoBack     bool   // the person means to take a version older than the newest, or than the one that runs
}

// Verify checks a release and gives its version: its files are those of its checksums, these stand in the log, and two people
// signed the log. A version older than the newest of the log, or than the one that runs, is refused unless GoBack says so.
func Verify(p Published, keys Keys) (version string, err error) {
	digest, err := checkSums(p.Dist)
	if err != nil {
		return "", err
	}
	log, err := ParseLog(p.Log)
	if err != nil {
		return "", err
	}
	opened, err := keys.open(log, p.Checkpoint)
	if err != nil {
		return "", err
	}
	if len(opened.Sigs) < signers {
		return "", fmt.Errorf("check release: %d of the people who may release signed it, and %d must", len(opened.Sigs), signers)
	}
	at := slices.IndexFunc(log, func(l Line) bool { return l.Digest == digest })
	if at < 0 {
		return "", errors.New("check release: its checksums do not stand in the log of releases")
	}
	if p.Runs != "" && semver.Canonical("v"+p.Runs)+semver.Build("v"+p.Runs) != "v"+p.Runs {
		return "", fmt.Errorf("check release: %q is not the version that runs; `narthex version` prints it, such as 0.4.0", p.Runs)
	}
	version, newest := log[at].Version, log[len(log)-1].Version
	if err := isNamed(p.Dist, version); err != nil {
		return "", err
	}
	if !p.GoBack && (version != newest || p.Runs != "" && Older(version, p.Runs)) {
		return "", fmt.Errorf("check release: it is version %s, the newest is %s and %s runs: versions do not go back unless you say that you mean it", version, newest, orNone(p.Runs))
	}
	return version, nil
}

func orNone(version string) string {
	if version == "" {
		return "none"
	}
	return version
}

// Sign enters a release in the log, or signs the entry of the one who entered it, and gives the log and its checkpoint with
// one signature more. Whoever signs has built dist: other bytes than those that were entered are refused. The log before it
// must have been signed by two.
func Sign(p Published, version string, keys Keys, signer note.Signer) (log, signed string, err error) {
	digest, err := checkSums(p.Dist)
	if err != nil {
		return "", "", err
	}
	if err := isNamed(p.Dist, version); err != nil {
		return "", "", err
	}
	lines, err := ParseLog(p.Log)
	if err != nil {
		return "", "", err
	}
	n := &note.Note{}
	if len(lines) > 0 {
		if n, err = keys.open(lines, p.Checkpoint); err != nil {
			return "", "", err
		}
	}
	if at := slices.IndexFunc(lines, func(l Line) bool { return l.Version == version }); at >= 0 {
		if at != len(lines)-1 || lines[at].Digest != digest {
			return "", "", fmt.Errorf("sign release: %s is entered with other checksums than those of %s, or is not the newest; find out why before anything is released", version, p.Dist)
		}
	} else {
		if len(lines) > 0 && len(n.Sigs) < signers {
			return "", "", fmt.Errorf("sign release: %s was signed by one person only and wants another first", lines[len(lines)-1].Version)
		}
		lines = append(lines, Line{version, digest})
		n = &note.Note{}
	}
	return enter(lines, n, keys, signer)
}

// enter signs the log as it stands.
func enter(lines []Line, n *note.Note, keys Keys, signer note.Signer) (log, signed string, err error) {
	if _, err := note.VerifierList(keys...).Verifier(signer.Name(), signer.KeyHash()); err != nil {
		return "", "", errors.New("sign release: the key is none of those that may release")
	}
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(line.Version + " " + line.Digest + "\n")
	}
	if _, err := ParseLog(text.String()); err != nil {
		return "", "", err
	}
	if n.Text, err = checkpoint(lines); err != nil {
		return "", "", err
	}
	out, err := note.Sign(n, signer)
	if err != nil {
		return "", "", fmt.Errorf("sign release: %w", err)
	}
	return text.String(), string(out), nil
}
