package office

import (
	"cmp"
	"context"
	"slices"

	"narthex"
	"narthex/client"
	"narthex/internal/airlock"
	"narthex/internal/artefact"
	"narthex/internal/book"
	"narthex/internal/journal"
	"narthex/internal/listing"
	"narthex/internal/store"
)

// mostTraced is how many releases of artefacts, the latest, a file is held against.
const mostTraced = 10_000

// TraceRelease looks in a file for the marks of artefacts that were asked to leave, and says for whom those were marked. It is for security,
// custodians and auditors.
func (o *Office) TraceRelease(ctx context.Context, by narthex.PersonID, in client.TraceRelease) (client.Trace, error) {
	out := client.Trace{Found: []client.Traced{}}
	if len(in.Data) == 0 || len(in.Data) > client.MostTrace {
		return out, narthex.Invalidf("A file that is traced has from 1 to %d bytes. Cut a larger one: a hundredth of what was taken does.", client.MostTrace).For("data")
	}
	var rows []book.Release
	err := o.look(ctx, by, func(tx *journal.Tx, p narthex.Person) (err error) {
		if err := need(p, narthex.Security, narthex.Custodian, narthex.Auditor); err != nil {
			return err
		}
		rows, err = book.Latest[book.Release](tx, store.Releases, listing.Marked, mostTraced+1)
		return err
	})
	if err != nil {
		return out, err
	}
	if out.More = len(rows) > mostTraced; out.More {
		rows = rows[1:]
	}
	o.tracing.Lock() // it takes a processor for seconds, so one at a time
	defer o.tracing.Unlock()
	err = o.trace(ctx, rows, artefact.Read(in.Data), &out)
	return out, err
}

// trace holds a sample against the marks of releases.
func (o *Office) trace(ctx context.Context, rows []book.Release, sample artefact.Sample, out *client.Trace) error {
	print, err := artefact.Print(o.Marks)
	if err != nil {
		return err
	}
	out.Values = sample.Values()
	for _, r := range rows {
		if r.Mark != print {
			out.Unknown++
			continue
		}
		out.Marks += len(r.Files)
	}
	for _, r := range rows {
		if r.Mark != print {
			continue
		}
		for _, f := range r.Files {
			if ctx.Err() != nil {
				return narthex.Unavailablef("The search was given up before it was over. Try again with a smaller file.").Because(ctx.Err())
			}
			mark, err := artefact.MarkOf(o.Marks, airlock.Recipient(r.Release, f.Name))
			if err != nil {
				return err
			}
			e := sample.Test(mark)
			if powers, found := sample.Sure(e, out.Marks); found {
				out.Found = append(out.Found, client.Traced{Release: r.ID, State: r.State, Grant: r.Grant, Engagement: r.Engagement, Recipient: r.Author, FetchedAt: r.FetchedAt, Asset: r.Asset, File: f.Name,
					Reviewers: len(r.Votes), Compared: e.Compared, Agreed: e.Agreed, OnceIn: powers})
			}
		}
	}
	slices.SortStableFunc(out.Found, func(a, b client.Traced) int { return cmp.Compare(b.OnceIn, a.OnceIn) })
	return nil
}
