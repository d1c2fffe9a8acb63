package workflow

import (
	"slices"
	"strings"
	"unicode/utf8"

	"narthex"
)

// refuses holds a refusal to the pathway's rule: one of its grounds and no other, and another way where it asks for one.
func refuses(rule *narthex.RefusalRule, r *narthex.Refusal) *narthex.Error {
	if rule == nil && r == nil {
		return nil
	}
	if refused := grounded(rule, r, "Name it word for word, approve, or return it with a question."); refused != nil {
		return refused
	}
	if r.MediateBy.IsZero() || r.Mediation != nil {
		return narthex.Invalidf("A refusal says until when mediation may be asked for, and asks for none itself.").For("ground")
	}
	return nil
}

// grounded says whether a ground and another way are those that the pathway has and asks for.
func grounded(rule *narthex.RefusalRule, r *narthex.Refusal, instead string) *narthex.Error {
	switch {
	case rule == nil:
		return narthex.Invalidf("This pathway has no list of grounds; say why in words and leave ground and alternative out.").For("ground")
	case r == nil || !slices.Contains(rule.Grounds, r.Ground):
		return narthex.Refusedf("This pathway is refused, or objected to, on one of these grounds and no other: %s. %s", strings.Join(rule.Grounds, "; "), instead).For("ground")
	case rule.Alternative && strings.TrimSpace(r.Alternative) == "":
		return narthex.Invalidf("This pathway asks for another way to the same end. Say which in alternative.").For("alternative")
	case utf8.RuneCountInString(r.Alternative) > mostText:
		return narthex.Invalidf("The alternative is longer than %d characters; shorten it.", mostText).For("alternative")
	}
	return nil
}
