package workflow

import (
	"slices"
	"time"

	"narthex"
)

// How a review of a manuscript ended.
const (
	endedByNoClause = "no_clause"
	endedByWord     = "cleared"
	endedBySilence  = "silence"
)

// submitManuscript takes a manuscript in. One that differs from the version it replaces only in redactions that it applies goes
// on with what it replaces: the same end of the review, or as long as a contested redaction is answered in where less is left,
// so that the lab can look; the other redactions stand on in it. Any other version is read anew, with a clock of its own.
func submitManuscript(e *narthex.Engagement, event Event, h Handling) *narthex.Error {
	in := h.Submitted
	switch {
	case in == nil || h.Manuscript != 0:
		return narthex.Invalidf("It brings no manuscript.").For("manuscript")
	case !isText(in.Title, mostTitle):
		return narthex.Invalidf("A title has 1 to %d characters.", mostTitle).For("title")
	case in.Size < 1 || in.Size > mostSize:
		return narthex.Invalidf("A manuscript has a size in bytes, of at least one.").For("size")
	case in.Where != "" && !isText(in.Where, mostWords):
		return narthex.Invalidf("Where it can be read is said in at most %d characters.", mostWords).For("where")
	case len(e.Manuscripts) >= mostManuscripts:
		return narthex.Conflictf("The engagement has %d manuscripts already, which is as many as there can be.", mostManuscripts)
	}
	if _, err := narthex.ParseDigest(string(in.Digest)); err != nil {
		return narthex.Invalidf("A manuscript is named by its SHA-256 digest.").For("digest")
	}
	if at := slices.IndexFunc(e.Manuscripts, func(m narthex.Manuscript) bool { return m.Digest == in.Digest }); at >= 0 {
		return narthex.Conflictf("That very text is manuscript %d.", at+1).For("digest")
	}
	m := narthex.Manuscript{Number: len(e.Manuscripts) + 1, Title: in.Title, Digest: in.Digest, Size: in.Size, Where: in.Where, By: event.By, At: event.At,
		Replaces: in.Replaces, Clause: in.Clause}
	if m.Clause != nil {
		if !event.Due.After(event.At) {
			return narthex.Invalidf("The review has no end.").For("due")
		}
		m.Due, m.Embargo = event.Due, LastSigned(*e).AddDate(0, 0, m.Clause.EmbargoDays)
	}
	e.Manuscripts = slices.Clone(e.Manuscripts)
	if in.Replaces != 0 || len(in.Applies) > 0 {
		if refused := replace(e, &m, in.Applies); refused != nil {
			return refused
		}
	}
	e.Manuscripts = append(e.Manuscripts, m)
	return nil
}

// replace puts a manuscript in the place of an earlier one.
func replace(e *narthex.Engagement, m *narthex.Manuscript, applies []int) *narthex.Error {
	if m.Replaces < 1 || m.Replaces > len(e.Manuscripts) {
		return narthex.Invalidf("A new version names the manuscript that it replaces.").For("replaces")
	}
	old := e.Manuscripts[m.Replaces-1]
	if old.ReplacedBy != 0 || old.Published != nil {
		return narthex.Conflictf("Manuscript %d is published or replaced already; replace the latest version, or hand in a new manuscript.", old.Number).For("replaces")
	}
	if len(applies) > 0 {
		if refused := applied(old, m, applies); refused != nil {
			return refused
		}
	}
	old.ReplacedBy = m.Number
	e.Manuscripts[old.Number-1] = old
	return nil
}

func applied(old narthex.Manuscript, m *narthex.Manuscript, applies []int) *narthex.Error {
	if old.Clause == nil || m.Clause == nil {
		return narthex.Invalidf("Nothing was asked of manuscript %d; leave out what is applied.", old.Number).For("applies")
	}
	m.Applies, m.Clause, m.Embargo, m.Extension = slices.Clone(applies), old.Clause, old.Embargo, old.Extension
	m.Pauses, m.Redactions = ended(old.Pauses, m), slices.Clone(old.Redactions)
	if old.Cleared == nil && m.Due.Before(old.Due) {
		return narthex.Invalidf("The review would lose time by redactions.").For("due")
	}
	for i, number := range applies {
		if number < 1 || number > len(m.Redactions) || slices.Contains(applies[:i], number) {
			return narthex.Invalidf("Manuscript %d has %d redactions; name those that are applied, each once.", old.Number, len(m.Redactions)).For("applies")
		}
		r := m.Redactions[number-1]
		state, _ := redactionState(r, m.At)
		switch {
		case state == narthex.RedactionContested || state == narthex.RedactionMediation:
			return narthex.Conflictf("Redaction %d is contested; accept it first, or leave the passage as it is.", number).For("applies")
		case state.Settled():
			return narthex.Conflictf("Redaction %d is in nobody's way any more; the passage may stay as it is.", number).For("applies")
		}
		r.AppliedIn, r.AppliedAt = m.Number, m.At
		m.Redactions[number-1] = r
	}
	return nil
}

// ended gives the pauses of a manuscript with the last one ended by the version that replaces it.
func ended(pauses []narthex.ClockPause, by *narthex.Manuscript) []narthex.ClockPause {
	pauses = slices.Clone(pauses)
	if last := len(pauses) - 1; last >= 0 && pauses[last].Resumed == nil {
		pauses[last].Resumed = &narthex.Said{By: by.By, At: by.At}
	}
	return pauses
}

// LastSigned is when the agreement was signed by the last who had to.
func LastSigned(e narthex.Engagement) time.Time {
	var last time.Time
	for _, s := range e.Signatures {
		if s.At.After(last) {
			last = s.At
		}
	}
	return last
}

// reviewEnd says when and how the review of a manuscript ended; it gives "" while it lasts.
func reviewEnd(m narthex.Manuscript, now time.Time) (time.Time, string) {
	switch {
	case m.Clause == nil:
		return m.At, endedByNoClause
	case m.Cleared != nil:
		return m.Cleared.At, endedByWord
	case m.Paused() || m.Due.IsZero() || now.Before(m.Due):
		return time.Time{}, ""
	}
	return m.Due, endedBySilence
}

// redactionState says where a redaction stands, and since when it is in nobody's way where it is not.
func redactionState(r narthex.Redaction, now time.Time) (narthex.RedactionState, time.Time) {
	stands, bound, since := false, false, time.Time{}
	if r.Mediation != nil {
		stands, bound, since = r.Mediation.Bound()
	}
	switch {
	case r.AppliedIn != 0:
		return narthex.RedactionApplied, r.AppliedAt
	case r.Dropped != nil:
		return narthex.RedactionDropped, r.Dropped.At
	case r.Accepted != nil:
		return narthex.RedactionAccepted, time.Time{}
	case bound && !stands:
		return narthex.RedactionFell, since
	case bound:
		return narthex.RedactionStands, time.Time{}
	case r.Mediation != nil:
		return narthex.RedactionMediation, time.Time{}
	case r.Upheld != nil:
		return narthex.RedactionUpheld, time.Time{}
	case r.Contested != nil && !now.Before(r.Due):
		return narthex.RedactionLapsed, r.Due
	case r.Contested != nil:
		return narthex.RedactionContested, time.Time{}
	}
	return narthex.RedactionAsked, time.Time{}
}

// Stand says where a manuscript stands at a moment. It is a function of what happened and of the time: nothing has to run for a
// review to end by silence.
func Stand(m narthex.Manuscript, now time.Time) narthex.ManuscriptStanding {
	var s narthex.ManuscriptStanding
	settled := time.Time{}
	for _, r := range m.Redactions {
		state, since := redactionState(r, now)
		s.Redactions = append(s.Redactions, narthex.RedactionStanding{Number: r.Number, State: state, Settled: since})
		if state == narthex.RedactionLapsed {
			s.Lapsed++
		}
		if !state.Settled() {
			s.InTheWay++
		} else if since.After(settled) {
			settled = since
		}
	}
	s.ReviewEnded, s.How = reviewEnd(m, now)
	if s.How != "" && s.InTheWay == 0 {
		s.ClearSince = later(s.ReviewEnded, settled)
		s.PublishFrom = later(s.ClearSince, m.Embargo)
	}
	switch {
	case m.ReplacedBy != 0:
		s.State = narthex.ManuscriptReplaced
	case m.Published != nil:
		s.State = narthex.ManuscriptPublished
	case s.How == "" && m.Paused():
		s.State = narthex.ManuscriptPaused
	case s.How == "":
		s.State = narthex.ManuscriptInReview
	case s.InTheWay > 0:
		s.State = narthex.ManuscriptRedacting
	case now.Before(s.PublishFrom):
		s.State = narthex.ManuscriptEmbargoed
	default:
		s.State = narthex.ManuscriptClear
	}
	return s
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
