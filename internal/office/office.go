// Package office is everything that people do: invite, apply, review, sign, mint, lock, approve the lab's directory.
//
// It promises that each act checks who may do it, on the state as it is, and writes its change and its ledger entry in one
// commit; that what a person may not know looks like what is not there; and that taking away needs one person while giving
// needs two. The API and every later surface call these acts and nothing below them.
//
// It trusts identity for who someone is. It trusts no role but those of the directory in force, and no digest but the one it
// computes. Read next: workflow for the table of an engagement's life, engagement.go, directory.go, lock.go.
package office

import (
	"context"
	"log/slog"
	"sync"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/gateway/live"
	"narthex/internal/identity"
	"narthex/internal/journal"
	"narthex/internal/stamp"
	"narthex/internal/visa"
)

// Office does what people ask.
type Office struct {
	Journal *journal.Journal
	Rules   *book.InForce
	Live    *live.Registry
	Origin  string
	LogKey  string // the ledger's verifier key
	Auditor Auditor
	Desk    *identity.Desk // for what passkeys prove

	VisaSigner *visa.Signer     // of visas that the lab gives
	Marks      narthex.Secret   // with which artefacts are marked for who receives them
	Stamps     *stamp.Authority // nil where signatures are not stamped
	Log        *slog.Logger

	Channels book.Channels // where notices go

	took     took
	register register
	setting  sync.Mutex // a PDF
	stating  sync.Mutex // an access statement, or a folder of evidence
	tracing  sync.Mutex // a file whose marks are looked for
}

// Auditor compares the tables with the ledger's entries.
type Auditor interface {
	// Audit folds all entries anew and compares.
	Audit(ctx context.Context) (client.Audit, error)
	// Last gives the result of the last audit.
	Last() client.Audit
}

// act runs a change for the person of the context's session, as they are at that moment: a role or state that was taken away
// no longer counts, and a lock or the session's end stops a request that had begun before.
func (o *Office) act(ctx context.Context, by narthex.PersonID, change func(tx *journal.Tx, p narthex.Person) error) error {
	return o.Journal.Update(ctx, func(tx *journal.Tx) error {
		p, err := present(ctx, tx, by)
		if err != nil {
			return err
		}
		return change(tx, p)
	})
}

// look runs a reading for a person.
func (o *Office) look(ctx context.Context, by narthex.PersonID, read func(tx *journal.Tx, p narthex.Person) error) error {
	return o.Journal.View(ctx, func(tx *journal.Tx) error {
		p, err := present(ctx, tx, by)
		if err != nil {
			return err
		}
		return read(tx, p)
	})
}

// present gives the person of the context's session, who must be the one that is meant.
func present(ctx context.Context, tx *journal.Tx, by narthex.PersonID) (narthex.Person, error) {
	p, err := identity.Present(ctx, tx)
	if err == nil && p.ID != by {
		err = narthex.UnauthenticatedError()
	}
	if err != nil {
		return p, err
	}
	return book.WithInterests(tx, p)
}

// need refuses a person who has none of the roles. Outsiders learn nothing of it.
func need(p narthex.Person, roles ...narthex.Role) error {
	for _, role := range roles {
		if p.Has(role) {
			return nil
		}
	}
	if !p.InLab() {
		return narthex.WithheldError()
	}
	return narthex.Refusedf("This takes the role %s, which you do not hold. `narthex people list` shows who does.", roles[0])
}

// insider withholds from who is not of the lab.
func insider(p narthex.Person) error {
	if !p.InLab() {
		return narthex.WithheldError()
	}
	return nil
}
