package gateway

import (
	"strings"

	"narthex"
	"narthex/internal/airlock"
	"narthex/internal/book"
	"narthex/internal/gateway/model"
	"narthex/internal/journal"
)

// Explain decides a call as the door would decide it now, for a person of a grant with a key that has all of its terms, and does
// nothing: it reserves nothing and records nothing. It gives the reasons of an allowance, or the denial with its own. The place
// that a call comes from is not known here, so a term that asks for one denies. A lock of which nobody may tell changes nothing in it.
// Where it is alone, what others took of the asset's account changes nothing either: a question costs nothing, so asking ever less would
// tell it. Carries says whether the call carries bytes of the asset.
func Explain(tx *journal.Tx, rules *book.Rules, grant narthex.Grant, person narthex.Person, actor narthex.ActorKind, call Asked, alone bool) (reasons []narthex.Reason, carries bool, denial *narthex.Error) {
	key := &narthex.Key{Grant: grant.ID, Person: person.ID, Actor: actor, CreatedAt: grant.NotBefore, NotAfter: grant.NotAfter}
	a := &attempt{v: &visit{}, tx: tx, h: holder{key: key, grant: &grant, person: &person, told: true}, rules: rules, call: call, alone: alone}
	if err := a.h.look(tx); err != nil {
		return nil, false, narthex.Unavailablef("The locks could not be read, so nothing is served.").Because(err)
	}
	denial = a.decide()
	return a.decision.Reasons, book.BitsOf(a.question.Demands) > 0, denial
}

// ParseAsked reads what is asked about: a request as ParseRequest does, or, where an attribute is named in its place, the least call that
// uses it on an asset.
func ParseAsked(taxonomy *narthex.Taxonomy, surface, body string, attribute narthex.AttributeName, asset string) (Asked, error) {
	if attribute == "" && asset == "" {
		call, err := ParseRequest(surface, []byte(body))
		return modelCall{call}, err
	}
	if surface != "" || body != "" {
		return nil, narthex.Invalidf("Ask about a request, or about an attribute on an asset, and not about both.").For("attribute")
	}
	name, version, _ := strings.Cut(asset, "@")
	known, _ := taxonomy.Attribute(attribute)
	switch {
	case known.Jobs != "":
		least := narthex.Plan{WallMinutes: 1, CPUMinutes: 1, MemoryMB: leastMemory, Outputs: make([]narthex.Output, 1), Attribute: attribute}
		least.OutcomeBytes = airlock.OutcomeBytes(least, 1)
		return jobCall{asset: narthex.AssetName(name), version: narthex.VersionName(version), plan: least}, nil
	case attribute == takeArtefacts:
		return releaseCall{asset: narthex.AssetName(name), version: narthex.VersionName(version), unread: true, charge: 1}, nil
	case attribute == takeOut:
		return releaseCall{asset: narthex.AssetName(name), version: narthex.VersionName(version), artefacts: []string{artefactOf("text")}, charge: 1}, nil
	}
	call, err := model.Least(attribute, asset)
	return modelCall{call}, err
}

// ParseRequest reads the body of a request to the door, for a chat or for completions, strictly.
func ParseRequest(surface string, body []byte) (*model.Call, error) {
	switch surface {
	case "chat":
		return model.ParseChat(body)
	case "completions":
		return model.ParseCompletion(body)
	}
	return nil, narthex.Invalidf("A request is for chat or completions.").For("surface")
}
