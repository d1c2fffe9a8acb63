// Package audit folds the ledger's entries into what the tables must hold, compares the two, and decides recorded calls again.
//
// It is for the lab, which can show that nobody changed a row behind the ledger's back, and for whoever holds the signed
// agreements and wants to see that the decisions follow from them. It promises that every entry without its effect and every
// effect without its entry is found and named, in both directions, row by row; that budgets and rates are folded exactly as
// they were counted; that an opening that is absent is a difference unless a later entry says that it was erased; and that
// what cannot be told for an erased opening is counted so and is no difference. Memory grows with what people decided, with
// accounts and with open calls, and not with use.
//
// It trusts the key that signs the ledger and this program's own rules: workflow for engagements, policy for accounts. It
// trusts no row: documents are taken by their digest, and a snapshot by its signature. Some of what rows hold no entry tells:
// names, addresses, labels and notes in people's words, and what people are told; these are not compared.
//
// Read next: people.go, engagement.go and use.go for what each type of entry does; tables.go for what is compared; watch.go
// for when; replay.go for deciding again.
package audit

import (
	"errors"
	"fmt"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/release"
	"narthex/internal/store"
	"narthex/ledger"
	"narthex/policy"
)

// Fold is what the entries say, as far as they were folded. It is used by one goroutine at a time.
type Fold struct {
	state
	rows   store.Reader // nil where there are no tables to look at
	docs   documents
	live   map[narthex.EngagementID]*narthex.Engagement // those of cases that were read already
	engine *policy.Engine
	tree   *ledger.Tree
	last   []ledger.Record // not in tree yet; fewer than a tile
	base   uint64          // entries below it were folded by whoever signed the snapshot
	found  []client.Difference
	more   int
	untold int
}

// mostDifferences bounds the list of differences; further ones are counted.
const mostDifferences = 1000

// NewFold gives the fold of no entries.
func NewFold() (*Fold, error) {
	taxonomy, err := lab.Taxonomy()
	if err != nil {
		return nil, err
	}
	none, _ := policy.ParseGuardrails(nil) // of no file; nothing is decided with it
	engine, err := policy.NewEngine(taxonomy, none)
	return &Fold{state: newState(), engine: engine, tree: &ledger.Tree{}, live: map[narthex.EngagementID]*narthex.Engagement{}}, err
}

// step is one opened entry while it is folded.
type step struct {
	*Fold
	index uint64
	at    time.Time
	o     ledger.Opening
}

func (s *step) text(name string) string { return s.o.Text(name) }

// steps is what each type of entry does.
var steps = map[narthex.EntryType]func(*step) error{
	narthex.EntryInception:          (*step).inception,
	narthex.EntryDirectoryProposed:  (*step).proposed,
	narthex.EntryDirectoryApproved:  (*step).approved,
	narthex.EntryDirectoryInForce:   (*step).inForce,
	narthex.EntryPersonInvited:      (*step).invited,
	narthex.EntryPersonEnrolled:     (*step).enrolled,
	narthex.EntryPersonChanged:      (*step).personChanged,
	narthex.EntryPersonAuthorised:   (*step).authorised,
	narthex.EntryPersonUnauthorised: (*step).unauthorised,
	narthex.EntryPersonStanding:     (*step).stands,
	narthex.EntryPersonNationality:  (*step).nationality,
	narthex.EntryPersonVisa:         (*step).visa,
	narthex.EntryPersonAway:         (*step).away,
	narthex.EntrySignerEnrolled:     (*step).signerEnrolled,
	narthex.EntrySignerRevoked:      (*step).signerRevoked,
	narthex.EntrySessionOpened:      (*step).sessionOpened,
	narthex.EntrySessionEnded:       (*step).sessionEnded,
	narthex.EntryEngagementChanged:  (*step).engagementChanged,
	narthex.EntryEngagementRead:     (*step).engagementRead,
	narthex.EntryAgreementRendered:  (*step).rendered,
	narthex.EntryAgreementSigned:    (*step).signed,
	narthex.EntryGrantActive:        (*step).grantActive,
	narthex.EntryGrantEnded:         (*step).grantEnded,
	narthex.EntryKeyMinted:          (*step).minted,
	narthex.EntryKeyRevoked:         (*step).revoked,
	narthex.EntryLockSet:            (*step).locked,
	narthex.EntryLockLifted:         (*step).lifted,
	narthex.EntryLockSilenced:       (*step).silenced,
	narthex.EntryLockAppealed:       (*step).appealed,
	narthex.EntryLockReviewed:       (*step).reviewed,
	narthex.EntryCallIntent:         (*step).intent,
	narthex.EntryCallOutcome:        (*step).outcome,
	narthex.EntryCallDenied:         (*step).byKey,
	narthex.EntryCallRead:           (*step).byKey,
	narthex.EntryJobTaken:           (*step).jobTaken,
	narthex.EntryJobChanged:         (*step).jobChanged,
	narthex.EntryReleaseTaken:       (*step).releaseTaken,
	narthex.EntryReleaseChanged:     (*step).releaseChanged,
	narthex.EntryRuleProposed:       (*step).ruleProposed,
	narthex.EntryRuleChanged:        (*step).ruleChanged,
	narthex.EntryRefusalsCounted:    (*step).nothing,
	narthex.EntryLedgerRead:         (*step).nothing,
	narthex.EntryLedgerRestored:     (*step).nothing,
	narthex.EntryRecovered:          (*step).recovered,
	narthex.EntryProgramChanged:     (*step).programChanged,
	narthex.EntryLogKeyRotated:      (*step).rotated,
	narthex.EntryOpeningsErased:     (*step).erased,
}

// Entry folds the next entry. An opening without a type is absent. An error is one of reading; what is wrong with the entry
// is a difference.
func (f *Fold) Entry(index uint64, record ledger.Record, o ledger.Opening) error {
	if index != f.Size {
		return fmt.Errorf("fold entry %d: the next one is %d", index, f.Size)
	}
	s := &step{f, index, record.Time(), o}
	if index > 0 && record.Time().UnixMilli() < f.Time {
		s.impossible("", "", "it is earlier than the entry before it")
	}
	f.Size, f.Time = index+1, record.Time().UnixMilli()
	if err := f.grow(record); err != nil {
		return err
	}
	if o.Type == "" {
		f.Absent[index] = true
		return nil
	}
	if err := o.Opens(record); err != nil {
		f.differ(client.Difference{What: "entry_changed", Entry: &index, Expected: "what was recorded", Found: "an opening that is not the record's"})
		return nil
	}
	f.Opened++
	if o.Type != narthex.EntryAgreementRendered {
		f.wait()
	}
	if o.Type.Public() {
		f.Public[index] = o.Type
	}
	fold := steps[o.Type]
	if fold == nil {
		s.impossible("", "", "a type of which this version does not know what it does")
		return nil
	}
	return fold(s)
}

// grow adds a record to the tree and holds the tiles that it fills to the stored ones.
func (f *Fold) grow(record ledger.Record) error {
	if f.last = append(f.last, record); f.Size%256 != 0 {
		return nil
	}
	for _, tile := range f.settleTree() {
		if f.rows == nil || len(tile.Data) < 256*32 {
			continue
		}
		stored, err := (journal.Tiles{Reader: f.rows}).Tile(tile.Level, tile.Index)
		if err != nil {
			return err
		}
		if string(stored) != string(tile.Data) {
			f.differ(client.Difference{What: "row_differs", Table: string(store.Tiles), Key: fmt.Sprintf("%d/%d", tile.Level, tile.Index), Expected: "the hashes of its records", Found: "other hashes"})
		}
	}
	return nil
}

func (f *Fold) settleTree() []ledger.Tile {
	tiles := f.tree.Append(f.last...)
	f.last = nil
	return tiles
}

// Entries folds the entries from where the fold is up to size.
func (f *Fold) Entries(r store.Reader, size uint64) error {
	f.rows, f.docs.source = r, stored{r}
	err := journal.EachEntry(r, f.Size, size, f.Entry)
	if errors.Is(err, store.ErrDamaged) {
		index := f.Size
		f.differ(client.Difference{What: "entry_unreadable", Table: string(store.Entries), Entry: &index, Expected: "a record and an opening for each entry", Found: "runs that do not read on from here"})
		f.broken = true
		return nil
	}
	return err
}

// differ notes a difference.
func (f *Fold) differ(d client.Difference) {
	if len(f.found) == mostDifferences {
		f.more++
		return
	}
	f.found = append(f.found, d)
}

// impossible notes an entry that could not have happened after those before it. The row is the one that it is about, where
// there is one.
func (s *step) impossible(table store.Table, key, format string, args ...any) {
	index := s.index
	s.differ(client.Difference{What: "entry_impossible", Table: string(table), Key: key, Entry: &index, Expected: "an entry that follows from those before it", Found: fmt.Sprintf(format, args...)})
}

func (s *step) nothing() error { return nil }

// recovered holds the place that the entry states to the one that it has.
func (s *step) recovered() error {
	if s.o.Field("size") != fmt.Sprint(s.index) {
		s.impossible("", "", "a recovery at another place than it states")
	}
	return nil
}

// programChanged takes in which program serves from then on. An older one than the last has a reason, and no other has.
func (s *step) programChanged() error {
	next := book.Program{Version: s.text("version"), Digest: narthex.Digest(s.text("program"))}
	older := s.Program.Version != "" && release.Older(next.Version, s.Program.Version)
	if next == s.Program || s.text("replaces") != s.Program.Version || older != (s.text("reason") != "") {
		s.impossible(store.Meta, book.ProgramKey, "a program that does not follow from the one before it")
	}
	s.Program = next
	return nil
}

// rotated follows the ledger's key.
func (s *step) rotated() error {
	old, next := s.text("old_key"), s.text("new_key")
	keys := ledger.NewKeys(s.LogKey)
	err := keys.See(s.index, s.o)
	held, lastErr := keys.Last()
	if err != nil || lastErr != nil || old != s.LogKey || held != next {
		s.impossible("", "", "a change of the ledger's key that does not follow from the one before it")
		return nil
	}
	s.LogKey = next
	return nil
}

// erased takes in which openings were erased for whom.
func (s *step) erased() error {
	var indexes []uint64
	if err := decode(s.o.Field("entries"), &indexes); err != nil {
		s.impossible("", "", "its list of entries does not read")
		return nil
	}
	s.Erased[narthex.PersonID(s.text("person"))] = true
	delete(s.Authorised, narthex.PersonID(s.text("person"))) // its row goes with what is known of them
	delete(s.Visas, narthex.PersonID(s.text("person")))
	delete(s.Standings, narthex.PersonID(s.text("person")))
	delete(s.Nations, narthex.PersonID(s.text("person")))
	for id, list := range s.Standings {
		if s.Standings[id] = book.WithoutInterestsIn(list, narthex.PersonID(s.text("person"))); len(s.Standings[id]) == 0 {
			delete(s.Standings, id)
		}
	}
	for _, index := range indexes {
		switch {
		case s.Absent[index]:
			s.Absent[index] = false
			s.ErasedOpenings++
		case index < s.base:
			s.ErasedOpenings++ // whoever signed the snapshot saw it before it was erased
		default:
			s.impossible("", "", "entry %d is said to be erased and is not", index)
		}
	}
	return nil
}

// absentSince says whether an opening after that entry is absent.
func (f *Fold) absentSince(index uint64) bool {
	for absent := range f.Absent {
		if absent > index {
			return true
		}
	}
	return false
}
