package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/ledger"
)

const origin = "lab.example/ledger"

var start = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

func seed(n int) [32]byte { return sha256.Sum256(fmt.Append(nil, "seed", n)) }

// entryOf makes an entry of a type with a different text in each field, each in need of escaping.
func entryOf(kind narthex.EntryType, n int) narthex.Entry {
	e := narthex.Entry{Type: kind, At: start.Add(time.Duration(n) * time.Millisecond)}
	for i, name := range kind.Fields() {
		e.Fields = append(e.Fields, narthex.TextField(name, fmt.Sprintf("v%d <&>\n\"é", i)))
	}
	return e
}

// texts are the fields of an entry that a test cares about.
type texts map[string]string

// with makes an entry whose fields are short, but for the ones given.
func with(kind narthex.EntryType, n int, given texts) narthex.Entry {
	e := narthex.Entry{Type: kind, At: start.Add(time.Duration(n) * time.Millisecond)}
	for _, name := range kind.Fields() {
		text := "v"
		if t, is := given[name]; is {
			text = t
		} else if kind == narthex.EntryInception && name == "log_key" {
			_, text = keyOf("r")
		}
		e.Fields = append(e.Fields, narthex.TextField(name, text))
	}
	return e
}

// withheld is the entry of the story whose opening its export does not show.
const withheld = 25

// story is a small log with every type of entry but a rotation of its key: people, an engagement that leads to a grant, its use and its end.
func story() []narthex.Entry {
	var entries []narthex.Entry
	add := func(kind narthex.EntryType, given texts) {
		entries = append(entries, with(kind, len(entries), given))
	}
	changed := func(command, by string) {
		add(narthex.EntryEngagementChanged, texts{"engagement": "e", "command": command, "by": by})
	}
	for _, kind := range []narthex.EntryType{narthex.EntryInception, narthex.EntryDirectoryProposed, narthex.EntryDirectoryApproved, narthex.EntryDirectoryInForce,
		narthex.EntryPersonInvited, narthex.EntryPersonEnrolled, narthex.EntrySignerEnrolled, narthex.EntrySessionOpened, narthex.EntrySessionEnded} {
		add(kind, nil)
	}
	changed("submit", "ada")
	changed("approve", "bo")
	changed("approve", "cy")
	add(narthex.EntryAgreementRendered, texts{"engagement": "e", "agreement": "a"})
	add(narthex.EntryAgreementSigned, texts{"engagement": "e", "agreement": "a", "party": "researcher"})
	add(narthex.EntryAgreementSigned, texts{"engagement": "e", "agreement": "a", "party": "lab"})
	add(narthex.EntryGrantActive, texts{"grant": "g", "engagement": "e", "agreement": "a"})
	add(narthex.EntryKeyMinted, nil)
	for range 2 {
		add(narthex.EntryCallIntent, nil)
		add(narthex.EntryCallOutcome, texts{"call": fmt.Sprint("call_", len(entries)-1)})
	}
	for _, kind := range []narthex.EntryType{narthex.EntryCallDenied, narthex.EntryCallRead, narthex.EntryRefusalsCounted, narthex.EntryLockSilenced, narthex.EntryLockSet,
		narthex.EntryLockAppealed, narthex.EntryLockReviewed, narthex.EntryLockLifted, narthex.EntryKeyRevoked, narthex.EntrySignerRevoked, narthex.EntryPersonChanged, narthex.EntryLedgerRead, narthex.EntryGrantEnded,
		narthex.EntryRecovered, narthex.EntryOpeningsErased, narthex.EntryLedgerRestored, narthex.EntryProgramChanged, narthex.EntryPersonAuthorised,
		narthex.EntryPersonUnauthorised, narthex.EntryPersonStanding, narthex.EntryPersonNationality, narthex.EntryPersonVisa, narthex.EntryPersonAway, narthex.EntryEngagementRead,
		narthex.EntryJobTaken, narthex.EntryJobChanged, narthex.EntryReleaseTaken, narthex.EntryReleaseChanged, narthex.EntryRuleProposed, narthex.EntryRuleChanged, narthex.EntryCallIntent} {
		add(kind, nil)
	}
	return entries
}

// place gives the index of the nth entry of a type, counted from 0.
func place(t testing.TB, entries []narthex.Entry, kind narthex.EntryType, nth int) int {
	t.Helper()
	for i, e := range entries {
		if e.Type != kind {
			continue
		}
		if nth == 0 {
			return i
		}
		nth--
	}
	t.Fatalf("the story has no such %s", kind)
	return 0
}

// newKey gives the key pair of a log, the same for the same letter.
func newKey(t testing.TB, letter string) (note.Signer, string) {
	t.Helper()
	return keyOf(letter)
}

func keyOf(letter string) (note.Signer, string) {
	secret, key, err := ledger.NewKey(strings.NewReader(strings.Repeat(letter, 99)), origin)
	if err != nil {
		panic(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		panic(err)
	}
	return signer, key
}

// sealed is a log ready to be exported.
type sealed struct {
	records  []ledger.Record
	openings []*ledger.Opening // nil where withheld
}

func seal(t testing.TB, entries []narthex.Entry) sealed {
	t.Helper()
	var s sealed
	for i, e := range entries {
		record, opening, err := ledger.Seal(e, seed(i))
		if err != nil {
			t.Fatal(err)
		}
		s.records, s.openings = append(s.records, record), append(s.openings, &opening)
	}
	return s
}

// export writes a log with a checkpoint that the test's lab signed over what it holds.
func (s sealed) export(t testing.TB) (string, string) {
	t.Helper()
	signer, key := newKey(t, "r")
	var tree ledger.Tree
	tree.Append(s.records...)
	checkpoint, err := ledger.SignCheckpoint(signer, tree.Size(), tree.Root())
	if err != nil {
		t.Fatal(err)
	}
	return s.exportUnder(t, key, checkpoint), key
}

func (s sealed) exportUnder(t testing.TB, key, checkpoint string) string {
	t.Helper()
	var out bytes.Buffer
	exporter, err := ledger.NewExporter(&out, key, checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	for i, record := range s.records {
		if err := exporter.Entry(record, s.openings[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := exporter.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// honest is the export of the story, with one opening withheld, and the key to check it with.
func honest(t testing.TB) (string, string) {
	t.Helper()
	s := seal(t, story())
	s.openings[withheld] = nil
	return s.export(t)
}

// told is the export of a story as it was changed before it was sealed: the lab itself signs it.
func told(t testing.TB, change func([]narthex.Entry) []narthex.Entry) (string, string) {
	t.Helper()
	return seal(t, change(story())).export(t)
}

// linesOf cuts an export into its lines, each with its line feed.
func linesOf(export string) []string {
	return slices.Collect(strings.Lines(export))
}

// tampered gives the index that a verification names, and fails the test where it found nothing.
func tampered(t testing.TB, what, export, key string) int64 {
	t.Helper()
	_, err := ledger.Verify(strings.NewReader(export), key)
	tamper, is := err.(*ledger.TamperError)
	if !is {
		t.Fatalf("%s was not found: %v", what, err)
	}
	return tamper.Index
}

// tileRows are stored tiles.
type tileRows map[string][]byte

func tileRow(level int, index uint64) string { return fmt.Sprint(level, "/", index) }

func (s tileRows) put(tiles []ledger.Tile) {
	for _, tile := range tiles {
		s[tileRow(tile.Level, tile.Index)] = tile.Data
	}
}

func (s tileRows) Tile(level int, index uint64) ([]byte, error) {
	data, here := s[tileRow(level, index)]
	if !here {
		return nil, fmt.Errorf("there is no tile %d/%d", level, index)
	}
	return data, nil
}

func (s tileRows) clone() tileRows { return maps.Clone(s) }

// recordsFrom makes n records that differ from each other, numbered from first.
func recordsFrom(first, n int) []ledger.Record {
	records := make([]ledger.Record, n)
	for i := range records {
		records[i] = ledger.Record{0: 1, 1: 2, 10: byte(first + i), 11: byte((first + i) >> 8), 12: byte((first + i) >> 16)}
	}
	return records
}

// nodeOf and leavesOf are the hashes of RFC 6962, section 2.1, from its text.
func nodeOf(left, right ledger.Hash) ledger.Hash {
	return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
}

func leavesOf(records []ledger.Record) []ledger.Hash {
	leaves := make([]ledger.Hash, len(records))
	for i, r := range records {
		leaves[i] = sha256.Sum256(append([]byte{0}, r[:]...))
	}
	return leaves
}

// naive is the tree hash of RFC 6962 over leaf hashes, from its text.
func naive(leaves []ledger.Hash) ledger.Hash {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0]
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	return nodeOf(naive(leaves[:k]), naive(leaves[k:]))
}
