package gateway

import (
	"cmp"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/order"
	"narthex/internal/store"
)

// RestsOf gives everything that a grant rests on as it stands: what does not hold first, then what lapses first. A reader from
// outside the lab sees what their own calls rest on; an empty reader sees everyone's.
func RestsOf(tx *journal.Tx, grant *narthex.Grant, reader narthex.PersonID) ([]client.RestView, error) {
	var list []client.RestView
	for _, c := range grant.RestsOn {
		callers := grant.Persons
		if c.For == narthex.OfApplicant && len(callers) > 0 {
			callers = callers[:1]
		} else if reader != "" {
			callers = []narthex.PersonID{reader}
		}
		for _, caller := range callers {
			h, err := book.HoldingOf(book.KnownAsTold(tx), grant, c, c.Concerns(grant, caller), tx.Now())
			if err != nil {
				return nil, err
			}
			person, err := journal.Get[narthex.Person](tx, store.People, string(h.Person))
			if err != nil || person == nil {
				return nil, narthex.Unavailablef("A person of the grant could not be read.").Because(err)
			}
			list = append(list, client.RestView{Clause: c.Clause, Kind: c.Kind, Name: c.Name, For: c.For, Person: h.Person, Who: person.Name, Holds: h.Holds, Until: h.Until,
				Stated: h.Standing.StatedAt, Renews: book.Recorders(c.Kind)})
		}
	}
	order.By(list, func(a, b client.RestView) int {
		if a.Holds != b.Holds {
			return map[bool]int{false: -1, true: 1}[a.Holds]
		}
		return cmp.Or(a.Until.Compare(b.Until), cmp.Compare(a.Clause, b.Clause))
	})
	return list, nil
}
