package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/agreement"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/store"
	"narthex/policy"
)

// Compare holds every table to what the entries say, once all of them are folded. Key is the node's own verifier key.
func (f *Fold) Compare(r store.Reader, head journal.Head, key string) (client.Audit, error) {
	f.rows, f.docs.source = r, stored{r}
	c := &comparison{f, r, map[string]int{}}
	found, more, untold := slices.Clone(f.found), f.more, f.untold
	defer func() { f.found, f.more, f.untold = found, more, untold }() // the next look finds the rows' differences again
	f.wait()
	if !f.broken {
		if err := f.checkHead(r, head, key); err != nil {
			return client.Audit{}, err
		}
		for _, compare := range []func() error{c.meta, c.files, c.people, c.orgs, c.proofs, c.engagements, c.events, c.agreements, c.outsides, c.grants, c.keys, c.locks, c.accounts, c.jobs, c.releases, c.rules, c.blobs, c.public, c.reads, c.listings} {
			if err := compare(); err != nil {
				return client.Audit{}, err
			}
		}
	}
	for _, index := range slices.Sorted(maps.Keys(f.Absent)) {
		if f.Absent[index] {
			f.differ(client.Difference{What: "opening_missing", Table: string(store.Openings), Entry: &index, Expected: "an opening, or an entry that says that it was erased", Found: "neither"})
		}
	}
	return c.report()
}

// report gives the audit's result. What concerns people whose openings were erased cannot be told.
func (c *comparison) report() (client.Audit, error) {
	a := client.Audit{Size: c.Size, Opened: c.Opened, Erased: c.ErasedOpenings, OpenCalls: len(c.Open), Rows: c.counted, Differences: []client.Difference{}, More: c.more}
	untold := c.untold
	for _, d := range c.found {
		excused, err := c.excused(d)
		if err != nil {
			return a, err
		}
		if excused {
			untold++
			continue
		}
		a.Differences = append(a.Differences, d)
	}
	a.Untold = untold
	return a, nil
}

// files holds the directories that are stored to those that were proposed.
func (c *comparison) files() error {
	want := map[string]*book.Files{}
	for digest := range c.Files {
		want[string(digest)] = &book.Files{}
	}
	return compareRows(c, store.Files, want, func(digest string, want, found *book.Files) {
		if string(lab.Files(found.Files).Digest()) == digest {
			*want = *found
		}
	})
}

func (c *comparison) orgs() error {
	want := map[string]*narthex.Org{}
	for id := range c.Orgs {
		want[string(id)] = &narthex.Org{ID: id}
	}
	return compareRows(c, store.Orgs, want, func(_ string, want, found *narthex.Org) { want.Name, want.Region = found.Name, found.Region })
}

// proofs compares what people prove themselves by.
func (c *comparison) proofs() error {
	logins, invites, sessions, signers := map[string]*book.Login{}, map[string]*book.Invite{}, map[string]*book.Session{}, map[string]*client.Signer{}
	for print, p := range c.Logins {
		logins[print] = &book.Login{Person: p.Person, At: p.At}
	}
	passkeys := map[string]*book.Passkey{}
	for code, p := range c.Invites {
		invites[code] = &book.Invite{Person: p.Person, ExpiresAt: p.At.Add(book.InviteLife)}
	}
	for token, p := range c.Sessions {
		sessions[token] = &book.Session{ID: narthex.SessionID(p.ID), Person: p.Person, ExpiresAt: p.At.Add(book.SessionLife), Ended: !p.Ended.IsZero()}
	}
	for print, p := range c.Signers {
		signers[print] = &client.Signer{Fingerprint: print, Kind: p.Kind, Person: p.Person, At: p.At, RevokedAt: p.Ended}
		if p.Kind == client.SignerPasskey {
			passkeys[p.ID] = &book.Passkey{Signer: print, Person: p.Person}
		}
	}
	err := compareRows(c, store.Logins, logins, func(print string, want, found *book.Login) {
		if book.LoginPrint(found.PublicKey) == print {
			want.PublicKey = found.PublicKey
		}
	})
	if err != nil {
		return err
	}
	if err := c.invites(invites); err != nil {
		return err
	}
	err = compareRows(c, store.Sessions, sessions, func(token string, want, found *book.Session) {
		// The custodians' first sessions began before the ledger did.
		if c.Sessions[token].At.Equal(c.Began) && !found.ExpiresAt.After(want.ExpiresAt.Add(time.Millisecond)) {
			want.ExpiresAt = found.ExpiresAt
		}
	})
	if err != nil {
		return err
	}
	err = compareRows(c, store.Passkeys, passkeys, func(_ string, want, found *book.Passkey) { want.Counter = found.Counter })
	if err != nil {
		return err
	}
	return compareRows(c, store.Signers, signers, func(print string, want, found *client.Signer) {
		if key, err := agreement.ParseVerifier(found.PublicKey); err == nil && key.Fingerprint() == print {
			want.PublicKey = found.PublicKey
		}
		if p := c.Signers[print]; p.Kind == client.SignerPasskey && book.CredentialPrint(found.Credential) == p.ID {
			want.Credential = found.Credential
		}
	})
}

// invites also holds the codes that are used up to how often each person redeemed one.
func (c *comparison) invites(want map[string]*book.Invite) error {
	used := map[narthex.PersonID]int{}
	err := compareRows(c, store.Invites, want, func(_ string, want, found *book.Invite) {
		if want.ID, want.Used = found.ID, found.Used; found.Used {
			used[want.Person]++
		}
	})
	for _, id := range slices.Sorted(maps.Keys(c.People)) {
		if p := c.People[id]; p.Redeemed != used[id] {
			c.differ(client.Difference{What: "row_differs", Table: string(store.Invites), Key: string(id), Field: "used", Expected: strconv.Itoa(p.Redeemed) + " codes of this person", Found: strconv.Itoa(used[id])})
		}
	}
	return err
}

func (c *comparison) engagements() error {
	seen := map[narthex.EngagementID]bool{}
	err := each(c.r, store.Engagements, func(row store.Row) error {
		c.counted[string(store.Engagements)]++
		id := narthex.EngagementID(row.Key)
		h, known := c.Cases[id]
		if !known {
			c.unexpected(store.Engagements, row)
			return nil
		}
		seen[id] = true
		var e narthex.Engagement
		if err := json.Unmarshal(row.Value, &e); err != nil {
			c.unreadable(store.Engagements, row.Key)
			return nil
		}
		if h.Broken {
			return nil
		}
		return c.engagementRow(id, e)
	})
	for _, id := range slices.Sorted(maps.Keys(c.Cases)) {
		if !seen[id] {
			c.missing(store.Engagements, string(id))
		}
		if c.Cases[id].Waits != nil {
			c.differ(client.Difference{What: "row_unexpected", Table: string(store.Engagements), Key: string(id), Field: "signatures", Expected: "an entry of the last signature", Found: "none"})
		}
	}
	return err
}

func (c *comparison) engagementRow(id narthex.EngagementID, e narthex.Engagement) error {
	want, err := c.rowOf(id)
	if err != nil {
		return err
	}
	found, err := canon.Digest(e)
	if err != nil {
		return err
	}
	if found != want {
		folded, err := c.engagement(id, c.Cases[id])
		if err != nil {
			return err
		}
		if folded != nil {
			return c.same(store.Engagements, string(id), folded, e)
		}
		c.differ(client.Difference{What: "row_differs", Table: string(store.Engagements), Key: string(id), Field: "digest", Expected: string(want), Found: string(found)})
	}
	g, has := c.Grants[e.Grant]
	over := e.State == narthex.Ending || e.State == narthex.Closed
	if e.Grant != "" && (!has || g.Ended != over) {
		c.differ(client.Difference{What: "row_unexpected", Table: string(store.Engagements), Key: string(id), Field: "grant", Expected: "an entry that began its grant, and one that ended it where it is over", Found: "none"})
	}
	return nil
}

// events looks for events beyond those that entries tell of; each that an entry tells of was held to it when it was folded.
func (c *comparison) events() error {
	return each(c.r, store.Events, func(row store.Row) error {
		c.counted[string(store.Events)]++
		id, digits, _ := strings.Cut(row.Key, "/")
		seq, err := strconv.Atoi(digits)
		h, known := c.Cases[narthex.EngagementID(id)]
		if err != nil || !known || !h.Broken && (seq < 1 || seq > h.Events) || eventKey(narthex.EngagementID(id), seq) != row.Key {
			c.unexpected(store.Events, row)
		}
		return nil
	})
}

func (c *comparison) agreements() error {
	want := map[string]*book.Agreement{}
	for digest := range c.Agreements {
		want[string(digest)] = &book.Agreement{}
	}
	return compareRows(c, store.Agreements, want, func(_ string, want, found *book.Agreement) { *want = *found })
}

// outsides holds each outside document that is kept to the digest to which its engagement is bound, and each engagement that says that its
// one is kept to the row. What was never signed and whose applicant was erased went with them.
func (c *comparison) outsides() error {
	kept := map[string]narthex.OutsideDocument{}
	keeps := into(func(e narthex.Engagement) {
		if e.Outside != nil && e.Outside.Kept {
			kept[string(e.ID)] = *e.Outside
		}
	})
	err := each(c.r, store.Engagements, func(row store.Row) error {
		_ = keeps(row.Value) // a row that does not read is a difference of its own
		return nil
	})
	if err != nil {
		return err
	}
	err = each(c.r, store.Outsides, func(row store.Row) error {
		c.counted[string(store.Outsides)]++
		bound, known := kept[row.Key]
		var file book.Outside
		switch {
		case !known:
			c.unexpected(store.Outsides, row)
		case json.Unmarshal(row.Value, &file) != nil:
			c.unreadable(store.Outsides, row.Key)
		case !file.Fits(bound):
			c.differ(client.Difference{What: "row_differs", Table: string(store.Outsides), Key: row.Key, Field: "file", Expected: string(bound.Digest), Found: "another file"})
		}
		delete(kept, row.Key)
		return nil
	})
	for _, id := range slices.Sorted(maps.Keys(kept)) {
		c.missing(store.Outsides, id)
	}
	return err
}

func (c *comparison) grants() error {
	want, held := map[string]*narthex.Grant{}, map[string]*book.Holdings{}
	for id := range c.Grants {
		g, err := c.grant(id)
		if err != nil {
			return err
		}
		if g == nil {
			c.untold++ // its agreement is not at hand, which is a difference of its own
			g = &narthex.Grant{}
		}
		want[string(id)] = g
	}
	for subject, grants := range c.Holdings {
		held[subject] = &book.Holdings{Grants: grants}
	}
	err := compareRows(c, store.Grants, want, func(_ string, want, found *narthex.Grant) {
		if want.ID == "" {
			*want = *found
		}
	})
	if err != nil {
		return err
	}
	return compareRows(c, store.Holdings, held, nil)
}

func (c *comparison) keys() error {
	keys, names := map[string]*narthex.Key{}, map[string]*book.KeyName{}
	for id, key := range c.Keys {
		token := c.Tokens[string(id)]
		keys[token], names[string(key.Grant)+"/"+string(id)] = &key, &book.KeyName{Token: token}
	}
	if err := compareRows(c, store.Keys, keys, func(_ string, want, found *narthex.Key) { want.Label = found.Label }); err != nil {
		return err
	}
	return compareRows(c, store.KeyNames, names, nil)
}

func (c *comparison) accounts() error {
	want := map[string]*policy.Account{}
	for holder, account := range c.Accounts {
		want[holder] = &account
	}
	for holder := range c.Lost {
		want[holder] = &policy.Account{}
	}
	return compareRows(c, store.Accounts, want, func(holder string, want, found *policy.Account) {
		if c.Lost[holder] || c.ErasedOpenings > 0 && isAsset(holder) && atLeast(holder, *found, *want) {
			*want = *found
			c.untold++
		}
	})
}

func (c *comparison) public() error {
	there := map[string]bool{}
	err := each(c.r, store.Public, func(row store.Row) error {
		c.counted[string(store.Public)]++
		index, err := strconv.ParseUint(row.Key, 16, 64)
		if kind, public := c.Public[index]; err != nil || !public || publicKey(index) != row.Key {
			c.unexpected(store.Public, row)
		} else if there[row.Key] = true; kind != narthex.EntryType(row.Value) {
			c.differ(client.Difference{What: "row_differs", Table: string(store.Public), Key: row.Key, Field: "type", Expected: string(kind), Found: "another"})
		}
		return nil
	})
	for _, index := range slices.Sorted(maps.Keys(c.Public)) {
		if !there[publicKey(index)] {
			c.missing(store.Public, publicKey(index))
		}
	}
	return err
}

// listings holds the lists to the rows that they follow, each of which is held to the entries. A store that an earlier program left
// has none; the next start makes them.
func (c *comparison) listings() error {
	var lists book.Lists
	for table, take := range map[store.Table]func([]byte) error{
		store.Engagements: into(lists.Engagement), store.Grants: into(lists.Grant), store.People: into(lists.Person),
		store.Jobs: into(lists.Job), store.Releases: into(lists.Release), store.Rules: into(lists.Rule),
	} {
		err := each(c.r, table, func(row store.Row) error {
			_ = take(row.Value) // a row that does not read is a difference of its own
			return nil
		})
		if err != nil {
			return err
		}
	}
	want, there := lists.Rows(), map[string]bool{}
	err := each(c.r, store.Listings, func(row store.Row) error {
		c.counted[string(store.Listings)]++
		wanted, known := want[row.Key]
		if !known {
			c.unexpected(store.Listings, row)
			return nil
		}
		there[row.Key] = true
		value, err := json.Marshal(wanted)
		if err == nil && !bytes.Equal(value, row.Value) {
			c.differ(client.Difference{What: "row_differs", Table: string(store.Listings), Key: row.Key, Field: "", Expected: "what follows of the rows that are listed", Found: "another"})
		}
		return err
	})
	if err != nil || c.counted[string(store.Listings)] == 0 {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if !there[key] {
			c.missing(store.Listings, key)
		}
	}
	return nil
}

// into gives what reads a stored row and hands it on.
func into[T any](take func(T)) func([]byte) error {
	return func(value []byte) error {
		var row T
		if err := json.Unmarshal(value, &row); err != nil {
			return err
		}
		take(row)
		return nil
	}
}

func publicKey(index uint64) string { return fmt.Sprintf("%016x", index) }
