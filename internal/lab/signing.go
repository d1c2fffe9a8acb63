package lab

import (
	"fmt"
	"slices"

	"narthex"
)

// SigningOf gives how a pathway's agreement asks to be signed.
func (d *Directory) SigningOf(p narthex.Pathway) narthex.Signing {
	values := map[string]string{}
	for _, name := range []string{narthex.SignatureOrder, narthex.SignatureMethod, narthex.SignatureOutside} {
		if value, has := d.value(p, narthex.SignatureClause, name); has {
			values[name] = value
		}
	}
	return narthex.SigningOf(values)
}

// known says of a value that it is none of those that signing can hold.
func known(value string, all ...string) string {
	if slices.Contains(all, value) {
		return ""
	}
	return fmt.Sprintf("nothing can hold %q; it is one of %q", value, all)
}

func orderIsKnown(u use) string {
	order := u.pathway.SigningOrder
	if u.value == narthex.LabSignsLast && len(order) > 0 && order[len(order)-1] != narthex.PartyLab {
		return "it says that the lab signs last, and the pathway's signing_order does not"
	}
	return known(u.value, narthex.InAnyOrder, narthex.LabSignsLast)
}

func methodIsKnown(u use) string {
	return known(u.value, narthex.WithKeys, narthex.WithKeysAndStamps)
}

// legalBringsOutside holds a pathway that accepts an outside document to having someone who brings it.
func legalBringsOutside(u use) string {
	reviewed := slices.ContainsFunc(u.pathway.Reviews, func(r narthex.ReviewRule) bool { return r.Role == narthex.Legal })
	if wrong := known(u.value, narthex.OutsideRefused, string(narthex.OutsideAccepted), string(narthex.OutsideRequired)); wrong != "" || u.value == narthex.OutsideRefused || reviewed {
		return wrong
	}
	return "someone of legal brings the outside document, so legal is one of the pathway's reviews"
}
