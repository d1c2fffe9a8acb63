package gateway

import (
	"errors"
	"time"

	"narthex"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/gateway/model"
	"narthex/internal/journal"
	"narthex/internal/store"
	"narthex/policy"
)

// admission is a call that was admitted: its intent is durable.
type admission struct {
	intent   uint64
	grant    narthex.GrantID
	asset    narthex.Asset
	version  narthex.Version
	decision policy.Decision
	holds    []policy.Hold
	bits     int64     // of the asset, that each token with log-probabilities is charged
	until    time.Time // when the first of the call's rights ends
}

// Asked is what a call asks, of whatever kind it is.
type Asked interface {
	// Names gives the asset and the version that it names.
	Names() (narthex.AssetName, narthex.VersionName)
	// Uses gives the attributes that it needs on the asset, with what their limits bound.
	Uses(narthex.Asset, *narthex.Taxonomy) ([]narthex.Use, error)
	// Take gives what it would take under the layers.
	Take(asset narthex.Asset, taxonomy *narthex.Taxonomy, layers []policy.Layer) ([]narthex.Demand, error)
	// Param names the part of the request that a reason is about, or "".
	Param(*narthex.Reason) string
	// Missing names the part of the request that names what is not there.
	Missing() string
}

// admit decides a call and records its intent, or its denial, in one commit. It gives an admission with an error where the call
// is recorded and no promise could be made of it: such a call is closed unasked.
func (v *visit) admit(call *model.Call) (admitted *admission, err error) {
	err = v.decide(modelCall{call}, func(a *attempt) (err error) {
		admitted, err = a.record()
		return err
	})
	if err != nil && !errors.Is(err, errUnpromised) {
		return nil, err
	}
	return admitted, err
}

// decide decides what is asked and records it where it is allowed, or its denial, in one commit. What record hands out it sets anew each
// time.
func (v *visit) decide(call Asked, record func(*attempt) error) error {
	var denial *narthex.Error
	err := v.update(func(tx *journal.Tx) error {
		denial = nil
		h, err := v.hold(tx)
		if err != nil {
			return err
		}
		rules, err := v.door.Rules.Check(tx)
		if err != nil {
			return err
		}
		a := &attempt{v: v, tx: tx, h: h, rules: rules, call: call}
		if denial = a.decide(); denial != nil {
			return a.recordDenial(denial)
		}
		return record(a)
	})
	if denial != nil && err == nil {
		return denial
	}
	return err
}

// attempt is one call while it is decided.
type attempt struct {
	v        *visit
	tx       *journal.Tx
	h        holder
	rules    *book.Rules
	call     Asked
	asset    narthex.Asset
	version  narthex.Version
	against  narthex.Version // the second that the call is about, or none
	question policy.Question
	decision policy.Decision
	unread   bool // whether what it asked could not be read
	alone    bool // whether what others took of the asset's account is left out
}

// decide says why the call is denied, or nil.
func (a *attempt) decide() *narthex.Error {
	if !a.resolve() {
		// Whether the asset is absent or another's is not told, but a holder whose access is stopped is told that first.
		if err := a.h.usable(a.tx, ""); err != nil {
			return err
		}
		return narthex.WithheldError().For(a.call.Missing())
	}
	if err := a.h.usable(a.tx, a.asset.Name); err != nil {
		return err
	}
	if err := a.ask(); err != nil {
		a.unread = true
		if narthex.IsKind(err, narthex.Withheld) { // an asset of another kind is as if absent
			err = narthex.WithheldError().For(a.call.Missing())
		}
		return narthex.AsError(err)
	}
	if a.decision = a.rules.Engine.Decide(a.question); !a.decision.Allowed() {
		denial := a.decision.Error()
		return denial.For(a.call.Param(denial.Reason))
	}
	return nil
}

// compares is what a call may be: about a second version of its asset too.
type compares interface {
	// Against names it, or is empty.
	Against() narthex.VersionName
}

// resolve finds the one asset that the call is about, and its version or versions. One that the key does not show is as if absent.
func (a *attempt) resolve() bool {
	wanted, name := a.call.Names()
	seen := book.Seen(a.h.key, a.h.grant)
	asset, version, shown := book.Resolve(a.rules.Directory, &seen, wanted, name)
	if other, two := a.call.(compares); shown && two && other.Against() != "" {
		_, a.against, shown = book.Resolve(a.rules.Directory, &seen, wanted, other.Against())
	}
	if shown {
		a.asset, a.version = asset, version
	}
	return shown
}

// ask puts the question together.
func (a *attempt) ask() error {
	layers, err := book.Layers(a.h.key, a.h.grant, func(holder string) (policy.Account, error) { return accountOf(a.tx, holder) })
	if err != nil {
		return err
	}
	if layers[0].Recertified, err = book.Recertified(book.KnownTo(a.tx), a.h.grant, a.tx.Now()); err != nil {
		return err
	}
	uses, err := a.call.Uses(a.asset, a.rules.Directory.Taxonomy)
	if err != nil {
		return err
	}
	others, err := a.others(uses)
	if err != nil {
		return err
	}
	demands, err := a.call.Take(a.asset, a.rules.Directory.Taxonomy, layers)
	if err != nil {
		return err
	}
	var carried policy.Account
	if !a.alone {
		if carried, err = accountOf(a.tx, policy.AssetHolder(a.asset.Name)); err != nil {
			return err
		}
	}
	a.question = policy.Question{
		Principal: a.principal(), Asset: a.asset, Version: a.version.Name, Against: a.against.Name, Uses: uses, Demands: demands, Layers: layers, Others: others, Carried: carried, Now: a.tx.Now()}
	return nil
}

// principal is who calls.
func (a *attempt) principal() policy.Principal {
	return policy.Principal{Person: a.h.person.ID, Org: a.h.grant.Org, Actor: a.h.key.Actor, Region: a.h.person.Region, Address: a.v.address}
}

// modelCall is a call of a model, as the door asks of it.
type modelCall struct{ *model.Call }

// Names gives the model that it names.
func (c modelCall) Names() (narthex.AssetName, narthex.VersionName) { return c.Model() }

// Missing names the field that names the model.
func (modelCall) Missing() string { return "model" }

// Uses gives what it uses of the model.
func (c modelCall) Uses(asset narthex.Asset, _ *narthex.Taxonomy) ([]narthex.Use, error) {
	return c.Call.Uses(asset)
}

// Take gives the tokens that it would take, and the bits of the asset that each carries.
func (c modelCall) Take(asset narthex.Asset, taxonomy *narthex.Taxonomy, layers []policy.Layer) ([]narthex.Demand, error) {
	return c.Demands(asset, c.grantedTokens(asset, layers), c.tokenBits(asset, taxonomy, layers))
}

// grantedTokens is the least max_tokens of any layer, or the context where none says.
func (c modelCall) grantedTokens(asset narthex.Asset, layers []policy.Layer) int64 {
	granted := asset.Context
	for _, l := range layers {
		for _, attribute := range []narthex.AttributeName{"model.sample", "model.base"} {
			if attribute == "model.base" && c.Surface() != model.Completions {
				continue
			}
			if term, held := narthex.FindTerm(l.Terms, attribute, asset.Name); held {
				if value, set := term.Limits["max_tokens"]; set {
					granted = min(granted, int64(value.Number))
				}
			}
		}
	}
	return granted
}

// tokenBits is what the log-probabilities of one token carry of the asset.
func (c modelCall) tokenBits(asset narthex.Asset, taxonomy *narthex.Taxonomy, layers []policy.Layer) int64 {
	top, asked := c.Logprobs()
	if !asked {
		return 0
	}
	return book.TokenBits(taxonomy, asset, int64(top), layers)
}

func accountOf(tx *journal.Tx, id string) (policy.Account, error) {
	row, err := journal.Get[policy.Account](tx, store.Accounts, id)
	if err != nil || row == nil {
		return policy.Account{}, err
	}
	return *row, nil
}

// others gives the terms of all other grants in force on the asset, of the person or their organisation, on which the decision hangs.
func (a *attempt) others(uses []narthex.Use) ([]narthex.Term, error) {
	return book.OtherTerms(a.tx, a.h.grant, a.h.person.ID, a.asset.Name, a.rules.Engine.Excluded(uses))
}

// take reserves the worst case and gives what it took, with the fields of the entry that says so.
func (a *attempt) take() ([]policy.Hold, []narthex.Field, error) {
	holds := make([]policy.Hold, 0, len(a.question.Layers))
	for i, layer := range a.question.Layers {
		account, hold, err := a.rules.Engine.Reserve(a.question, i, a.decision)
		if err != nil {
			return nil, nil, err
		}
		if err := journal.Put(a.tx, store.Accounts, layer.Holder, &account); err != nil {
			return nil, nil, err
		}
		holds = append(holds, hold)
	}
	carried, hold, err := a.rules.Engine.ReserveAsset(a.question, a.decision)
	if err != nil {
		return nil, nil, err
	}
	if hold.Holder != "" {
		if err := journal.Put(a.tx, store.Accounts, hold.Holder, &carried); err != nil {
			return nil, nil, err
		}
		holds = append(holds, hold)
	}
	reserved, err := canon.JSON(holds)
	if err != nil {
		return nil, nil, err
	}
	uses, err := canon.JSON(a.question.Uses)
	if err != nil {
		return nil, nil, err
	}
	facts, err := canon.JSON(policy.FactsOf(a.question))
	if err != nil {
		return nil, nil, err
	}
	return holds, []narthex.Field{narthex.TextField("grant", a.h.grant.ID), narthex.TextField("key", a.h.key.ID),
		narthex.TextField("agreement", a.h.grant.Agreement), narthex.TextField("directory", a.rules.Directory.Digest),
		narthex.CanonicalField("facts", string(facts)), narthex.CanonicalField("uses", string(uses)),
		narthex.TextField("asset", a.asset.Name), narthex.TextField("version", a.version.Name),
		narthex.TextField("clauses", book.Clauses(a.decision.Reasons)), narthex.CanonicalField("reserved", string(reserved))}, nil
}

// record reserves the worst case and writes the intent.
func (a *attempt) record() (*admission, error) {
	holds, fields, err := a.take()
	if err != nil {
		return nil, err
	}
	intent, err := a.tx.AppendIntent(append(fields, narthex.TextField("nonce", a.v.seal.nonce), narthex.TextField("request", a.v.seal.request))...)
	if err != nil {
		return nil, err
	}
	until := a.decision.Until()
	if a.h.key.NotAfter.Before(until) {
		until = a.h.key.NotAfter
	}
	word, _, err := book.WordFor(a.tx, a.h.grant)
	if err != nil {
		return nil, err
	}
	if word != nil && word.Signature.By != a.v.official {
		return nil, narthex.Unavailablef("The institution's authorisation changed at this moment; try again.")
	}
	if word != nil && word.Authorisation.NotAfter.Before(until) {
		until = word.Authorisation.NotAfter
	}
	rest, _, err := a.h.rests(a.tx)
	if err != nil {
		return nil, err
	}
	if !rest.IsZero() && rest.Before(until) {
		until = rest
	}
	return &admission{intent: intent, grant: a.h.grant.ID, asset: a.asset, version: a.version, decision: a.decision, holds: holds, bits: book.BitsOf(a.question.Demands), until: until}, nil
}

// recordDenial writes the denial with its reasons. Denials of one key beyond its rate are counted instead, so that nobody
// fills the ledger with them.
func (a *attempt) recordDenial(denial *narthex.Error) error {
	if !a.v.door.Refusals.mayRecord(&a.v.recorded, a.h.key.ID, a.tx.Now()) {
		return errDenied{denial}
	}
	reasons := a.decision.Reasons
	switch {
	case len(reasons) > 0:
	case denial.Reason != nil:
		reasons = []narthex.Reason{{Code: denial.Reason.Code, Clause: denial.Reason.Clause, Says: denial.Reason.Says}} // without names from outside
	default:
		reasons = []narthex.Reason{{Code: denial.Code, Says: denial.Public}}
	}
	form, err := canon.JSON(reasons)
	if err != nil {
		return err
	}
	uses, err := canon.JSON(append([]narthex.Use{}, a.question.Uses...))
	if err != nil {
		return err
	}
	a.question.Principal = a.principal() // also where it was denied before there was a question
	told := policy.FactsOf(a.question)
	told.Unread = a.unread
	facts, err := canon.JSON(told)
	if err != nil {
		return err
	}
	_, err = a.tx.Append(narthex.EntryCallDenied, narthex.TextField("grant", a.h.grant.ID), narthex.TextField("key", a.h.key.ID),
		narthex.TextField("agreement", a.h.grant.Agreement), narthex.TextField("directory", a.rules.Directory.Digest),
		narthex.CanonicalField("facts", string(facts)), narthex.CanonicalField("uses", string(uses)),
		narthex.TextField("asset", a.asset.Name), narthex.TextField("version", a.version.Name), narthex.CanonicalField("reasons", string(form)))
	return err
}

// errDenied carries a denial out of a change that writes nothing; it is counted then.
type errDenied struct{ denial *narthex.Error }

func (e errDenied) Error() string { return e.denial.Error() }
func (e errDenied) Unwrap() error { return e.denial }

// denyUnread records the denial of a request that could not be read.
func (v *visit) denyUnread(cause error) error {
	denial := narthex.AsError(cause)
	if denial.Kind == narthex.Withheld {
		denial = denial.For("model") // a name that nothing can have is answered like one that nothing has
	}
	err := v.update(func(tx *journal.Tx) error {
		h, err := v.hold(tx)
		if err != nil {
			return err
		}
		rules, err := v.door.Rules.Check(tx)
		if err != nil {
			return err
		}
		return (&attempt{v: v, tx: tx, h: h, rules: rules, unread: true}).recordDenial(denial)
	})
	if err != nil && !errors.As(err, new(errDenied)) {
		return err
	}
	return cause
}
