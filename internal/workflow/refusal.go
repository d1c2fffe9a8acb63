package workflow

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"narthex"
)

// refuses holds a refusal to the pathway's rule: one of its grounds and no other, and another way where it asks for one.
func refuses(rule *narthex.RefusalRule, r *narthex.Refusal) *narthex.Error {
	switch {
	case rule == nil && r == nil:
		return nil
	case rule == nil:
		return narthex.Invalidf("This pathway has no list of grounds; say why in words and leave ground and alternative out.").For("ground")
	case r == nil || !slices.Contains(rule.Grounds, r.Ground):
		return narthex.Refusedf("This pathway is declined on one of these grounds and no other: %s. Name it word for word, approve, or return it with a question.", strings.Join(rule.Grounds, "; ")).For("ground")
	case rule.Alternative && strings.TrimSpace(r.Alternative) == "":
		return narthex.Invalidf("This pathway asks a refusal to offer another way to the same end. Say which in alternative.").For("alternative")
	case utf8.RuneCountInString(r.Alternative) > mostText:
		return narthex.Invalidf("The alternative is longer than %d characters; shorten it.", mostText).For("alternative")
	case r.MediateBy.IsZero() || r.Mediation != nil:
		return narthex.Invalidf("A refusal says until when mediation may be asked for, and asks for none itself.").For("ground")
	}
	return nil
}

// MayMediate says whether a person may ask for mediation of a refusal now.
func MayMediate(e narthex.Engagement, p narthex.Person, now time.Time) bool {
	return Open(e, Mediate, p) == nil && mediable(e, now) == nil
}

// mediable says whether mediation of a refusal may be asked for at t: once, and in its time.
func mediable(e narthex.Engagement, t time.Time) *narthex.Error {
	switch r := e.Refusal; {
	case r == nil:
		return narthex.Conflictf("The pathway of this application has no mediation.")
	case r.Mediation != nil:
		return narthex.Conflictf("Mediation was asked for on %s.", r.Mediation.At.UTC().Format("2 January 2006"))
	case t.IsZero() || !t.Before(r.MediateBy):
		return narthex.Conflictf("Mediation could be asked for until %s. Apply anew, in the way that the refusal offers where it does.", r.MediateBy.UTC().Format("2 January 2006, 15:04 UTC"))
	}
	return nil
}
