package office

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/workflow"
	"narthex/ledger"
)

// erasedName stands where a person's name was.
const erasedName = "erased"

// listedAtOnce is how many erased openings one entry lists, so that its line in an export stays short.
const listedAtOnce = 20_000

// Erase takes away what the ledger and the tables say of a person from outside who was removed: the openings of the entries about
// them and about what was theirs alone, their name, address and region, and the text of applications that were never signed.
// Records and proofs stay. What they share with others stays, and so does what was signed: both sides hold it. It is one
// custodian's act, in the ledger; a lock on the person or their organisation holds it back.
func (o *Office) Erase(ctx context.Context, by, target narthex.PersonID, reason string) (client.Erased, error) {
	if strings.TrimSpace(reason) == "" || utf8.RuneCountInString(reason) > 1000 {
		return client.Erased{}, narthex.Invalidf("Say why, in at most 1000 characters.").For("reason")
	}
	// The long reading is done beside the writer; the change reads what came since.
	var found *traces
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) (err error) {
		if err = mayErase(tx, p, target); err == nil {
			found, err = tracesOf(tx, target)
		}
		return err
	})
	if err != nil {
		return client.Erased{}, err
	}
	var done client.Erased
	err = o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if err := mayErase(tx, p, target); err != nil {
			return err
		}
		now := found.clone()
		if err := now.read(tx); err != nil {
			return err
		}
		if done, err = now.erase(tx); err != nil {
			return err
		}
		for part := range slices.Chunk(now.entries, listedAtOnce) {
			list, err := canon.JSON(part)
			if err != nil {
				return err
			}
			if _, err := tx.Append(narthex.EntryOpeningsErased, narthex.TextField("person", target), narthex.TextField("by", p.ID),
				narthex.TextField("reason", narthex.MakeDigest(sha256.Sum256([]byte(reason)))), narthex.CanonicalField("entries", string(list))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return done, err
	}
	if err := o.Journal.Scrub(ctx); err != nil {
		return done, narthex.Unavailablef("It is erased, and an entry says so; but the database's file could not be written anew, so that traces of it may still stand where nothing reads them. The operators stop the node and run VACUUM on the file.").Because(err)
	}
	return done, nil
}

// mayErase holds an erasure to who may ask it, and of whom.
func mayErase(tx *journal.Tx, p narthex.Person, target narthex.PersonID) error {
	if err := need(p, narthex.Custodian); err != nil {
		return err
	}
	person, err := journal.Get[narthex.Person](tx, store.People, string(target))
	switch {
	case err != nil:
		return err
	case person == nil:
		return narthex.WithheldError()
	case person.Org == "":
		return narthex.Refusedf("The lab's own people stand in its directory and in its decisions; they are not erased.")
	case person.State != narthex.PersonRemoved:
		return narthex.Conflictf("They are %s. Remove them first: `narthex people remove`.", person.State)
	case person.Name == erasedName && person.Email == "":
		return narthex.Conflictf("They are erased already.")
	}
	locks, err := book.LocksOn(tx, book.Subject("person", target), book.Subject("org", person.Org))
	if err != nil {
		return err
	}
	if len(locks) > 0 {
		return narthex.Conflictf("A lock holds what is known of them: %s. It is erased when the lock is lifted.", book.ReasonInWords(locks[0].Reason))
	}
	return nil
}

// traces is where a person stands in the ledger.
type traces struct {
	person  narthex.PersonID
	mine    []string        // identifiers of what is theirs alone: engagements, grants, keys
	shared  []string        // of what others have a part in
	drafts  []string        // of engagements that were never signed
	papers  []string        // of engagements whose outside document nobody signed
	size    uint64          // entries that were read
	calls   map[string]bool // calls, jobs, releases and standing rules whose beginnings go
	entries []uint64        // whose openings go, in order
}

func (t *traces) clone() *traces {
	next := *t
	next.calls = map[string]bool{}
	for call := range t.calls {
		next.calls[call] = true
	}
	next.entries = slices.Clone(t.entries)
	return &next
}

// underWay are the states in which people still act on an engagement, or a grant may be in force.
var underWay = []narthex.State{narthex.Submitted, narthex.InReview, narthex.Offered, narthex.Active, narthex.Ending}

// tracesOf finds what is a person's, and every entry that tells of it.
func tracesOf(tx *journal.Tx, person narthex.PersonID) (*traces, error) {
	t := &traces{person: person, mine: []string{string(person)}, calls: map[string]bool{}}
	engagements, err := journal.Scan[narthex.Engagement](tx, store.Engagements, store.Span{Limit: 1_000_000})
	if err != nil {
		return nil, err
	}
	for _, row := range engagements {
		a := row.Row.Application
		part := a.Applicant == person || slices.Contains(a.Members, person)
		switch alone := a.Applicant == person && len(a.Members) == 0; {
		case alone && slices.Contains(underWay, row.Row.State):
			return nil, narthex.Conflictf("Their engagement %s is %s. Decline, withdraw or end it first.", row.Key, strings.ReplaceAll(string(row.Row.State), "_", " "))
		case alone:
			t.mine = append(t.mine, row.Key)
			if row.Row.Agreement == "" {
				t.drafts = append(t.drafts, row.Key)
			}
			if row.Row.Outside != nil && len(row.Row.Signatures) == 0 {
				t.papers = append(t.papers, row.Key)
			}
			if row.Row.Grant != "" {
				t.mine = append(t.mine, string(row.Row.Grant))
			}
		case part:
			t.shared = append(t.shared, row.Key)
			if row.Row.Grant != "" {
				t.shared = append(t.shared, string(row.Row.Grant))
			}
		}
	}
	keys, err := journal.Scan[narthex.Key](tx, store.Keys, store.Span{Limit: 1_000_000})
	if err != nil {
		return nil, err
	}
	for _, row := range keys {
		if row.Row.Person == person {
			t.mine = append(t.mine, string(row.Row.ID))
		}
	}
	return t, t.read(tx)
}

// read goes on through the ledger.
func (t *traces) read(tx *journal.Tx) error {
	head, err := journal.ReadHead(tx.Reader())
	if err != nil {
		return err
	}
	err = journal.EachEntry(tx.Reader(), t.size, head.Size, func(index uint64, _ ledger.Record, o ledger.Opening) error {
		if begun := begins(o.Type, index); begun != "" && t.tells(o) {
			t.calls[begun] = true
		}
		if t.tells(o) || goesOn(o.Type) != "" && t.calls[o.Text(goesOn(o.Type))] {
			t.entries = append(t.entries, index)
		}
		return nil
	})
	t.size = head.Size
	return err
}

// begins gives the identifier of the call, job, release or standing rule that an entry of a type begins, or "".
func begins(kind narthex.EntryType, index uint64) string {
	switch kind {
	case narthex.EntryCallIntent:
		return string(narthex.MakeCallID(index))
	case narthex.EntryJobTaken:
		return string(narthex.MakeJobID(index))
	case narthex.EntryReleaseTaken:
		return string(narthex.MakeReleaseID(index))
	case narthex.EntryRuleProposed:
		return string(narthex.MakeRuleID(index))
	}
	return ""
}

// goesOn names the field in which an entry of a type says which of them goes on.
func goesOn(kind narthex.EntryType) string {
	return map[narthex.EntryType]string{narthex.EntryCallOutcome: "call", narthex.EntryJobChanged: "job", narthex.EntryReleaseChanged: "release", narthex.EntryRuleChanged: "rule"}[kind]
}

// tells says whether what an entry says goes. What is about something shared stays, but for what one did with keys of one's own.
func (t *traces) tells(o ledger.Opening) bool {
	if o.Type == "" || o.Type.Public() || o.Type == narthex.EntryOpeningsErased {
		return false
	}
	about := func(ids []string) bool {
		return slices.ContainsFunc(ids, func(id string) bool {
			return slices.ContainsFunc(o.Fields, func(f narthex.Field) bool { return strings.Contains(f.Value, id) })
		})
	}
	if !about(t.mine) {
		return false
	}
	return !about(t.shared) || slices.Contains(t.mine, o.Text("key"))
}

// erase takes away the openings, and what the tables hold of the person.
func (t *traces) erase(tx *journal.Tx) (client.Erased, error) {
	if err := tx.Erase(t.entries...); err != nil {
		return client.Erased{}, err
	}
	person, err := journal.Get[narthex.Person](tx, store.People, string(t.person))
	if err != nil || person == nil {
		return client.Erased{}, narthex.Unavailablef("The person could not be read.").Because(err)
	}
	next := *person
	next.Name, next.Email, next.Region = erasedName, "", ""
	if err := journal.Put(tx, store.People, string(t.person), &next); err != nil {
		return client.Erased{}, err
	}
	if err := book.DropAuthorised(tx, t.person); err != nil {
		return client.Erased{}, err
	}
	if err := book.DropVisas(tx, t.person); err != nil {
		return client.Erased{}, err
	}
	if err := book.DropStandings(tx, t.person); err != nil {
		return client.Erased{}, err
	}
	if err := book.DropNotices(tx, t.person); err != nil {
		return client.Erased{}, err
	}
	if err := book.DropNations(tx, t.person); err != nil {
		return client.Erased{}, err
	}
	if err := unsaid(tx, t.person); err != nil {
		return client.Erased{}, err
	}
	if err := book.DropInterestsIn(tx, t.person); err != nil {
		return client.Erased{}, err
	}
	if err := errors.Join(wordsOfReleases(tx, t.person), wordsOfStudies(tx, t.person)); err != nil {
		return client.Erased{}, err
	}
	if err := wordsOfRules(tx, t.person); err != nil {
		return client.Erased{}, err
	}
	for _, id := range t.papers {
		if err := book.DropOutside(tx, narthex.EngagementID(id)); err != nil {
			return client.Erased{}, err
		}
	}
	for _, id := range t.drafts {
		if err := blank(tx, id); err != nil {
			return client.Erased{}, err
		}
	}
	return client.Erased{Person: t.person, Entries: len(t.entries), Applications: len(t.drafts)}, nil
}

// wordsOfReleases leaves of the words around a person's releases, theirs and their reviewers', the digests that the ledger has. What was
// released, and what jobs left, is the lab's and stays.
func wordsOfReleases(tx *journal.Tx, person narthex.PersonID) error {
	rows, err := journal.Scan[book.Release](tx, store.Releases, store.Span{Limit: 1_000_000})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Row.Author != person {
			continue
		}
		next := *row.Row
		next.Release = airlock.Recorded(next.Release)
		if err := journal.Put(tx, store.Releases, row.Key, &next); err != nil {
			return err
		}
	}
	return nil
}

// wordsOfStudies does the same for what reviewers said of a person's studies.
func wordsOfStudies(tx *journal.Tx, person narthex.PersonID) error {
	rows, err := journal.Scan[book.Job](tx, store.Jobs, store.Span{Limit: 1_000_000})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Row.Person != person || len(row.Row.Votes) == 0 {
			continue
		}
		next := *row.Row
		next.Job = airlock.RecordedJob(next.Job)
		if err := journal.Put(tx, store.Jobs, row.Key, &next); err != nil {
			return err
		}
	}
	return nil
}

// unsaid takes out what a person said against locks.
func unsaid(tx *journal.Tx, person narthex.PersonID) error {
	rows, err := journal.Scan[book.LockName](tx, store.LockNames, store.Span{Limit: 1_000_000})
	if err != nil {
		return err
	}
	for _, row := range rows {
		lock := row.Row.Lock
		if !slices.ContainsFunc(lock.Appeals, func(a narthex.Appeal) bool { return a.By == person && a.Text != "" }) {
			continue
		}
		lock.Appeals = slices.Clone(lock.Appeals)
		for i := range lock.Appeals {
			if lock.Appeals[i].By == person {
				lock.Appeals[i].Text = ""
			}
		}
		change := book.ChangeLock
		if lock.Lifted() {
			change = func(tx *journal.Tx, lock narthex.Lock) error {
				return journal.Put(tx, store.LockNames, string(lock.ID), &book.LockName{Lock: lock})
			}
		}
		if err := change(tx, lock); err != nil {
			return err
		}
	}
	return nil
}

// blank takes the words out of an application that was never signed, and out of what happened to it.
func blank(tx *journal.Tx, id string) error {
	e, err := journal.Get[narthex.Engagement](tx, store.Engagements, id)
	if err != nil || e == nil {
		return narthex.Unavailablef("An application could not be read.").Because(err)
	}
	next := *e
	next.Application, next.Reason = wordless(e.Application), ""
	next.Notes = slices.Clone(e.Notes)
	for i := range next.Notes {
		next.Notes[i].Text = ""
	}
	next.Votes = slices.Clone(e.Votes)
	for i := range next.Votes {
		next.Votes[i].Reason = ""
	}
	next.Opinions = slices.Clone(e.Opinions)
	for i := range next.Opinions {
		next.Opinions[i] = nameless(next.Opinions[i])
	}
	if e.Refusal != nil {
		next.Refusal = bareRefusal(*e.Refusal)
	}
	if e.Objection != nil {
		next.Objection = bareObjection(*e.Objection)
	}
	if e.Counter != nil {
		counter := *e.Counter
		counter.Text, counter.Application = "", wordless(counter.Application)
		next.Counter = &counter
	}
	if err := journal.Put(tx, store.Engagements, id, &next); err != nil {
		return err
	}
	events, err := journal.Scan[workflow.Event](tx, store.Events, store.Prefix(id+"/", 100_000))
	if err != nil {
		return err
	}
	for _, row := range events {
		event := *row.Row
		event.Text = ""
		if event.Refusal != nil {
			event.Refusal = bareRefusal(*event.Refusal)
		}
		event.Mediator = bareMediator(event.Mediator)
		if event.Opinion != nil {
			opinion := nameless(*event.Opinion)
			event.Opinion = &opinion
		}
		if event.Application != nil {
			application := wordless(*event.Application)
			event.Application = &application
		}
		if err := journal.Put(tx, store.Events, row.Key, &event); err != nil {
			return err
		}
	}
	return nil
}

// bareRefusal is a refusal without the words of it and of its mediation.
func bareRefusal(r narthex.Refusal) *narthex.Refusal {
	r.Alternative, r.Mediation = "", bareMediation(r.Mediation)
	return &r
}

// bareObjection is an objection without the words of it, of those who decided on it, and of its mediation.
func bareObjection(o narthex.Objection) *narthex.Objection {
	o.Alternative, o.Text, o.Mediation = "", "", bareMediation(o.Mediation)
	o.Votes = slices.Clone(o.Votes)
	for i := range o.Votes {
		o.Votes[i].Reason = ""
	}
	return &o
}

// bareMediation is a mediation without words, and without who mediated.
func bareMediation(m *narthex.DecisionMediation) *narthex.DecisionMediation {
	if m == nil {
		return nil
	}
	bare := *m
	bare.Text, bare.Mediator = "", bareMediator(m.Mediator)
	for _, side := range []**narthex.MediationOutcome{&bare.Authors, &bare.Lab} {
		if *side != nil {
			outcome := **side
			outcome.Said.Text, *side = "", &outcome
		}
	}
	return &bare
}

func bareMediator(m *narthex.Mediator) *narthex.Mediator {
	if m == nil {
		return nil
	}
	bare := *m
	bare.Name, bare.Email, bare.Said.Text = erasedName, "", ""
	return &bare
}

// nameless is an opinion without who was asked, and without words.
func nameless(o narthex.Opinion) narthex.Opinion {
	if o.Name != "" {
		o.Name = erasedName
	}
	o.Email, o.Question, o.Interests, o.Text = "", "", "", ""
	return o
}

// wordless is an application without what its applicant wrote, attached and declared.
func wordless(a narthex.Application) narthex.Application {
	a.Title, a.Answers, a.Attachments, a.Interests = erasedName, map[string]string{}, nil, nil
	return a
}
