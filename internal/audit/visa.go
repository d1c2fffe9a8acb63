package audit

import (
	"slices"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/store"
)

// visa takes in what was done about a person's visas.
func (s *step) visa() error {
	id := narthex.PersonID(s.text("person"))
	var d narthex.VisaDeed
	if err := decode(s.o.Field("deed"), &d); err != nil || string(d.Act) != s.text("act") || string(d.By) != s.text("by") {
		s.impossible(store.Meta, book.VisasKey(id), "something about visas that does not read")
		return nil
	}
	by, err := s.someone(d.By)
	if err != nil {
		return err
	}
	if !book.MayDoVisa(d.Act, by, narthex.Person{ID: id, Org: s.People[id].Org}) && !s.absentSince(0) {
		s.impossible(store.Meta, book.VisasKey(id), "a visa that was not theirs to have %s", d.Act)
	}
	before := s.Visas[id]
	if v := d.Visa; d.Act == narthex.VisaAdded && !s.absentSince(0) {
		linked := v != nil && d.Identity != nil && slices.Contains(before.Identities, *d.Identity) && d.Identity.Issuer == v.Issuer
		unknown := s.rows == nil && len(s.Directory.VisaKeys) == 0 // without the directory nobody can tell
		if !linked || !unknown && !slices.Contains(s.Directory.VisaKeys, narthex.VisaKey(v.Issuer, v.Key)) || s.at.Before(v.Asserted) || !s.at.Before(v.Until) {
			s.impossible(store.Meta, book.VisasKey(id), "a visa that did not hold, or is not known to be theirs")
		}
	}
	if d.Act != narthex.VisaIssued {
		s.Visas[id] = d.After(before, s.at)
	}
	if note := book.ToldOfVisa(d, id); note != "" {
		s.tell(id, note, "")
	}
	return nil
}
