package office

import (
	"slices"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/store"
)

// leave ends the keys that a member has of a grant, with their leaving. It gives those keys, whose live calls end when it is committed.
func (o *Office) leave(tx *journal.Tx, e narthex.Engagement, p narthex.Person) ([]narthex.KeyID, error) {
	names, err := journal.Scan[book.KeyName](tx, store.KeyNames, store.Prefix(string(e.Grant)+"/", 1_000_000))
	if err != nil {
		return nil, err
	}
	var ended []narthex.KeyID
	for _, name := range names {
		key, err := journal.Get[narthex.Key](tx, store.Keys, name.Row.Token)
		if err != nil {
			return nil, err
		}
		if key == nil || key.Person != p.ID || key.Revoked {
			continue
		}
		if _, err := revoke(tx, name.Row.Token, key, p.ID); err != nil {
			return nil, err
		}
		ended = append(ended, key.ID)
	}
	return ended, nil
}

// maySponsor holds who is asked to be a sponsor to someone of the lab who can be one now.
func maySponsor(tx *journal.Tx, id narthex.PersonID) error {
	person, ok, err := standing(tx, id)
	if err == nil && (!ok || !slices.Contains(person.Roles, narthex.Sponsor) || !person.InLab()) {
		err = narthex.Invalidf("The sponsor must be an active person of the lab with the role sponsor.").For("person")
	}
	return err
}
