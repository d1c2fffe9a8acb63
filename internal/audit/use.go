package audit

import (
	"slices"
	"time"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/store"
	"narthex/policy"
)

func (s *step) minted() error {
	id := narthex.KeyID(s.text("key"))
	key := narthex.Key{ID: id, Grant: narthex.GrantID(s.text("grant")), Person: narthex.PersonID(s.text("person")), Actor: narthex.ActorKind(s.text("actor")), CreatedAt: s.at}
	err := decode(s.o.Field("terms"), &key.Terms)
	if err == nil {
		key.NotAfter, err = time.Parse(time.RFC3339, s.text("not_after"))
	}
	g, known := s.Grants[key.Grant]
	if err != nil || !known || g.Ended || !slices.Contains(g.Persons, key.Person) {
		s.impossible(store.Grants, string(key.Grant), "a key of a grant that is not in force, or for someone whom it does not name")
	}
	s.Keys[id] = key
	s.Tokens[string(id)] = s.text("token")
	s.tell(key.Person, book.ToldMinted+string(id), "")
	return nil
}

func (s *step) revoked() error {
	id := narthex.KeyID(s.text("key"))
	key, known := s.Keys[id]
	if !known || key.Revoked || string(key.Grant) != s.text("grant") {
		s.impossible(store.Grants, s.text("grant"), "the end of a key that is not in force")
		return nil
	}
	key.Revoked = true
	s.Keys[id] = key
	s.tell(key.Person, book.ToldKeyRevoked+string(id), "")
	return nil
}

// byKey holds an entry of use to a key that is in force.
func (s *step) byKey() error {
	s.keyOf()
	return nil
}

// keyOf gives the key of an entry of use.
func (s *step) keyOf() (narthex.Key, bool) {
	key, known := s.Keys[narthex.KeyID(s.text("key"))]
	if !known || key.Revoked || string(key.Grant) != s.text("grant") {
		s.impossible(store.Grants, s.text("grant"), "use of a key that is not in force, or of another grant")
		return key, false
	}
	return key, true
}

// intent takes from the accounts what the call took, as the terms say, and holds the record to that.
func (s *step) intent() error {
	var holds []policy.Hold
	var uses []narthex.Use
	key, ok := s.keyOf()
	if decode(s.o.Field("reserved"), &holds) != nil || decode(s.o.Field("uses"), &uses) != nil {
		s.impossible(store.Grants, s.text("grant"), "a call whose uses or amounts do not read")
		return nil
	}
	of, own := policy.AssetHolder(narthex.AssetName(s.text("asset"))), holds
	kept := len(holds) > 0 && holds[len(holds)-1].Holder == of
	if kept {
		own, s.Kept[of] = holds[:len(holds)-1], true
	}
	call := openCall{Grant: narthex.GrantID(s.text("grant")), Holds: holds}
	defer func() { s.Open[s.index] = call }()
	g, err := s.grant(narthex.GrantID(s.text("grant")))
	if err != nil {
		return err
	}
	if !ok || g == nil {
		for _, hold := range holds {
			s.Lost[hold.Holder] = true
		}
		if _, scored := scores(uses); scored {
			s.Lost[of] = true
		}
		return nil
	}
	layers := s.layers(g, key)
	if len(layers) != len(own) || layers[0].Holder != own[0].Holder || layers[len(layers)-1].Holder != own[len(own)-1].Holder {
		s.impossible(store.Accounts, string(g.ID), "a call that took from other accounts than its own")
		return nil
	}
	q := policy.Question{Asset: narthex.Asset{Name: narthex.AssetName(s.text("asset"))}, Uses: uses, Layers: layers, Now: s.at}
	all := make([]policy.Hold, len(own))
	for i, hold := range own {
		s.Accounts[hold.Holder], all[i] = s.engine.Again(q, i, hold)
	}
	charged, bits, err := s.charge(uses, layers, all)
	if err != nil {
		return err
	}
	switch {
	case kept && !s.Lost[of]:
		all = append(all, charged)
	case kept:
		all = holds // what it took of the asset cannot be told
	case charged.Holder != "":
		call.Earlier = s.before(charged, bits)
	}
	form, err := canon.JSON(all)
	if err == nil && string(form) != s.o.Field("reserved") {
		s.impossible(store.Accounts, string(g.ID), "amounts that do not follow from the terms")
	}
	return err
}

// layers gives the terms that a call of the key is held to, with the accounts as they are.
func (f *Fold) layers(g *narthex.Grant, key narthex.Key) []policy.Layer {
	layers, _ := book.Layers(&key, g, func(holder string) (policy.Account, error) { return f.Accounts[holder], nil })
	return layers
}

// outcome gives back to the accounts what the call did not use.
func (s *step) outcome() error {
	intent, err := narthex.CallID(s.text("call")).Index()
	if _, absent := s.Absent[intent]; absent && err == nil {
		s.untold++
		return nil
	}
	call, open := s.Open[intent]
	var used []policy.Used
	if err != nil || !open || string(call.Grant) != s.text("grant") || decode(s.o.Field("used"), &used) != nil {
		s.impossible(store.Grants, s.text("grant"), "the outcome of a call that is not open, or of another grant")
		return nil
	}
	delete(s.Open, intent)
	for _, hold := range call.Holds {
		s.Accounts[hold.Holder] = s.Accounts[hold.Holder].Settle(hold, used)
	}
	if call.Earlier != nil {
		s.giveBack(call.Earlier, used)
	}
	return nil
}
