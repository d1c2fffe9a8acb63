package audit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/store"
)

// people compares the lab's people with the directory that named them last, and everyone with their entries.
func (c *comparison) people() error {
	handles, seen := map[string]bool{}, map[narthex.PersonID]bool{}
	err := each(c.r, store.People, func(row store.Row) error {
		c.counted[string(store.People)]++
		var found narthex.Person
		if err := json.Unmarshal(row.Value, &found); err != nil || string(found.ID) != row.Key {
			c.unreadable(store.People, row.Key)
			return nil
		}
		seen[found.ID] = true
		want, known, err := c.person(found)
		if err != nil {
			return err
		}
		if twice := found.Handle != "" && handles[found.Handle]; !known || twice {
			c.unexpected(store.People, row)
			return nil
		}
		handles[found.Handle] = true
		return c.same(store.People, row.Key, want, found)
	})
	for _, id := range slices.Sorted(maps.Keys(c.People)) {
		if !seen[id] {
			c.missing(store.People, string(id))
		}
	}
	for _, handle := range slices.Sorted(maps.Keys(c.Known)) {
		if !handles[handle] {
			c.differ(client.Difference{What: "row_missing", Table: string(store.People), Expected: "a person for every handle of the directory", Found: "none for one of them"})
		}
	}
	return err
}

// person gives the row that must stand where that one was found.
func (c *comparison) person(found narthex.Person) (narthex.Person, bool, error) {
	p, told := c.People[found.ID]
	if !told {
		p.State = narthex.PersonInvited // of the directory alone: nobody has invited them yet
	}
	if found.Handle == "" || told && p.Org != "" {
		want := narthex.Person{ID: found.ID, Name: found.Name, Email: found.Email, Handle: p.Handle, Org: p.Org, Official: p.Official, Region: p.Region, State: p.State}
		return want, told, nil
	}
	digest, known := c.Known[found.Handle]
	if !known {
		return narthex.Person{}, false, nil
	}
	d, err := c.docs.directory(digest)
	if err != nil || d == nil {
		return found, true, err // the directory is a difference of its own
	}
	named, _ := d.Person(found.Handle)
	want := narthex.Person{ID: found.ID, Name: named.Name, Email: named.Email, Handle: found.Handle, Region: named.Region, State: p.State}
	if p.Handle != "" {
		want.Handle = p.Handle
	}
	if digest == c.Directory.InForce {
		want.Roles = named.Roles
	}
	if c.Gone[found.Handle] {
		want.State = narthex.PersonRemoved
	}
	return want, true, nil
}

// excused says whether a difference hangs on what was erased: the row, or one that it rests on, names someone for whom
// openings were erased.
func (c *comparison) excused(d client.Difference) (bool, error) {
	if len(c.Erased) == 0 || d.What == "opening_missing" || d.What == "entry_changed" || d.What == "entry_unreadable" {
		return false, nil
	}
	table := store.Table(d.Table)
	switch {
	case table == store.Meta && d.Key == directoryRow:
		return c.absentSince(c.Turned), nil
	case table == store.Orgs:
		return c.wasOf(d.Key)
	case table == store.Accounts && isAsset(d.Key):
		return d.What == "row_unexpected", nil // everyone took of it, also those for whom openings were erased
	case table == store.Files:
		return d.What == "row_unexpected", nil
	case !slices.Contains(store.Tables(), table):
		return false, nil
	}
	whom, err := c.whom(table, d.Key)
	if err != nil {
		return false, err
	}
	for id := range c.Erased {
		if strings.Contains(d.Key+" "+whom, string(id)) {
			return true, nil
		}
	}
	return false, nil
}

// whom gives a text with everyone whom a row concerns: as the entries tell, and only where they tell nothing of the row, for
// they were erased, as the rows say.
func (c *comparison) whom(table store.Table, key string) (string, error) {
	if persons, told := c.told(table, key); told {
		return fmt.Sprint(persons), nil
	}
	if table == store.Engagements || table == store.Events || table == store.Outsides {
		id, _, _ := strings.Cut(key, "/")
		if h, told := c.Cases[narthex.EngagementID(id)]; told && h.Events > 0 && !h.Broken {
			e, err := c.engagement(narthex.EngagementID(id), h)
			if err != nil || e != nil {
				return fmt.Sprintf("%+v", e), err
			}
		}
	}
	texts := ""
	for _, ref := range c.restsOn(table, key) {
		persons, told := c.told(ref.table, ref.key)
		if told {
			texts += fmt.Sprint(persons)
			continue
		}
		value, err := c.r.Get(ref.table, ref.key)
		if err != nil {
			return "", err
		}
		texts += " " + string(value)
	}
	return texts, nil
}

// told gives whom a row concerns, where an entry tells it.
func (c *comparison) told(table store.Table, key string) (persons []narthex.PersonID, told bool) {
	one := func(p proof, known bool) ([]narthex.PersonID, bool) { return []narthex.PersonID{p.Person}, known }
	_, name, _ := strings.Cut(key, "/")
	switch table {
	case store.Logins:
		return one(from(c.Logins, key))
	case store.Invites:
		return one(from(c.Invites, key))
	case store.Sessions:
		return one(from(c.Sessions, key))
	case store.Signers:
		return one(from(c.Signers, key))
	case store.Grants:
		g, known := c.Grants[narthex.GrantID(key)]
		return g.Persons, known
	case store.KeyNames:
		k, known := c.Keys[narthex.KeyID(name)]
		return append(slices.Clone(c.Grants[k.Grant].Persons), k.Person), known
	case store.Accounts:
		if g, known := c.Grants[narthex.GrantID(key)]; known {
			return g.Persons, true
		}
		k, known := c.Keys[narthex.KeyID(key)]
		return append(slices.Clone(c.Grants[k.Grant].Persons), k.Person), known
	case store.Keys:
		for id, token := range c.Tokens {
			if k, known := c.Keys[narthex.KeyID(id)]; known && token == key {
				return append(slices.Clone(c.Grants[k.Grant].Persons), k.Person), true
			}
		}
	case store.Jobs:
		j, known := c.Jobs[narthex.JobID(key)]
		return append(slices.Clone(c.Grants[j.Grant].Persons), j.Person), known
	case store.Releases:
		r, known := c.Releases[narthex.ReleaseID(key)]
		return append(slices.Clone(c.Grants[r.Grant].Persons), r.Author), known
	case store.Rules:
		r, known := c.Rules[narthex.RuleID(key)]
		return append(slices.Clone(c.Grants[r.Grant].Persons), r.By), known
	case store.LockNames:
		at := slices.IndexFunc(c.Locks, func(l narthex.Lock) bool { return string(l.ID) == key })
		if at >= 0 {
			people := []narthex.PersonID{narthex.PersonID(c.Locks[at].Target), c.Locks[at].By, c.Locks[at].LiftedBy}
			for _, a := range c.Locks[at].Appeals {
				people = append(people, a.By, a.Taken)
			}
			return people, true
		}
	}
	return nil, false
}

func from[V any](m map[string]V, key string) (V, bool) {
	v, known := m[key]
	return v, known
}

// wasOf says whether someone for whom openings were erased is of the organisation.
func (c *comparison) wasOf(org string) (bool, error) {
	for id := range c.Erased {
		value, err := c.r.Get(store.People, string(id))
		if err != nil || strings.Contains(string(value), org) {
			return err == nil, err
		}
	}
	return false, nil
}

type reference struct {
	table store.Table
	key   string
}

// tokenOf gives the digest of a key's token: as an entry told it, or as the tables have it.
func (c *comparison) tokenOf(key string) (token string) {
	if told, known := c.Tokens[key]; known {
		return told
	}
	err := each(c.r, store.KeyNames, func(row store.Row) error {
		var name book.KeyName
		if strings.HasSuffix(row.Key, "/"+key) && json.Unmarshal(row.Value, &name) == nil {
			token = name.Token
		}
		return nil
	})
	if err != nil {
		return ""
	}
	return token
}

// restsOn names the rows that may say whom a row concerns.
func (c *comparison) restsOn(table store.Table, key string) []reference {
	refs := []reference{{table, key}}
	owner, rest, _ := strings.Cut(key, "/")
	switch table {
	case store.Events, store.Outsides:
		refs = append(refs, reference{store.Engagements, owner})
	case store.Accounts:
		refs = append(refs, reference{store.Grants, key}, reference{store.Keys, c.tokenOf(key)})
	case store.KeyNames:
		refs = append(refs, reference{store.Grants, owner}, reference{store.Keys, c.tokenOf(rest)})
	case store.Holdings:
		var held struct{ Grants []string }
		if value, err := c.r.Get(table, key); err == nil && value != nil && json.Unmarshal(value, &held) == nil {
			for _, grant := range held.Grants {
				refs = append(refs, reference{store.Grants, grant})
			}
		}
	}
	return refs
}
