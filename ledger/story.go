package ledger

import (
	"errors"
	"strings"

	"narthex"
)

// story is what opened entries have told so far, as far as the rules between entries need it.
type story struct {
	open   map[uint64]bool // calls without an outcome
	cases  map[string]*caseHistory
	signed map[string]map[string]bool // parties that signed, by agreement
	keys   *Keys
}

// caseHistory is what has happened in one engagement, as far as a grant rests on it.
type caseHistory struct {
	submitted bool
	approvals map[string]bool // people, since the last edit
	offeredBy string          // who made the counter-offer that stands, or ""
}

func newStory(verifierKey string) story {
	return story{open: map[uint64]bool{}, cases: map[string]*caseHistory{}, signed: map[string]map[string]bool{}, keys: NewKeys(verifierKey)}
}

var errInception = errors.New("a log begins with its inception, and has one only")

// tell takes the next opened entry in, or says which rule it breaks.
func (s *story) tell(index uint64, o Opening) error {
	if (index == 0) != (o.Type == narthex.EntryInception) {
		return errInception
	}
	if err := s.keys.See(index, o); err != nil {
		return err
	}
	switch o.Type {
	case narthex.EntryCallIntent:
		s.open[index] = true
	case narthex.EntryCallOutcome:
		intent, err := narthex.CallID(o.Text("call")).Index()
		if err != nil || !s.open[intent] {
			return errors.New("it is the outcome of a call that is not open")
		}
		delete(s.open, intent)
	case narthex.EntryEngagementChanged:
		s.caseChanged(o)
	case narthex.EntryAgreementSigned:
		agreement := strings.Clone(o.Text("agreement"))
		if s.signed[agreement] == nil {
			s.signed[agreement] = map[string]bool{}
		}
		s.signed[agreement][strings.Clone(o.Text("party"))] = true
	case narthex.EntryGrantActive:
		history := s.cases[o.Text("engagement")]
		parties := s.signed[o.Text("agreement")]
		if history == nil || !history.submitted || len(history.approvals) < 2 {
			return errors.New("a grant came into force without an application and two people's approvals before it")
		}
		if len(parties) < 2 || !parties[string(narthex.PartyLab)] {
			return errors.New("a grant came into force without the signatures before it")
		}
	}
	return nil
}

func (s *story) caseChanged(o Opening) {
	id := o.Text("engagement")
	history := s.cases[id]
	if history == nil {
		history = &caseHistory{approvals: map[string]bool{}}
		s.cases[strings.Clone(id)] = history
	}
	switch o.Text("command") {
	case "submit":
		history.submitted = true
		history.start("")
	case "approve":
		history.approvals[strings.Clone(o.Text("by"))] = true
	case "bind":
		delete(s.signed, o.Text("saw")) // signatures before it are not on the document
	case "return", "revise", "edit", "reopen":
		history.start("")
	case "counter":
		history.start(strings.Clone(o.Text("by")))
	case "accept":
		by := history.offeredBy
		history.start("")
		if by != "" {
			history.approvals[by] = true // of the very text that they offered
		}
	}
}

// start begins to count approvals anew, of a text that somebody may have offered.
func (h *caseHistory) start(offeredBy string) {
	clear(h.approvals)
	h.offeredBy = offeredBy
}
