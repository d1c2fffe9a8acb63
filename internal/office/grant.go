package office

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/gateway"
	"narthex/internal/gateway/live"
	"narthex/internal/identity"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/internal/wire"
	"narthex/internal/workflow"
	"narthex/policy"
)

// mostKeyLife bounds how long a key lives.
const mostKeyLife = 30 * 24 * time.Hour

func grantOf(tx *journal.Tx, id narthex.GrantID, p narthex.Person) (narthex.Grant, error) {
	grant, err := journal.Get[narthex.Grant](tx, store.Grants, string(id))
	if err != nil {
		return narthex.Grant{}, err
	}
	if grant == nil {
		return narthex.Grant{}, narthex.WithheldError()
	}
	e, err := engagementOf(tx, grant.Engagement)
	if err != nil {
		return narthex.Grant{}, err
	}
	if !slices.Contains(grant.Persons, p.ID) && !workflow.MayRead(e, p) {
		return narthex.Grant{}, narthex.WithheldError()
	}
	return *grant, nil
}

// Grant gives a grant with what is left of it, to someone who may know of it.
func (o *Office) Grant(ctx context.Context, by narthex.PersonID, id narthex.GrantID) (client.GrantView, error) {
	var view client.GrantView
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		grant, err := grantOf(tx, id, p)
		if err != nil {
			return err
		}
		rules, err := o.Rules.Get()
		if err != nil {
			return err
		}
		keys, err := gateway.KeysOf(tx, id)
		if err != nil {
			return err
		}
		var reader narthex.PersonID
		if !p.InLab() {
			reader = p.ID
			keys = slices.DeleteFunc(keys, func(k narthex.Key) bool { return k.Person != p.ID })
		}
		view, err = gateway.ShowGrant(tx, rules, grant, keys, reader)
		return err
	})
	return view, err
}

// endGrant ends the grant of an engagement that ends.
func (o *Office) endGrant(tx *journal.Tx, e narthex.Engagement, by narthex.PersonID, reason string) error {
	grant, err := journal.Get[narthex.Grant](tx, store.Grants, string(e.Grant))
	if err != nil || grant == nil {
		return narthex.Unavailablef("The grant could not be read.").Because(err)
	}
	ended := *grant
	ended.Ended = true
	if err := journal.Put(tx, store.Grants, string(ended.ID), &ended); err != nil {
		return err
	}
	_, err = tx.Append(narthex.EntryGrantEnded, narthex.TextField("grant", ended.ID), narthex.TextField("engagement", e.ID), narthex.TextField("by", by), narthex.TextField("reason", reason))
	return err
}

// Mint makes a key of a grant for the person who asks, or for their agent. The token is in the answer and nowhere else.
func (o *Office) Mint(ctx context.Context, by narthex.PersonID, id narthex.GrantID, in client.Mint) (client.Minted, error) {
	var out client.Minted
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		grant, err := grantOf(tx, id, p)
		if err != nil {
			return err
		}
		if _, err := usable(tx, grant, p); err != nil {
			return err
		}
		rules, err := o.Rules.Check(tx)
		if err != nil {
			return err
		}
		key, err := o.newKey(tx, rules, grant, p, in)
		if err != nil {
			return err
		}
		token, err := wire.NewToken(wire.KeyToken, o.Journal.Random())
		if err != nil {
			return err
		}
		hash := wire.HashToken(token)
		if err := journal.Put(tx, store.Keys, hash, &key); err != nil {
			return err
		}
		if err := journal.Put(tx, store.KeyNames, string(id)+"/"+string(key.ID), &book.KeyName{Token: hash}); err != nil {
			return err
		}
		out = client.Minted{Key: key, Token: token.Reveal()}
		if err := book.Tell(tx, p.ID, book.ToldMinted+string(key.ID)); err != nil {
			return err
		}
		terms, err := canon.JSON(append([]narthex.Term{}, key.Terms...))
		if err != nil {
			return err
		}
		_, err = tx.Append(narthex.EntryKeyMinted, narthex.TextField("key", key.ID), narthex.TextField("grant", id), narthex.TextField("person", p.ID),
			narthex.TextField("actor", key.Actor), narthex.TextField("token", hash), narthex.CanonicalField("terms", string(terms)), narthex.TimeField("not_after", key.NotAfter), narthex.TextField("by", p.ID))
		return err
	})
	return out, err
}

func (o *Office) newKey(tx *journal.Tx, rules *book.Rules, grant narthex.Grant, p narthex.Person, in client.Mint) (narthex.Key, error) {
	var none narthex.Key
	if in.Actor == "" {
		in.Actor = narthex.Human
	}
	switch {
	case in.Actor != narthex.Human && in.Actor != narthex.Agent:
		return none, narthex.Invalidf("A key is for a human or an agent.").For("actor")
	case strings.TrimSpace(in.Label) == "" || utf8.RuneCountInString(in.Label) > 80:
		return none, narthex.Invalidf("A key has a label of 1 to 80 characters, such as the agent's name.").For("label")
	case in.Hours < 0 || time.Duration(in.Hours)*time.Hour > mostKeyLife:
		return none, narthex.Invalidf("A key lives at most %d hours.", int(mostKeyLife/time.Hour)).For("hours")
	case in.Actor == narthex.Agent && len(in.Terms) == 0:
		return none, narthex.Invalidf("An agent's key has terms of its own, no wider than the grant's.").For("terms")
	}
	if err := policy.Narrower(rules.Directory.Taxonomy, grant.Terms, in.Terms); err != nil {
		return none, err
	}
	id, err := identity.NewID[narthex.KeyID](o.Journal.Random())
	if err != nil {
		return none, err
	}
	life := mostKeyLife
	if in.Hours > 0 {
		life = time.Duration(in.Hours) * time.Hour
	}
	end := tx.Now().Add(life).Truncate(time.Second)
	if end.After(grant.NotAfter) {
		end = grant.NotAfter
	}
	return narthex.Key{ID: id, Grant: grant.ID, Person: p.ID, Actor: in.Actor, Label: in.Label, Terms: likeGrant(rules.Directory.Taxonomy, grant.Terms, in.Terms), CreatedAt: tx.Now(), NotAfter: end}, nil
}

// noKeys says why a grant has no new keys. Where nobody may tell of the lock, the store seems to have failed.
func noKeys(grant narthex.Grant, locks []narthex.Lock, now time.Time) error {
	if told, silent := book.FirstTold(locks, now); told != nil {
		return book.Locked(*told, grant.AppealTo, grant.AppealDays)
	} else if silent {
		return journal.Unrecorded()
	}
	return narthex.Refusedf("The grant is not in force, so it has no new keys.")
}

// likeGrant completes a key's terms with the grant's clause numbers and every limit of the grant that they leave out, but
// budgets: those stand at the grant.
func likeGrant(t *narthex.Taxonomy, grant, key []narthex.Term) []narthex.Term {
	terms := slices.Clone(key)
	for i, term := range terms {
		whole, _ := narthex.FindTerm(grant, term.Attribute, term.Asset)
		limits := maps.Clone(term.Limits)
		if limits == nil {
			limits = map[narthex.LimitName]narthex.Value{}
		}
		for name, value := range whole.Limits {
			spec, _ := t.Limit(term.Attribute, name)
			if _, set := limits[name]; !set && (spec.Kind != narthex.BudgetKind || spec.Default != nil) {
				limits[name] = value
			}
		}
		terms[i].Limits, terms[i].Clause = limits, whole.Clause
	}
	return terms
}

// RevokeKey ends a key for good. Its holder may, and whoever guards the lab. Its live calls end before it returns.
func (o *Office) RevokeKey(ctx context.Context, by narthex.PersonID, id narthex.KeyID) (narthex.Key, error) {
	var revoked narthex.Key
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		hash, key, err := keyNamed(tx, id)
		if err != nil {
			return err
		}
		if key == nil || key.Person != p.ID && !p.Has(narthex.Security) && !p.Has(narthex.Programme) {
			return narthex.WithheldError()
		}
		if key.Revoked {
			return narthex.Conflictf("That key is revoked already.")
		}
		revoked, err = revoke(tx, hash, key, p.ID)
		return err
	})
	if err == nil {
		o.Live.Cut(book.Subject("key", id), live.End{Code: "revoked", At: o.Journal.Now()})
	}
	return revoked, err
}

// revoke ends a key that is not revoked, tells its holder and records it.
func revoke(tx *journal.Tx, hash string, key *narthex.Key, by narthex.PersonID) (narthex.Key, error) {
	revoked := *key
	revoked.Revoked = true
	if err := journal.Put(tx, store.Keys, hash, &revoked); err != nil {
		return revoked, err
	}
	if err := book.Tell(tx, key.Person, book.ToldKeyRevoked+string(key.ID)); err != nil {
		return revoked, err
	}
	_, err := tx.Append(narthex.EntryKeyRevoked, narthex.TextField("key", key.ID), narthex.TextField("grant", key.Grant), narthex.TextField("by", by))
	return revoked, err
}

// keyNamed finds a key by its identifier.
func keyNamed(tx *journal.Tx, id narthex.KeyID) (string, *narthex.Key, error) {
	names, err := journal.Scan[book.KeyName](tx, store.KeyNames, store.Span{Limit: 1_000_000})
	if err != nil {
		return "", nil, err
	}
	for _, name := range names {
		if strings.HasSuffix(name.Key, "/"+string(id)) {
			key, err := journal.Get[narthex.Key](tx, store.Keys, name.Row.Token)
			return name.Row.Token, key, err
		}
	}
	return "", nil, nil
}
