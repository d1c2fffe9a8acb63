package gateway

import (
	"encoding/json"
	"fmt"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/ledger"
	"narthex/policy"
)

// Recover closes a call whose intent has no outcome: a crash came between the two. Nobody knows what it used, so it is
// charged what it had reserved.
func Recover(tx *journal.Tx, intent uint64, opening ledger.Opening) error {
	var holds []policy.Hold
	if err := json.Unmarshal([]byte(opening.Field("reserved")), &holds); err != nil {
		return fmt.Errorf("read what a call had reserved: %w", err)
	}
	grant, err := parseGrant(opening.Text("grant"))
	if err != nil {
		return err
	}
	person, err := personOf(tx, grant, narthex.KeyID(opening.Text("key")))
	if err != nil {
		return err
	}
	unknown := []policy.Used{{Unit: narthex.Calls, Amount: 1}, {Unit: narthex.Tokens, Amount: -1}}
	return closeCall(tx, intent, holds, grant, person, "unknown", unknown, narthex.MakeDigest([32]byte{}))
}

// personOf gives the person of a key, or nobody where it is gone.
func personOf(tx *journal.Tx, grant narthex.GrantID, key narthex.KeyID) (narthex.PersonID, error) {
	name, err := journal.Get[book.KeyName](tx, store.KeyNames, string(grant)+"/"+string(key))
	if err != nil || name == nil {
		return "", err
	}
	k, err := journal.Get[narthex.Key](tx, store.Keys, name.Token)
	if err != nil || k == nil {
		return "", err
	}
	return k.Person, nil
}

func parseGrant(text string) (id narthex.GrantID, err error) {
	return id, id.UnmarshalText([]byte(text))
}
