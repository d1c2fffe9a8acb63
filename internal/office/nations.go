package office

import (
	"context"
	"encoding/base64"
	"io"
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/book"
	"narthex/internal/gateway/live"
	"narthex/internal/journal"
	"narthex/internal/store"
)

// mostNationalities bounds what is recorded of one person.
const mostNationalities = 8

// RecordNationalities records whose national a person from outside is, or with none takes the record away: it is for the programme, who
// alone is shown it, with the person. A call that runs is made again, since it was let in by what was known before.
func (o *Office) RecordNationalities(ctx context.Context, by, target narthex.PersonID, in client.Nationalities) (client.Nationalities, error) {
	list := slices.Clone(in.Nationalities)
	err := o.act(ctx, by, func(tx *journal.Tx, p narthex.Person) error {
		if err := need(p, narthex.Programme); err != nil {
			return err
		}
		person, err := journal.Get[narthex.Person](tx, store.People, string(target))
		switch {
		case err != nil:
			return err
		case person == nil:
			return narthex.WithheldError()
		case person.InLab():
			return narthex.Refusedf("Nationalities are recorded of people from outside alone.")
		case person.State == narthex.PersonRemoved:
			return narthex.Conflictf("That person was removed; nothing is recorded of them any more.")
		case len(list) > mostNationalities || !slices.IsSorted(list) || slices.ContainsFunc(list, func(n string) bool { return n == "" || !isRegion(n) }) || len(slices.Compact(slices.Clone(list))) != len(list):
			return narthex.Invalidf("Nationalities are at most %d countries by their two letters, lower case, each once and in order, such as dz, fr.", mostNationalities).For("nationalities")
		}
		var salt [16]byte
		if _, err := io.ReadFull(o.Journal.Random(), salt[:]); err != nil {
			return err
		}
		record, err := book.SetNations(tx, target, book.Nationalities{List: list, Salt: base64.StdEncoding.EncodeToString(salt[:])})
		if err != nil {
			return err
		}
		_, err = tx.Append(narthex.EntryPersonNationality, narthex.TextField("person", target), narthex.TextField("record", record), narthex.TextField("by", p.ID))
		return err
	})
	if err != nil {
		return client.Nationalities{}, err
	}
	o.Live.Cut(book.Subject("person", target), live.End{Code: "rules_changed", At: o.Journal.Now()})
	return client.Nationalities{Nationalities: append([]string{}, list...)}, nil
}
