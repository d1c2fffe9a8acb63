package workflow

import (
	"slices"
	"time"

	"narthex"
)

// mostAway bounds an absence.
const mostAway = 366 * 24 * time.Hour

// MayBeAway says whether a person of the lab can be away so, with that stand-in: somebody else, who is there and holds one of
// their roles by the directory. A stand-in is given no role by it. Others are the absences that are known.
func MayBeAway(p narthex.Person, a narthex.Absence, in narthex.Person, others []narthex.Absence, now time.Time) *narthex.Error {
	switch {
	case !a.From.Before(a.Until) || a.Until.Sub(a.From) > mostAway:
		return narthex.Invalidf("An absence ends after it begins, and lasts a year at most.").For("until")
	case !now.Before(a.Until):
		return narthex.Invalidf("The absence is over already.").For("until")
	case a.StandIn == "":
		return nil
	case a.StandIn == p.ID:
		return narthex.Invalidf("Nobody stands in for themselves.").For("stand_in")
	case in.ID != a.StandIn || !in.InLab() || in.State != narthex.PersonActive:
		return narthex.Refusedf("A stand-in is an active person of the lab. `narthex people list` shows them.").For("stand_in")
	case len(Covered(p, in)) == 0:
		return narthex.Refusedf("They hold none of your roles, and standing in gives none. Name someone who does, or let two custodians give them the role: `narthex lab propose`.").For("stand_in")
	}
	for _, other := range others {
		if other.Person == a.StandIn && other.From.Before(a.Until) && a.From.Before(other.Until) {
			return narthex.Conflictf("They are away in that time themselves. Name someone who is there.").For("stand_in")
		}
	}
	return nil
}

// Covered lists the roles of a person that a stand-in holds too.
func Covered(p, in narthex.Person) []narthex.Role {
	return slices.DeleteFunc(slices.Clone(p.Roles), func(r narthex.Role) bool { return !in.Has(r) })
}

// Deputises says whether somebody stands in for an asset's owner: the owner named them as their stand-in, and the lab's directory,
// which two custodians approved, as the asset's deputy.
func Deputises(asset narthex.Asset, in, owner narthex.Person) bool {
	return owner.Handle != "" && asset.Owner == owner.Handle && in.Handle != "" && asset.Deputy == in.Handle && in.ID != owner.ID && in.Has(narthex.AssetOwner)
}
