package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/store"
)

type modelList struct {
	Object string      `json:"object"`
	Data   []modelItem `json:"data"`
}

type modelItem struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

// Models serves GET /v1/models: what the key shows and nothing else.
func (d *Door) Models() http.Handler {
	return d.Handler(func(v *visit) error {
		list := modelList{Object: "list"}
		err := v.read("models", func(tx *journal.Tx, h holder) *narthex.Error {
			list.Data = []modelItem{}
			if err := h.usable(tx, ""); err != nil {
				return err
			}
			rules, err := d.Rules.Check(tx)
			if err != nil {
				return narthex.AsError(err)
			}
			seen := book.Seen(h.key, h.grant)
			for _, name := range modelNames(rules, &seen) {
				list.Data = append(list.Data, modelItem{name, "model", h.grant.NotBefore.Unix(), "lab"})
			}
			return nil
		})
		if err != nil {
			return err
		}
		return v.json(list)
	})
}

// modelNames gives the names that the holder of a grant, as their key shows it, can use: each asset, and its versions that a term lists.
func modelNames(rules *book.Rules, grant *narthex.Grant) []string {
	var names []string
	for _, asset := range rules.Directory.AssetNames() {
		if rules.Directory.Assets[asset].Kind != "model" || !grant.Shows(asset) {
			continue
		}
		names = append(names, string(asset))
		if term, held := narthex.FindTerm(grant.Terms, "model.checkpoints", asset); held {
			for _, version := range term.Limits["checkpoints"].Names {
				names = append(names, string(asset)+"@"+version)
			}
		}
	}
	return names
}

// Grant serves GET /v1/grant: the grant of the key, what is left of it, and why it is stopped where it is. It works with the
// key of a locked or ended grant too.
func (d *Door) Grant() http.Handler {
	return d.Handler(func(v *visit) error {
		var view client.GrantView
		err := v.read("grant", func(tx *journal.Tx, h holder) *narthex.Error {
			rules, err := d.Rules.Check(tx)
			if err == nil {
				seen := book.Seen(h.key, h.grant)
				whole := seen
				whole.Terms = book.Within(h.grant.Terms, seen.Terms) // the grant's own limits, for its budgets
				view, err = ShowGrant(tx, rules, whole, []narthex.Key{*h.key}, h.person.ID)
				view.Grant = seen
			}
			if err != nil {
				return narthex.AsError(err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return v.json(view)
	})
}

// read runs a reading of the key's holder and records it, or its denial. Nobody fills the ledger with readings: those of one key
// beyond its rate are refused.
func (v *visit) read(what string, look func(*journal.Tx, holder) *narthex.Error) error {
	var denial *narthex.Error
	err := v.update(func(tx *journal.Tx) error {
		h, err := v.hold(tx)
		if err != nil {
			return err
		}
		rules, err := v.door.Rules.Check(tx)
		if err != nil {
			return err
		}
		if err := v.paced(tx, h); err != nil {
			return err
		}
		if book.Compromised(h.locks) {
			told, _ := book.FirstTold(h.locks, tx.Now())
			denial = book.Locked(*told, h.grant.AppealTo, h.grant.AppealDays)
		} else {
			denial = look(tx, h)
		}
		if denial != nil {
			return (&attempt{v: v, tx: tx, h: h, rules: rules, unread: what != "models"}).recordDenial(denial) // of what a key reads of its own no terms decide
		}
		_, err = tx.Append(narthex.EntryCallRead, narthex.TextField("grant", h.grant.ID), narthex.TextField("key", h.key.ID), narthex.TextField("what", what))
		return err
	})
	if err == nil && denial != nil {
		return denial
	}
	return err
}

// paced refuses what a key does more often than it may in a minute, so that nobody fills the ledger with it.
func (v *visit) paced(tx *journal.Tx, h holder) error {
	if v.door.Refusals.mayRead(&v.looked, h.key.ID, tx.Now()) {
		return nil
	}
	return errDenied{&narthex.Error{Kind: narthex.Exhausted, Code: "rate_exceeded",
		Public: fmt.Sprintf("This key was looked up with more than %d times in this minute. Wait for the next and ask less often.", entriesAMinute)}}
}

func (v *visit) json(body any) error {
	out, err := json.Marshal(body)
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	_, err = v.w.Write(out)
	return ignoreGone(err)
}

// ShowGrant gives a grant with its budgets, locks and cut calls, as of the change or view that tx is. A reader from outside the
// lab sees no lock on another person, and no note of one that is not on them or on what is theirs; an empty reader is of the lab.
func ShowGrant(tx *journal.Tx, rules *book.Rules, grant narthex.Grant, keys []narthex.Key, reader narthex.PersonID) (client.GrantView, error) {
	view := client.GrantView{Grant: grant, InForce: grant.InForce(tx.Now()), Keys: keys, Appeal: grant.AppealTo, Budgets: []client.BudgetView{}}
	locks, err := LocksOn(tx, grant, keys, reader)
	if err != nil {
		return view, err
	}
	view.Locks, view.InForce = locks, view.InForce && len(locks) == 0
	if view.Ended, err = book.CutsOf(tx, grant.ID); err != nil {
		return view, err
	}
	if view.RestsOn, err = RestsOf(tx, &grant, reader); err != nil {
		return view, err
	}
	if err := addBudgets(tx, rules, &view, string(grant.ID), grant.Terms); err != nil {
		return view, err
	}
	for _, key := range keys {
		if err := addBudgets(tx, rules, &view, string(key.ID), key.Terms); err != nil {
			return view, err
		}
	}
	return view, nil
}

// LocksOn gives the locks on a grant and on what it rests on, but those of which nobody may tell. A reader from outside the lab is not told
// of those on other people.
func LocksOn(tx *journal.Tx, grant narthex.Grant, keys []narthex.Key, reader narthex.PersonID) ([]narthex.Lock, error) {
	locked := []string{book.Subject("grant", grant.ID), book.Subject("engagement", grant.Engagement), book.Subject("org", grant.Org)}
	for _, term := range grant.Terms {
		if subject := book.Subject("asset", term.Asset); !slices.Contains(locked, subject) {
			locked = append(locked, subject)
		}
	}
	for _, person := range grant.Persons {
		if reader != "" && person != reader {
			continue
		}
		locked = append(locked, book.Subject("person", person))
	}
	if reader != "" {
		person, err := journal.Get[narthex.Person](tx, store.People, string(reader))
		if err != nil || person == nil {
			return nil, narthex.Unavailablef("The person could not be read.").Because(err)
		}
		nations, err := book.NationsOf(tx, reader)
		if err != nil {
			return nil, err
		}
		locked = append(append(locked, book.Place(person.Region)), book.Nations(nations)...)
	}
	for _, key := range keys {
		locked = append(locked, book.Subject("key", key.ID))
	}
	told, err := book.LocksTold(tx, locked...)
	for i := range told {
		if reader != "" {
			told[i] = book.ShownTo(told[i], grant.Org)
		}
	}
	return told, err
}

func addBudgets(tx *journal.Tx, rules *book.Rules, view *client.GrantView, holder string, terms []narthex.Term) error {
	account, err := accountOf(tx, holder)
	if err != nil {
		return err
	}
	for _, state := range rules.Engine.Budgets(terms, account, tx.Now()) {
		b := state.Budget
		view.Budgets = append(view.Budgets, client.BudgetView{Holder: holder, Attribute: state.Key.Attribute, Asset: state.Key.Asset, Limit: state.Key.Limit,
			Unit: string(state.Spec.Counted()), Per: state.Spec.Per, Allowed: b.Limit, Used: b.Used, Reserved: b.Reserved, Left: b.Left()})
	}
	return nil
}

// KeysOf gives the keys of a grant.
func KeysOf(tx *journal.Tx, grant narthex.GrantID) ([]narthex.Key, error) {
	names, err := journal.Scan[book.KeyName](tx, store.KeyNames, store.Prefix(string(grant)+"/", 1000))
	if err != nil {
		return nil, err
	}
	keys := []narthex.Key{}
	for _, name := range names {
		key, err := journal.Get[narthex.Key](tx, store.Keys, name.Row.Token)
		if err != nil {
			return nil, err
		}
		if key != nil {
			keys = append(keys, *key)
		}
	}
	return keys, nil
}
