package demo_test

import (
	"maps"
	"path/filepath"
	"testing"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/lab"
	"narthex/internal/server"
	"narthex/internal/store"
	"narthex/internal/store/sqlite"
	"narthex/internal/testenv"
	"narthex/ledger"
)

// states holds what entries say is over, changed or in force to what the rows say, both ways.
func states(t *testing.T, r store.Reader, size uint64) error {
	said, have := map[string]string{}, map[string]string{}
	directory := book.Directory{}
	err := journal.EachEntry(r, 0, size, func(_ uint64, _ ledger.Record, o ledger.Opening) error {
		note := func(field string) { said[string(o.Type)+" "+o.Text(field)] = "" }
		switch o.Type {
		case narthex.EntryKeyRevoked:
			note("key")
		case narthex.EntrySignerRevoked:
			note("fingerprint")
		case narthex.EntrySessionEnded:
			note("session")
		case narthex.EntryGrantEnded:
			note("grant")
		case narthex.EntryLockLifted:
			note("lock")
		case narthex.EntryPersonChanged:
			said[string(o.Type)+" "+o.Text("person")] = o.Text("state")
		case narthex.EntryInception, narthex.EntryDirectoryInForce:
			directory = book.Directory{InForce: narthex.Digest(o.Text("directory"))}
		case narthex.EntryDirectoryProposed:
			directory.Proposed, directory.Approvals = narthex.Digest(o.Text("directory")), nil
		case narthex.EntryDirectoryApproved:
			if directory.Proposed != "" { // those of the inception stand in no row
				directory.Approvals = append(directory.Approvals, client.LabApproval{Person: narthex.PersonID(o.Text("by"))})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = journal.Read(r, func(tx *journal.Tx) error {
		gather(tx, &err, store.Keys, have, func(k narthex.Key) (narthex.EntryType, string, bool) {
			return narthex.EntryKeyRevoked, string(k.ID), k.Revoked
		})
		gather(tx, &err, store.Signers, have, func(s client.Signer) (narthex.EntryType, string, bool) {
			return narthex.EntrySignerRevoked, s.Fingerprint, !s.RevokedAt.IsZero()
		})
		gather(tx, &err, store.Sessions, have, func(s book.Session) (narthex.EntryType, string, bool) {
			return narthex.EntrySessionEnded, string(s.ID), s.Ended
		})
		gather(tx, &err, store.Grants, have, func(g narthex.Grant) (narthex.EntryType, string, bool) {
			return narthex.EntryGrantEnded, string(g.ID), g.Ended
		})
		gather(tx, &err, store.LockNames, have, func(l book.LockName) (narthex.EntryType, string, bool) {
			return narthex.EntryLockLifted, string(l.Lock.ID), l.Lock.Lifted()
		})
		gather(tx, &err, store.People, have, func(p narthex.Person) (narthex.EntryType, string, bool) {
			changed := p.State == narthex.PersonSuspended || p.State == narthex.PersonRemoved
			if changed {
				have[string(narthex.EntryPersonChanged)+" "+string(p.ID)] = string(p.State)
			}
			return "", "", false
		})
		if err != nil {
			return err
		}
		row, err := book.ReadDirectory(tx)
		if err != nil {
			return err
		}
		if row.InForce != directory.InForce || row.Proposed != directory.Proposed || len(row.Approvals) != len(directory.Approvals) {
			t.Errorf("the directory stands at %+v and the entries at %+v", row, directory)
		}
		for i := range min(len(row.Approvals), len(directory.Approvals)) {
			if row.Approvals[i].Person != directory.Approvals[i].Person {
				t.Errorf("the directory was approved by %s and the entry says %s", row.Approvals[i].Person, directory.Approvals[i].Person)
			}
		}
		return nil
	})
	if !maps.Equal(said, have) {
		t.Errorf("the entries say %v and the rows %v", said, have)
	}
	return err
}

// gather notes the rows of a table that an entry must have made what they are.
func gather[T any](tx *journal.Tx, failed *error, table store.Table, into map[string]string, of func(T) (narthex.EntryType, string, bool)) {
	rows, err := journal.Scan[T](tx, table, store.Span{Limit: 10_000})
	if err != nil {
		*failed = err
		return
	}
	for _, row := range rows {
		if entry, id, is := of(*row.Row); is {
			into[string(entry)+" "+id] = ""
		}
	}
}

// TestEveryEndHasItsEntry does what the story does not, and holds each entry to its row.
func TestEveryEndHasItsEntry(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	ctx := t.Context()
	grant, _ := e.Grant(t, "", testenv.Tokens(1000, nil))
	e.Outsiders(t, "2", "Second")
	ada, sam, carol, dan := e.People["ada"], e.People["sam"], e.People["carol"], e.People["dan"]
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	minted, err := ada.Mint(ctx, grant.ID, client.Mint{Label: "second"})
	must(err)
	_, err = ada.RevokeKey(ctx, minted.Key.ID)
	must(err)
	lock, err := sam.Lock(ctx, client.LockRequest{Subject: "asset", Target: "model", Reason: "safety"})
	must(err)
	_, err = carol.Unlock(ctx, lock.Lock.ID)
	must(err)
	signers, err := ada.Signers(ctx)
	must(err)
	_, err = ada.RevokeSigner(ctx, signers.Signers[0].Fingerprint)
	must(err)
	_, err = carol.Suspend(ctx, e.People["ada2"].ID, "left")
	must(err)
	_, err = carol.Remove(ctx, e.People["otto2"].ID, "left")
	must(err)
	_, err = ada.Command(ctx, grant.Engagement, "end", client.Command{Reason: "done"})
	must(err)
	files, err := lab.ReadDir(filepath.Join(e.Dir, "lab"))
	must(err)
	for _, rule := range []string{"first", "second"} {
		files["guardrails/test.cedar"] = []byte("@id(\"" + rule + "\")\nforbid (principal, action, resource);\n")
		_, err = carol.Propose(ctx, files)
		must(err)
		_, err = carol.ApproveLab(ctx, files.Digest())
		must(err)
		if rule == "first" {
			_, err = dan.ApproveLab(ctx, files.Digest())
			must(err)
		}
	}
	must(ada.Logout(ctx))
	must(e.Node.Close())
	data := filepath.Join(e.Dir, "data")
	report, _, err := server.VerifyDir(ctx, data, "")
	must(err)
	for _, entry := range []narthex.EntryType{narthex.EntryKeyRevoked, narthex.EntryLockLifted, narthex.EntrySignerRevoked, narthex.EntryPersonChanged, narthex.EntryGrantEnded, narthex.EntryDirectoryInForce, narthex.EntryDirectoryProposed, narthex.EntrySessionEnded} {
		if report.ByType[entry] == 0 {
			t.Errorf("there is no %s", entry)
		}
	}
	s, err := sqlite.Open(ctx, data)
	must(err)
	defer s.Close()
	must(s.View(ctx, func(r store.Reader) error { return compare(t, r, report) }))
}
