package book

import (
	"strings"
	"time"

	"narthex"
	"narthex/internal/horizon"
	"narthex/policy"
)

// RestsOn is everything that a call of the key rests on, as locks name it, in the order in which they are looked at. Without
// an asset it is what every call rests on. Region is where the key's person works, or "" where it is not known; so with nationalities.
func RestsOn(key *narthex.Key, grant *narthex.Grant, region string, nationalities []string, asset narthex.AssetName) []string {
	list := []string{Subject("key", key.ID), Subject("person", key.Person), Subject("org", grant.Org), Place(region)}
	list = append(append(list, Nations(nationalities)...), Subject("grant", grant.ID), Subject("engagement", grant.Engagement))
	if asset != "" {
		list = append(list, Subject("asset", asset))
	}
	return list
}

// Stopped says why a key may not be used at all, or nil: the first of the locks on what it rests on, its person, the grant's
// end and dates, its own end. It is told to the key's own holder, but for a lock of which nobody may tell: that is answered as a
// credential that is not valid.
func Stopped(key *narthex.Key, grant *narthex.Grant, person narthex.PersonState, locks []narthex.Lock, now time.Time) *narthex.Error {
	if told, silent := FirstTold(locks, now); told != nil {
		return Locked(*told, grant.AppealTo, grant.AppealDays)
	} else if silent {
		err := narthex.UnauthenticatedError()
		err.Reason = &narthex.Reason{Code: err.Code, Says: err.Public}
		return err
	}
	switch {
	case person != narthex.PersonActive:
		return stopped("suspended", "The person who holds this key may not use it now. Turn to %s to appeal.", grant.AppealTo)
	case grant.Ended:
		return stopped("ended", "The grant of this key has ended. Apply again or ask for a renewal.")
	case !grant.InForce(now) && now.Before(grant.NotBefore):
		return stopped("not_yet", "The grant of this key is not in force before %s.", grant.NotBefore.Format(time.RFC3339))
	case !grant.InForce(now):
		return stopped("expired", "The grant of this key ended at %s; it is now %s. Ask for a renewal.", grant.NotAfter.Format(moment), now.Format(moment))
	case !now.Before(key.NotAfter):
		return stopped("expired", "This key ended at %s; it is now %s. Mint another: `narthex key mint`.", key.NotAfter.Format(moment), now.Format(moment))
	}
	return nil
}

// moment is how an end is told beside the time that it is, which may be a millisecond later.
const moment = "2006-01-02T15:04:05.000Z07:00"

func stopped(code, format string, args ...any) *narthex.Error {
	err := narthex.Refusedf(format, args...)
	err.Code = code
	err.Reason = &narthex.Reason{Code: code, Says: err.Public}
	return err
}

// Seen gives the grant as the key shows it: where the key has terms of its own, those alone, and nothing tells of the others.
func Seen(key *narthex.Key, grant *narthex.Grant) narthex.Grant {
	seen := *grant
	if len(key.Terms) > 0 {
		seen.Terms = Within(key.Terms, grant.Terms)
	}
	return seen
}

// Within gives those of the terms that others give too, whatever their limits.
func Within(terms, others []narthex.Term) []narthex.Term {
	kept := []narthex.Term{}
	for _, term := range terms {
		if _, held := narthex.FindTerm(others, term.Attribute, term.Asset); held {
			kept = append(kept, term)
		}
	}
	return kept
}

// Layers gives the terms that a call of the key is held to: the grant's, and the key's own where it has any; account gives what
// was used by a holder.
func Layers(key *narthex.Key, grant *narthex.Grant, account func(holder string) (policy.Account, error)) ([]policy.Layer, error) {
	used, err := account(string(grant.ID))
	layers := []policy.Layer{{Holder: string(grant.ID), Agreement: grant.Agreement, Terms: grant.Terms, Approvals: grant.Approvals, NotBefore: grant.NotBefore, NotAfter: grant.NotAfter, Account: used}}
	if err != nil || len(key.Terms) == 0 {
		return layers, err
	}
	used, err = account(string(key.ID))
	return append(layers, policy.Layer{Holder: string(key.ID), Agreement: grant.Agreement, Terms: key.Terms, Approvals: grant.Approvals, NotBefore: key.CreatedAt, NotAfter: key.NotAfter, Account: used}), err
}

// TokenBits gives the bits of an asset that one token with log-probabilities of so many others is charged under all the layers.
func TokenBits(t *narthex.Taxonomy, asset narthex.Asset, top int64, layers []policy.Layer) int64 {
	terms := make([][]narthex.Term, len(layers))
	for i, l := range layers {
		terms[i] = l.Terms
	}
	return horizon.TokenBits(asset, t, top, terms...)
}

// BitsOf gives the bits that each token of a call is charged, by its demands.
func BitsOf(demands []narthex.Demand) int64 {
	for _, d := range demands {
		if d.Unit == narthex.Tokens {
			return d.Bits
		}
	}
	return 0
}

// Clauses gives the clauses of an allowance as its entry records them: without the agreement, which the entry names once.
func Clauses(reasons []narthex.Reason) string {
	clauses := make([]string, 0, len(reasons))
	for _, reason := range reasons {
		clause, _, _ := strings.Cut(reason.Clause, "@")
		clauses = append(clauses, clause)
	}
	return strings.Join(clauses, " ")
}
