package office

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/canon"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/listing"
	"narthex/internal/statement"
	"narthex/internal/store"
	"narthex/internal/workflow"
)

// registerLife is how old the register may be that is shown: anyone may ask, and making it reads every engagement that came into
// force.
const registerLife = time.Minute

// register is the public register as it was last made.
type register struct {
	mu      sync.Mutex
	at      time.Time
	rules   narthex.Digest
	entries []client.RegisterEntry
	digest  narthex.Digest
}

// Register gives a page of the public register, to anyone. What the agreement does not let it show yet, or ever, is nowhere in it: not
// in an entry, nor in a count, a digest or a page's end, and to come after it is as to come after nothing.
func (o *Office) Register(ctx context.Context, of client.Page) (client.Register, error) {
	length, err := pageLength(of)
	if err != nil {
		return client.Register{}, err
	}
	entries, digest, err := o.registered(ctx)
	if err != nil {
		return client.Register{}, err
	}
	page := client.Register{Origin: o.Origin, Entries: []client.RegisterEntry{}, Count: len(entries), Digest: digest}
	if of.After != "" {
		at := slices.IndexFunc(entries, func(e client.RegisterEntry) bool { return string(e.Engagement) == of.After })
		if at < 0 {
			return client.Register{}, narthex.WithheldError().For("after")
		}
		entries = entries[at+1:]
	}
	if len(entries) > length {
		entries, page.Next = entries[:length], string(entries[length-1].Engagement)
	}
	page.Entries = append(page.Entries, entries...)
	return page, nil
}

func (o *Office) registered(ctx context.Context) ([]client.RegisterEntry, narthex.Digest, error) {
	rules, err := o.Rules.Get()
	if err != nil {
		return nil, "", err
	}
	o.register.mu.Lock()
	defer o.register.mu.Unlock()
	age := o.Journal.Now().Sub(o.register.at)
	if o.register.digest != "" && age >= 0 && age <= registerLife && o.register.rules == rules.Directory.Digest {
		return o.register.entries, o.register.digest, nil
	}
	var entries []client.RegisterEntry
	var at time.Time
	err = o.Journal.View(ctx, func(tx *journal.Tx) error {
		entries, at = nil, tx.Now()
		var lists []string
		for _, state := range []narthex.State{narthex.Active, narthex.Ending, narthex.Closed} {
			lists = append(lists, listing.EngagementsOf(listing.Lab, state))
		}
		return book.Walk(tx, lists, "", false, func(_, id string) (bool, error) {
			entry, err := registerEntry(tx, rules.Directory, narthex.EngagementID(id))
			if entry != nil {
				entries = append(entries, *entry)
			}
			return err != nil, err
		})
	})
	if err != nil {
		return nil, "", narthex.Unavailablef("The register could not be read. Try again later.").Because(err)
	}
	digest, err := canon.Digest(append([]client.RegisterEntry{}, entries...))
	if err != nil {
		return nil, "", err
	}
	o.register.at, o.register.rules, o.register.entries, o.register.digest = at, rules.Directory.Digest, entries, digest
	return entries, digest, nil
}

// registerEntry gives what the register shows of an engagement now; nil for nothing. An agreement that does not read shows nothing.
func registerEntry(tx *journal.Tx, d *lab.Directory, id narthex.EngagementID) (*client.RegisterEntry, error) {
	e, err := engagementOf(tx, id)
	if err != nil || e.Grant == "" {
		return nil, err
	}
	row, err := journal.Get[book.Agreement](tx, store.Agreements, string(e.Agreement))
	if err != nil || row == nil {
		return nil, errors.Join(err, store.ErrDamaged)
	}
	a := row.Agreement
	agreed, err := lab.RegisterOf(a)
	if from := agreed.From(e); err != nil || from.IsZero() || tx.Now().Before(from) {
		return nil, nil
	}
	ends := workflow.EndOf(e)
	if ends.IsZero() {
		ends = a.NotAfter
	}
	entry := client.RegisterEntry{Engagement: e.ID, Pathway: a.Pathway, State: "in force", Summary: e.Application.Answers[summaryQuestion], Access: []string{}, From: a.NotBefore, Until: ends,
		Level: statement.LevelOf(d.Taxonomy, a.Terms, d.Calendar, a.NotBefore, ends).Says, Published: statement.Published(e)}
	if e.State != narthex.Active || !tx.Now().Before(ends) {
		entry.State = "ended"
	}
	for _, term := range a.Terms {
		known, _ := d.Taxonomy.Attribute(term.Attribute)
		if says := strings.TrimSpace(string(term.Attribute) + ": " + known.Says); !slices.Contains(entry.Access, says) {
			entry.Access = append(entry.Access, says)
		}
	}
	slices.Sort(entry.Access)
	if agreed.Organisation {
		org, err := journal.Get[narthex.Org](tx, store.Orgs, string(e.Application.Org))
		if err != nil {
			return nil, err
		}
		if org != nil {
			entry.Organisation = org.Name
		}
	}
	if agreed.Names {
		if entry.People, err = namesOf(tx, append([]narthex.PersonID{e.Application.Applicant}, e.Application.Members...)); err != nil {
			return nil, err
		}
		entry.People = slices.DeleteFunc(entry.People, func(name string) bool { return name == "" }) // of someone who was erased
	}
	return &entry, nil
}

// summaryQuestion is the question of a pathway whose answer is for the public.
const summaryQuestion = "summary"

// Catalogue gives the assets that may be asked for, to anyone: those that a pathway offers, and those that the directory says are
// public. Of no other asset anything tells that there is one.
func (o *Office) Catalogue() (client.Catalogue, error) {
	rules, err := o.Rules.Get()
	if err != nil {
		return client.Catalogue{}, err
	}
	d, out := rules.Directory, client.Catalogue{Assets: []client.PublicAsset{}}
	for _, name := range d.AssetNames() {
		asset := d.Assets[name]
		public := client.PublicAsset{Name: name, Kind: asset.Kind, Offered: []client.AssetOffer{}}
		for _, pathway := range d.PathwayList() {
			for _, offer := range pathway.Offers {
				if known, _ := d.Taxonomy.Attribute(offer.Attribute); slices.Contains(offer.Assets, name) {
					public.Offered = append(public.Offered, client.AssetOffer{Pathway: pathway.Name, Attribute: offer.Attribute, Says: known.Says})
				}
			}
		}
		if asset.Public {
			public.Title = asset.Title
			for _, version := range asset.Versions {
				public.Versions = append(public.Versions, string(version.Name))
			}
		}
		if asset.Public || len(public.Offered) > 0 {
			out.Assets = append(out.Assets, public)
		}
	}
	return out, nil
}
