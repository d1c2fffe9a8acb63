package audit

import (
	"strings"

	"narthex/internal/store"
)

// Untold is a place in the tables of which no entry tells, so that it is not compared with one. Nothing is decided by any, but by a passkey's counter.
type Untold struct {
	Table store.Table
	Rows  string // how the keys of the rows begin; empty for all rows
	Field string // with the names of those that hold it before it, each ended by a dot; empty for the whole row
	Why   string
}

// AllUntold lists every such place. What is stored and stands neither here nor in an entry is a difference.
func AllUntold() []Untold {
	return []Untold{
		{store.People, "", "name", "an outsider's name is personal data, which entries do not hold; of the lab's people the directory has it"},
		{store.People, "", "email", "so is their address"},
		{store.Orgs, "", "name", "what an organisation is called; each agreement's cover says it, and is signed"},
		{store.Orgs, "", "region", "shown to the lab's people"},
		{store.Invites, "", "id", "a name for an invitation, by which nothing is looked up"},
		{store.Keys, "", "label", "words of a key's holder for themselves"},
		{store.LockNames, "", "lock.note", "words of whoever set the lock; the lock in force has the same"},
		{store.LockNames, "", "lock.appeals.text", "what was said against it: entries have its digest, and it goes when its author is erased"},
		{store.LockNames, "", "lock.reviews.text", "what its review said: entries have its digest"},
		{store.Meta, "nationalities/", "list", "a person's nationalities and the salt that hides them: entries have their digest"},
		{store.Meta, "directory", "approvals.name", "the name beside an approval, for show; whose it is stands in an entry"},
		{store.Meta, "head", "batch", "drawn for each commit, so that one of unknown outcome can be found"},
		{store.Meta, "cuts/", "", "when and why a live call was cut, for the holder of the grant; the outcome says that it was, and what cut it has an entry of its own"},
		{store.Notices, "", "", "what people and webhooks are told of what entries tell, and what became of it; nothing is decided by it"},
		{store.Passkeys, "", "counter", "how far an authenticator has counted. A copy of one is refused by it; whoever lowers it in the database can let one in, and nothing else"},
		{store.Snapshots, "", "", "what was folded, signed by the ledger's key; one that it did not sign over these entries is not used"},
	}
}

// untold says whether no entry tells of a row as a whole.
func untold(table store.Table, key string) bool {
	for _, u := range AllUntold() {
		if u.Table == table && u.Field == "" && strings.HasPrefix(key, u.Rows) {
			return true
		}
	}
	return false
}
