package audit

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/ledger"
	"narthex/policy"
)

// Replayed is what deciding every recorded call again found.
type Replayed struct {
	Size        uint64              `json:"size"`
	Allowed     uint64              `json:"allowed"` // decided again as recorded
	Denied      uint64              `json:"denied"`
	Unread      uint64              `json:"unread"` // denied because what they asked could not be read: taken as recorded
	Failed      uint64              `json:"failed"` // denied because the node could not decide: taken as recorded
	Untold      uint64              `json:"untold"` // not decided: openings were withheld or erased
	Differences []Decided           `json:"differences"`
	More        int                 `json:"more,omitempty"`
	Impossible  []client.Difference `json:"impossible"`        // entries that do not follow from those before them
	Missing     []narthex.Digest    `json:"missing,omitempty"` // documents that were not at hand, or not what their digest says
}

// Decided is one recorded call whose decision does not follow from what was signed.
type Decided struct {
	Call     narthex.CallID `json:"call"` // as the entry's place names it, also of a denial
	What     string         `json:"what"` // decision, reasons, clauses, reserved, facts, key, agreement, directory, asset
	Recorded string         `json:"recorded"`
	Again    string         `json:"again"`

	persons []narthex.PersonID // whom it concerns
}

// Replay decides recorded calls again, in order.
type Replay struct {
	fold   *Fold
	report Replayed
}

// NewReplay decides by these documents.
func NewReplay(docs Documents) (*Replay, error) {
	f, err := NewFold()
	if err != nil {
		return nil, err
	}
	f.docs.source = docs
	return &Replay{f, Replayed{Differences: []Decided{}, Impossible: []client.Difference{}}}, nil
}

// ReplayStore decides all calls of a store again.
func ReplayStore(r store.Reader) (Replayed, error) {
	head, err := journal.ReadHead(r)
	if err != nil {
		return Replayed{}, err
	}
	p, err := NewReplay(stored{r})
	if err != nil {
		return Replayed{}, err
	}
	if err := journal.EachEntry(r, 0, head.Size, p.Entry); err != nil {
		return Replayed{}, err
	}
	return p.Finish(), nil
}

// ReplayExport verifies an export under the key and decides all calls of it again.
func ReplayExport(in io.Reader, key string, docs Documents) (Replayed, error) {
	p, err := NewReplay(docs)
	if err != nil {
		return Replayed{}, err
	}
	_, err = ledger.VerifyEach(in, key, func(index uint64, record ledger.Record, opening *ledger.Opening) error {
		if opening == nil {
			opening = &ledger.Opening{}
		}
		return p.Entry(index, record, *opening)
	})
	if err != nil {
		return Replayed{}, err
	}
	return p.Finish(), nil
}

// Entry takes the next entry in.
func (p *Replay) Entry(index uint64, record ledger.Record, o ledger.Opening) error {
	if takes(o.Type) || o.Type == narthex.EntryCallDenied {
		if err := p.decide(&step{p.fold, index, record.Time(), o}); err != nil {
			return err
		}
	}
	if o.Type == "" && record.Class() == narthex.UseEntry {
		p.report.Untold++
	}
	return p.fold.Entry(index, record, o)
}

// Finish gives the result. What concerns people whose openings were erased cannot be told.
func (p *Replay) Finish() Replayed {
	f, out := p.fold, p.report
	out.Size, out.Impossible = f.Size, append(out.Impossible, f.found...)
	if f.ErasedOpenings == 0 {
		return out // no entry of erasure erased anything
	}
	erased := func(id narthex.PersonID) bool { return f.Erased[id] }
	kept := out.Differences[:0]
	for _, d := range out.Differences {
		if slices.ContainsFunc(d.persons, erased) || len(d.persons) == 0 {
			out.Untold++
			continue
		}
		kept = append(kept, d)
	}
	out.Differences = kept
	out.Untold += uint64(len(out.Impossible)) // what an entry follows from may be among what was erased
	out.Impossible = []client.Difference{}
	return out
}

func (p *Replay) missing(digest narthex.Digest) {
	if !slices.Contains(p.report.Missing, digest) {
		p.report.Missing = append(p.report.Missing, digest)
	}
	p.report.Untold++
}

func (p *Replay) differ(s *step, g *narthex.Grant, what, recorded, again string) {
	if len(p.report.Differences) == mostDifferences {
		p.report.More++
		return
	}
	d := Decided{Call: narthex.MakeCallID(s.index), What: what, Recorded: recorded, Again: again}
	if g != nil {
		d.persons = g.Persons
	}
	p.report.Differences = append(p.report.Differences, d)
}

// verdict is what comes of a call.
type verdict struct {
	allowed  bool
	reasons  string // codes, limits and clauses, without the sentences
	clauses  string
	reserved string
}

// decide holds what is recorded of a call to what follows from what was signed.
func (p *Replay) decide(s *step) error {
	digest := narthex.Digest(s.text("directory"))
	g, err := s.grant(narthex.GrantID(s.text("grant")))
	if err != nil {
		return err
	}
	d, err := s.docs.directory(digest)
	if err != nil {
		return err
	}
	key, known := s.Keys[narthex.KeyID(s.text("key"))]
	switch at, has := s.Grants[narthex.GrantID(s.text("grant"))]; {
	case !known || !has || key.Revoked || key.Grant != narthex.GrantID(s.text("grant")):
		p.differ(s, g, "key", "a call", "no key of that grant in force")
		return nil
	case g == nil:
		p.missing(at.Agreement)
		return nil
	case digest != s.Directory.InForce:
		p.differ(s, g, "directory", string(digest), string(s.Directory.InForce))
		return nil
	case d == nil || d.engine == nil:
		p.missing(digest)
		return nil
	case s.text("agreement") != string(g.Agreement):
		p.differ(s, g, "agreement", s.text("agreement"), string(g.Agreement))
		return nil
	}
	var facts policy.Facts
	person := s.People[key.Person]
	if err := decode(s.o.Field("facts"), &facts); err != nil || facts.Person != key.Person || facts.Org != g.Org || facts.Actor != key.Actor || facts.Region != person.Region {
		p.differ(s, g, "facts", "another holder", "the key's holder")
		return nil
	}
	return p.hold(s, &attempt{s, g, key, person.State, d, facts})
}

// attempt is a recorded call with everything that its decision rests on.
type attempt struct {
	*step
	grant  *narthex.Grant
	key    narthex.Key
	person narthex.PersonState
	rules  *directory
	facts  policy.Facts
}

// hold compares what is recorded with what is decided again.
func (p *Replay) hold(s *step, a *attempt) error {
	recorded, err := a.recorded()
	if err != nil {
		p.differ(s, a.grant, "reasons", "something that does not read", "a decision")
		return nil
	}
	if recorded.failed() {
		p.report.Failed++
		return nil
	}
	again, taken, err := a.again()
	if err != nil {
		return err
	}
	if taken && !recorded.allowed {
		p.report.Unread++
		return nil
	}
	words := func(v verdict) string {
		return map[bool]string{true: "allowed", false: "denied: " + v.reasons}[v.allowed]
	}
	switch {
	case recorded.allowed != again.allowed:
		p.differ(s, a.grant, "decision", words(recorded), words(again))
	case recorded.reasons != again.reasons:
		p.differ(s, a.grant, "reasons", recorded.reasons, again.reasons)
	case recorded.clauses != again.clauses:
		p.differ(s, a.grant, "clauses", recorded.clauses, again.clauses)
	case recorded.reserved != again.reserved:
		p.differ(s, a.grant, "reserved", recorded.reserved, again.reserved)
	case again.allowed:
		p.report.Allowed++
	default:
		p.report.Denied++
	}
	return nil
}

func (a *attempt) recorded() (verdict, error) {
	if takes(a.o.Type) {
		return verdict{allowed: true, clauses: a.text("clauses"), reserved: a.o.Field("reserved")}, nil
	}
	var reasons []narthex.Reason
	err := json.Unmarshal([]byte(a.o.Field("reasons")), &reasons)
	return verdict{reasons: inShort(reasons)}, err
}

// failed says whether the call was denied since the node itself could not decide: any error denies.
func (v verdict) failed() bool {
	return v.reasons == narthex.Unavailable.String() || v.reasons == narthex.Internal.String()
}

// inShort writes reasons without their sentences.
func inShort(reasons []narthex.Reason) string {
	var all []string
	for _, r := range reasons {
		text := r.Code
		for _, part := range []struct{ name, value string }{{"attribute", string(r.Attribute)}, {"asset", string(r.Asset)}, {"clause", r.Clause}, {"limit", string(r.Limit)}, {"allowed", r.Allowed}, {"asked", r.Asked}} {
			if part.value != "" {
				text += " " + part.name + "=" + part.value
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// again decides the call. Taken says that the decision rests on what could not be read, and is taken as recorded.
func (a *attempt) again() (v verdict, taken bool, err error) {
	name := narthex.AssetName(a.text("asset"))
	var locks []narthex.Lock
	for _, subject := range book.RestsOn(&a.key, a.grant, a.facts.Region, nil, name) {
		for _, lock := range a.Locks {
			if !lock.Lifted() && lock.Subject != narthex.LockNationality && book.Stops(lock, subject) {
				locks = append(locks, lock)
			}
		}
	}
	// Whose national someone is no entry tells: a denial for such a lock is taken where there was one.
	told, _ := book.FirstTold(locks, a.at)
	if said, err := a.recorded(); err == nil && told == nil && said.reasons == "locked" && slices.ContainsFunc(a.Locks, func(l narthex.Lock) bool { return !l.Lifted() && l.Subject == narthex.LockNationality }) {
		return said, true, nil
	}
	stopped := book.Stopped(&a.key, a.grant, a.person, locks, a.at)
	if stopped == nil {
		word, stands := a.wordFor(a.grant)
		stopped = book.Unauthorised(a.grant, word, stands, a.at)
	}
	if stopped == nil {
		if _, stopped, err = book.Resting(known{a.Fold}, a.grant, a.key.Person, a.at); err != nil {
			return v, false, err
		}
	}
	switch {
	case a.facts.Unread && (name == "" || stopped == nil):
		return v, true, nil
	case stopped != nil:
		return verdict{reasons: inShort([]narthex.Reason{{Code: stopped.Reason.Code, Clause: stopped.Reason.Clause}})}, false, nil
	case name == "":
		return verdict{reasons: narthex.WithheldError().Code}, false, nil
	}
	seen := book.Seen(&a.key, a.grant)
	asset, version, shown := book.Resolve(a.rules.Directory, &seen, name, narthex.VersionName(a.text("version")))
	if !shown {
		return verdict{reasons: narthex.WithheldError().Code}, false, nil
	}
	if a.facts.Against != "" {
		if _, _, shown := book.Resolve(a.rules.Directory, &seen, name, a.facts.Against); !shown {
			return verdict{reasons: narthex.WithheldError().Code}, false, nil
		}
	}
	v, err = a.byTerms(asset, version.Name)
	return v, false, err
}

// byTerms asks the engine.
func (a *attempt) byTerms(asset narthex.Asset, version narthex.VersionName) (verdict, error) {
	principal, err := a.facts.Principal()
	if err != nil {
		return verdict{reasons: "facts that do not read"}, nil
	}
	q := policy.Question{Principal: principal, Asset: asset, Version: version, Against: a.facts.Against, Demands: a.facts.Demands, Layers: a.layers(a.grant, a.key), Carried: a.Accounts[policy.AssetHolder(asset.Name)], Now: a.at}
	if q.Layers[0].Recertified, err = book.Recertified(known{a.Fold}, a.grant, a.at); err != nil {
		return verdict{}, err
	}
	if err := decode(a.o.Field("uses"), &q.Uses); err != nil {
		return verdict{reasons: "uses that do not read"}, nil
	}
	bits := int64(0)
	if top, scored := scores(q.Uses); scored {
		bits = book.TokenBits(a.rules.Taxonomy, asset, top, q.Layers)
	}
	if fits := map[bool]func(policy.Question, int64) bool{true: fit, false: fitJob}[a.models(q.Uses)]; !fits(q, bits) {
		return verdict{reasons: "demands that are not those of the uses"}, nil
	}
	if q.Others, err = book.Others(held{a.Fold}, a.grant, a.key.Person, asset.Name, a.rules.engine.Excluded(q.Uses), a.at); err != nil {
		return verdict{}, err
	}
	decision := a.rules.engine.Decide(q)
	if !decision.Allowed() {
		return verdict{reasons: inShort(decision.Reasons)}, nil
	}
	v := verdict{allowed: true}
	holds := []policy.Hold{}
	for i := range q.Layers {
		_, hold, err := a.rules.engine.Reserve(q, i, decision)
		if err != nil {
			return verdict{}, err
		}
		holds = append(holds, hold)
	}
	_, hold, err := a.rules.engine.ReserveAsset(q, decision)
	if err != nil {
		return verdict{}, err
	}
	if hold.Holder != "" {
		holds = append(holds, hold)
	}
	v.clauses = book.Clauses(decision.Reasons)
	form, err := canon.JSON(holds)
	v.reserved = string(form)
	return v, err
}

// fit says whether what the call demands is what its uses say that it asked, one call and the tokens of so many answers of that
// length beside a prompt, each of which carries so many bits of the asset: the terms look at the uses, and budgets and guardrails at
// the demands.
func fit(q policy.Question, bits int64) bool {
	answers, _ := factOf(q.Uses, "n")
	calls, tokens := 0, 0
	for _, d := range q.Demands {
		least, most := int64(1), int64(1)
		switch d.Unit {
		case narthex.Calls:
			calls++
		case narthex.Tokens:
			tokens++
			length, asked := factOf(q.Uses, d.Each)
			if least, most = d.Fixed+answers, d.Most; asked {
				least = d.Fixed + answers*min(length, q.Asset.Context)
				most = least
			}
			if d.Each == "" || d.Step != answers || d.Fixed < 1 || d.Bits != bits {
				return false
			}
		}
		if d.Unit != narthex.Tokens && d.Bits != 0 || d.Least != least || d.Most != most {
			return false
		}
	}
	return calls == 1 && tokens == 1
}

// models says whether it is a model that was called, and no job or release of one.
func (a *attempt) models(uses []narthex.Use) bool {
	if a.o.Type != narthex.EntryCallDenied {
		return a.o.Type == narthex.EntryCallIntent
	}
	return !slices.ContainsFunc(uses, func(use narthex.Use) bool {
		known, _ := a.rules.Taxonomy.Attribute(use.Attribute)
		return known.Jobs != "" || use.Attribute == "output.release" || use.Attribute == "output.artefact.model"
	})
}

// takes says whether entries of the type record something that was allowed and took from budgets.
func takes(t narthex.EntryType) bool {
	return t == narthex.EntryCallIntent || t == narthex.EntryJobTaken || t == narthex.EntryReleaseTaken
}

// fitJob does the same for a job and a release: one call, time, and bytes of the asset, of which each is charged with its eight bits.
func fitJob(q policy.Question, _ int64) bool {
	once := map[narthex.Unit]bool{}
	for _, d := range q.Demands {
		want := int64(0)
		switch d.Unit {
		case narthex.Calls:
			want = 1
		case narthex.CPUMinutes, narthex.GPUMinutes:
			want = d.Most
		case narthex.Bytes:
			if want = d.Most; d.Bits != 8 || d.Most < 1 {
				return false
			}
		default:
			return false
		}
		if once[d.Unit] || d.Least != want || d.Most != want || d.Unit != narthex.Bytes && d.Bits != 0 || d.Fixed != 0 || d.Step != 0 || d.Each != "" {
			return false
		}
		once[d.Unit] = true
	}
	return once[narthex.Calls] && once[narthex.Bytes]
}

// factOf gives the whole number that the uses tell of a limit.
func factOf(uses []narthex.Use, limit narthex.LimitName) (int64, bool) {
	for _, use := range uses {
		for _, fact := range use.Facts {
			if fact.Limit == limit {
				return int64(fact.Value.Number), true
			}
		}
	}
	return 0, false
}

// held is what people hold, as folded.
type held struct{ *Fold }

func (h held) Held(person narthex.PersonID) ([]narthex.GrantID, error) {
	return h.Holdings[book.Subject("person", person)], nil
}

func (h held) HeldBy(org narthex.OrgID, _ narthex.AssetName, _ narthex.AttributeName) ([]narthex.GrantID, error) {
	return h.Holdings[book.Subject("org", org)], nil
}

func (h held) Grant(id narthex.GrantID) (*narthex.Grant, error) { return h.grant(id) }

// Differs says whether any recorded decision does not follow.
func (r Replayed) Differs() bool { return len(r.Differences)+len(r.Impossible)+r.More > 0 }

// InWords puts a difference in one line.
func (d Decided) InWords() string {
	return fmt.Sprintf("%s, %s: recorded %s, decided again %s", d.Call, d.What, d.Recorded, d.Again)
}
