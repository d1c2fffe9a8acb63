package gateway

import (
	"encoding/json"
	"fmt"

	"narthex"
	"narthex/internal/journal"
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
	unknown := []policy.Used{{Unit: narthex.Calls, Amount: 1}, {Unit: narthex.Tokens, Amount: -1}}
	return closeCall(tx, intent, holds, grant, "unknown", unknown, narthex.MakeDigest([32]byte{}))
}

func parseGrant(text string) (id narthex.GrantID, err error) {
	return id, id.UnmarshalText([]byte(text))
}
