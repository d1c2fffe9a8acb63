package office

import (
	"context"
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/gateway/live"
	"narthex/internal/identity"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/store"
)

// Lab gives which directory is in force and which is proposed. Who is not of the lab sees the digest in force alone.
func (o *Office) Lab(ctx context.Context, by narthex.PersonID, withDiff bool) (client.LabState, error) {
	state := client.LabState{Approvals: []client.LabApproval{}}
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		row, err := book.ReadDirectory(tx)
		if err != nil {
			return err
		}
		state.InForce, state.Single, state.Needed = row.InForce, row.Single, needed(row)
		if !p.InLab() {
			return nil
		}
		state.Proposed, state.Approvals = row.Proposed, append(state.Approvals, row.Approvals...)
		rules, err := o.Rules.Get()
		if err != nil {
			return err
		}
		for _, name := range rules.Directory.AssetNames() {
			asset := rules.Directory.Assets[name]
			asset.Upstream, asset.Versions = narthex.Upstream{}, slices.Clone(asset.Versions)
			for i := range asset.Versions {
				asset.Versions[i].Folder = ""
			}
			state.Assets = append(state.Assets, asset)
		}
		state.Guards = rules.Directory.GuardrailFiles
		if withDiff && row.Proposed != "" {
			files, err := filesOf(tx, row.Proposed)
			if err != nil {
				return err
			}
			state.Diff = lab.Diff(rules.Directory.Files, files)
		}
		return nil
	})
	return state, err
}

// needed is how many custodians must approve.
func needed(row *book.Directory) int {
	if row.Single {
		return 1
	}
	return 2
}

func filesOf(tx *journal.Tx, digest narthex.Digest) (lab.Files, error) {
	row, err := journal.Get[book.Files](tx, store.Files, string(digest))
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, narthex.WithheldError()
	}
	return row.Files, nil
}

// Propose offers a directory for approval. One with problems is refused with all of them; nothing takes effect.
func (o *Office) Propose(ctx context.Context, by narthex.PersonID, in client.LabPropose) (client.LabState, error) {
	// Who asks comes first: reading a directory is work, and strangers do not set it.
	if err := o.look(ctx, by, func(_ *journal.Tx, p narthex.Person) error { return insider(p) }); err != nil {
		return client.LabState{}, err
	}
	files := lab.Files(in.Files)
	directory, problems := lab.Load(files)
	if len(problems) > 0 {
		return client.LabState{}, narthex.Invalidf("The directory has %d problems; run `narthex check` on it. The first: %s", len(problems), problems[0]).For("files")
	}
	if directory.Origin != o.Origin {
		return client.LabState{}, narthex.Invalidf("The origin names the ledger and never changes.").For("files")
	}
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if err := insider(p); err != nil {
			return err
		}
		row, err := book.ReadDirectory(tx)
		if err != nil {
			return err
		}
		if row.InForce == directory.Digest {
			return narthex.Conflictf("That directory is in force already.")
		}
		if !row.Single && directory.SingleCustodian {
			return narthex.Refusedf("This lab has two custodians; it does not go back to a single one.").For("files")
		}
		next := *row
		next.Proposed, next.Proposer, next.Approvals = directory.Digest, p.ID, nil
		if err := journal.Put(tx, store.Files, string(directory.Digest), &book.Files{Files: files}); err != nil {
			return err
		}
		if err := book.WriteDirectory(tx, &next); err != nil {
			return err
		}
		_, err = tx.Append(narthex.EntryDirectoryProposed, narthex.TextField("directory", directory.Digest), narthex.TextField("by", p.ID))
		return err
	})
	if err != nil {
		return client.LabState{}, err
	}
	return o.Lab(ctx, by, true)
}

// Approve approves the proposed directory by its digest. With the last approval it is in force, for every call after, and an
// approval counts while its giver may approve: one that counts again, since a lock was lifted, is told by giving it again,
// and what is being served has ended when this returns.
func (o *Office) Approve(ctx context.Context, by narthex.PersonID, in client.LabApprove) (client.LabState, error) {
	var rules *book.Rules
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		rules = nil
		if err := need(p, narthex.Custodian); err != nil {
			return err
		}
		row, err := book.ReadDirectory(tx)
		if err != nil {
			return err
		}
		if row.Proposed == "" || row.Proposed != in.Digest {
			return narthex.Conflictf("Another directory is proposed than the one you name, or none. Look again: `narthex lab diff`.").For("digest")
		}
		next, again := *row, slices.ContainsFunc(row.Approvals, func(a client.LabApproval) bool { return a.Person == p.ID })
		if !again {
			next.Approvals = append(slices.Clone(row.Approvals), client.LabApproval{Person: p.ID, Name: p.Name, At: tx.Now()})
		}
		counted, err := approving(tx, next.Approvals)
		if err != nil {
			return err
		}
		if again && len(counted) < needed(row) {
			return narthex.Conflictf("You have approved it; a second custodian must.")
		}
		if err := apart(tx, p.ID, counted); err != nil {
			return err
		}
		if !again {
			if _, err := tx.Append(narthex.EntryDirectoryApproved, narthex.TextField("directory", in.Digest), narthex.TextField("by", p.ID)); err != nil {
				return err
			}
		}
		if len(counted) < needed(row) {
			return book.WriteDirectory(tx, &next)
		}
		rules, err = o.putInForce(tx, &next)
		return err
	})
	if err != nil {
		return client.LabState{}, err
	}
	if rules != nil {
		// Not under the caller's context: who leaves now does not leave the node between two directories.
		o.Rules.Follow(context.WithoutCancel(ctx), o.Journal, rules)
		// What is being served was allowed by the old rules. The new ones decide when it is asked again.
		o.Live.CutAll(live.End{Code: "rules_changed", At: o.Journal.Now()})
	}
	return o.Lab(ctx, by, false)
}

// putInForce makes the proposed directory the one in force: its people get their roles, and those who are gone lose theirs.
func (o *Office) putInForce(tx *journal.Tx, row *book.Directory) (*book.Rules, error) {
	files, err := filesOf(tx, row.Proposed)
	if err != nil {
		return nil, err
	}
	directory, problems := lab.Load(files)
	if len(problems) > 0 {
		return nil, problems
	}
	rules, err := book.NewRules(directory)
	if err != nil {
		return nil, err
	}
	if err := PutPeople(tx, o.Journal, directory); err != nil {
		return nil, err
	}
	replaced := row.InForce
	row.InForce, row.Proposed, row.Proposer, row.Approvals, row.Single, row.VisaKeys = directory.Digest, "", "", nil, directory.SingleCustodian, directory.VisaKeys()
	if err := book.WriteDirectory(tx, row); err != nil {
		return nil, err
	}
	_, err = tx.Append(narthex.EntryDirectoryInForce, narthex.TextField("directory", directory.Digest), narthex.TextField("guardrails", directory.GuardrailsDigest()), narthex.TextField("replaces", replaced))
	return rules, err
}

// PutPeople brings the lab's people in line with a directory: new ones are made, roles are set, and whoever is no longer named
// is removed. Nobody who was suspended comes back by it unless the directory changed their roles.
func PutPeople(tx *journal.Tx, j *journal.Journal, d *lab.Directory) error {
	people, err := book.PeopleOf(tx, "")
	if err != nil {
		return err
	}
	for _, named := range d.People {
		at := slices.IndexFunc(people, func(p narthex.Person) bool { return p.Handle == named.Handle })
		person := narthex.Person{State: narthex.PersonInvited}
		if at >= 0 {
			person = people[at]
		} else if person.ID, err = identity.NewID[narthex.PersonID](j.Random()); err != nil {
			return err
		}
		person.Handle, person.Name, person.Email, person.Roles, person.Region = named.Handle, named.Name, named.Email, named.Roles, named.Region
		if err := journal.Put(tx, store.People, string(person.ID), &person); err != nil {
			return err
		}
	}
	for _, person := range people {
		if _, named := d.Person(person.Handle); person.Handle != "" && !named && (person.State != narthex.PersonRemoved || len(person.Roles) > 0) {
			gone := person
			gone.State, gone.Roles = narthex.PersonRemoved, nil
			if err := journal.Put(tx, store.People, string(person.ID), &gone); err != nil {
				return err
			}
		}
	}
	return nil
}
